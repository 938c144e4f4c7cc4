//! A line into cells. What is plain, nearly everything, is not taken apart into graphemes: that would be most of the work
//! of a frame.
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::Style,
    text::{Line, Span},
    widgets::Widget,
};

/// Draws `line` as it draws itself, into the first row of `area`.
pub(crate) fn put(buffer: &mut Buffer, area: Rect, line: &Line<'_>) {
    if line.style != Style::new() || line.alignment.is_some() {
        return line.render(area, buffer);
    }
    let mut left = Rect { height: 1, ..area }.intersection(buffer.area);
    for span in &line.spans {
        if left.is_empty() {
            return;
        }
        let used = if span.content.chars().all(is_plain) {
            plain(buffer, left, span)
        } else {
            span.render(left, buffer);
            u16::try_from(span.width()).unwrap_or(u16::MAX)
        };
        let used = used.min(left.width);
        left = Rect { x: left.x + used, width: left.width - used, ..left };
    }
}

/// One column wide, and nothing joins it to its neighbours: ASCII, lines, blocks, and the marks that stand among them.
const fn is_plain(c: char) -> bool {
    matches!(c, ' '..='~' | '·' | '–' | '─'..='◑')
}

/// A character, a cell. Returns how many.
fn plain(buffer: &mut Buffer, left: Rect, span: &Span<'_>) -> u16 {
    let from = buffer.index_of(left.x, left.y);
    let cells = buffer.content.iter_mut().skip(from).take(left.width.into());
    let mut used = 0;
    for (cell, symbol) in cells.zip(span.content.chars()) {
        cell.set_char(symbol).set_style(span.style);
        used += 1;
    }
    used
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::style::{Color, Modifier};

    #[test]
    fn what_is_plain_is_one_column_wide() {
        let plain = (0..=u32::from(char::MAX)).filter_map(char::from_u32).filter(|c| is_plain(*c));
        assert!(plain.clone().count() > 300);
        for symbol in plain {
            assert_eq!(Span::raw(symbol.to_string()).width(), 1, "{symbol}");
        }
    }

    #[test]
    fn a_line_looks_as_if_it_drew_itself() {
        let bold = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD);
        let texts = ["web1", "", "日本語", " a\u{301}b", "tail", "\u{200b}", "●", "▌░·–", "⚠\u{fe0f}", "x"];
        let line: Line<'_> = texts.iter().map(|text| Span::styled(*text, bold)).collect();
        let lines =
            [line.clone(), line.clone().style(Style::new().bg(Color::Blue)), line.right_aligned(), "plain".into()];
        let whole = Rect::new(0, 0, 30, 3);
        for (line, width) in lines.iter().flat_map(|line| (0..40).map(move |width| (line, width))) {
            let (mut ours, mut theirs) = (Buffer::filled(whole, '#'.into()), Buffer::filled(whole, '#'.into()));
            put(&mut ours, Rect::new(1, 1, width, 1), line);
            line.render(Rect::new(1, 1, width, 1), &mut theirs);
            assert_eq!(ours, theirs, "{width}");
        }
    }
}
