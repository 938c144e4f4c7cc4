//! A line into cells. What is plain ASCII, nearly everything, is not taken apart into graphemes: that would be most of the
//! work of a frame.
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
        let used = if span.content.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            ascii(buffer, left, span)
        } else {
            span.render(left, buffer);
            u16::try_from(span.width()).unwrap_or(u16::MAX)
        };
        let used = used.min(left.width);
        left = Rect { x: left.x + used, width: left.width - used, ..left };
    }
}

/// A character, a cell. Returns how many.
fn ascii(buffer: &mut Buffer, left: Rect, span: &Span<'_>) -> u16 {
    let from = buffer.index_of(left.x, left.y);
    let cells = buffer.content.iter_mut().skip(from).take(left.width.into());
    let mut used = 0;
    for (cell, byte) in cells.zip(span.content.bytes()) {
        cell.set_char(byte.into()).set_style(span.style);
        used += 1;
    }
    used
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::style::{Color, Modifier};

    #[test]
    fn a_line_looks_as_if_it_drew_itself() {
        let bold = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD);
        let texts = ["web1", "", "日本語", " a\u{301}b", "tail", "\u{200b}", "●", "x"];
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
