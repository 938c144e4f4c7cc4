use super::{
    Theme,
    widget::{cut, put},
};
use ratatui::{
    Frame,
    layout::{Margin, Rect},
    style::Style,
    text::{Line, Span},
    widgets::Paragraph,
};

/// A bordered area with a title; returns what is inside.
pub(super) fn frame_of(frame: &mut Frame<'_>, area: Rect, title: &str, theme: &Theme) -> Rect {
    bordered(frame, area, Some(title), theme.dim, theme)
}

/// [`frame_of`] in a style of its own. Only the border is touched: ratatui's `Block` goes over what is inside, too.
pub(super) fn bordered(frame: &mut Frame<'_>, area: Rect, title: Option<&str>, style: Style, theme: &Theme) -> Rect {
    let area = area.intersection(frame.area());
    let inner = area.inner(Margin::new(1, 1));
    if area.width < 2 || area.height < 2 {
        return inner;
    }
    let (set, buffer) = (&theme.border, frame.buffer_mut());
    let (right, bottom) = (area.right() - 1, area.bottom() - 1);
    let mut line = |x, y, symbol| {
        buffer.cell_mut((x, y)).map(|cell| cell.set_symbol(symbol).set_style(style));
    };
    for x in area.x + 1..right {
        line(x, area.y, set.horizontal_top);
        line(x, bottom, set.horizontal_bottom);
    }
    for y in area.y + 1..bottom {
        line(area.x, y, set.vertical_left);
        line(right, y, set.vertical_right);
    }
    line(area.x, area.y, set.top_left);
    line(right, area.y, set.top_right);
    line(area.x, bottom, set.bottom_left);
    line(right, bottom, set.bottom_right);
    if let Some(title) = title {
        let title = format!(" {} ", cut(title, area.width.saturating_sub(4)));
        put(buffer, Rect { height: 1, ..area.inner(Margin::new(1, 0)) }, &Span::styled(title, theme.title).into());
    }
    inner
}

/// Lines in a bordered area, scrolled so far that the last stays in view; what is hidden is told at the right. Returns how
/// far they can be scrolled.
pub(super) fn page(
    frame: &mut Frame<'_>,
    area: Rect,
    title: &str,
    lines: Vec<Line<'_>>,
    scroll: usize,
    theme: &Theme,
) -> usize {
    let inner = frame_of(frame, area, title, theme);
    let height = usize::from(inner.height);
    let total = lines.len();
    let from = scroll.min(total.saturating_sub(height));
    let shown: Vec<Line<'_>> = lines.into_iter().skip(from).take(height).collect();
    frame.render_widget(Paragraph::new(shown), inner);
    hidden(frame, Rect { width: inner.width + 1, ..inner }, (from, total), theme);
    total.saturating_sub(height)
}

/// Marks in the last column of `area` whether of `total` lines, shown there after the first `from`, some are hidden above
/// or below.
pub(super) fn hidden(frame: &mut Frame<'_>, area: Rect, (from, total): (usize, usize), theme: &Theme) {
    let [up, down] = theme.arrows;
    let last = Rect { x: area.right().saturating_sub(1), width: 1, height: 1, ..area };
    if from > 0 && area.height > 0 {
        frame.render_widget(Span::styled(up, theme.accent), last);
    }
    if from + usize::from(area.height) < total && area.height > 0 {
        frame.render_widget(Span::styled(down, theme.accent), Rect { y: area.bottom() - 1, ..last });
    }
}
