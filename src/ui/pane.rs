use super::{Theme, widget::cut};
use ratatui::{
    Frame,
    layout::Rect,
    text::{Line, Span},
    widgets::{Block, Paragraph},
};

/// A bordered area with a title; returns what is inside.
pub(super) fn frame_of(frame: &mut Frame<'_>, area: Rect, title: &str, theme: &Theme) -> Rect {
    let title = cut(title, area.width.saturating_sub(4));
    let block = Block::bordered()
        .border_set(theme.border)
        .border_style(theme.dim)
        .title(Span::styled(format!(" {title} "), theme.title));
    let inner = block.inner(area);
    frame.render_widget(block, area);
    inner
}

/// Lines in a bordered area, scrolled so far that the last stays in view; what is hidden is told at the right.
pub(super) fn page(frame: &mut Frame<'_>, area: Rect, title: &str, lines: Vec<Line<'_>>, scroll: usize, theme: &Theme) {
    let inner = frame_of(frame, area, title, theme);
    let height = usize::from(inner.height);
    let total = lines.len();
    let from = scroll.min(total.saturating_sub(height));
    let shown: Vec<Line<'_>> = lines.into_iter().skip(from).take(height).collect();
    frame.render_widget(Paragraph::new(shown), inner);
    let [up, down] = theme.arrows;
    let right = area.right().saturating_sub(1);
    if from > 0 {
        frame.render_widget(Span::styled(up, theme.accent), Rect::new(right, inner.y, 1, 1));
    }
    if from + height < total && inner.height > 0 {
        frame.render_widget(Span::styled(down, theme.accent), Rect::new(right, inner.bottom() - 1, 1, 1));
    }
}
