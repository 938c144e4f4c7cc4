//! A line into cells. What is plain, nearly everything, is not taken apart into graphemes: that would be most of the work
//! of a frame.
use super::text::shortened;
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::Style,
    text::{Line, Span},
    widgets::Widget,
};
use unicode_width::UnicodeWidthStr as _;

/// Draws `line` as it draws itself, into the first row of `area`.
pub(crate) fn put(buffer: &mut Buffer, area: Rect, line: &Line<'_>) {
    if line.style != Style::new() || line.alignment.is_some() {
        return line.render(area, buffer);
    }
    let mut pen = Pen::new(buffer, area);
    for span in &line.spans {
        pen.put(&span.content, span.style);
    }
}

/// Writes a row from left to right; what goes beyond its end is cut.
pub(crate) struct Pen<'a> {
    buffer: &'a mut Buffer,
    /// What is left of the row.
    left: Rect,
}

impl<'a> Pen<'a> {
    /// At the left end of the first row of `area`.
    pub(crate) fn new(buffer: &'a mut Buffer, area: Rect) -> Self {
        let left = Rect { height: 1, ..area }.intersection(buffer.area);
        Self { buffer, left }
    }

    /// Goes on by so many columns, where nothing is written.
    pub(crate) fn skip(&mut self, columns: u16) {
        let used = columns.min(self.left.width);
        self.left = Rect { x: self.left.x + used, width: self.left.width - used, ..self.left };
    }

    pub(crate) fn put(&mut self, text: &str, style: Style) {
        if text.chars().all(is_plain) {
            return self.symbols(text.chars(), style);
        }
        if self.left.is_empty() {
            return;
        }
        let span = Span::styled(text, style);
        (&span).render(self.left, self.buffer);
        self.skip(u16::try_from(span.width()).unwrap_or(u16::MAX));
    }

    /// A plain character several times.
    pub(crate) fn fill(&mut self, symbol: char, columns: u16, style: Style) {
        self.symbols(std::iter::repeat_n(symbol, columns.into()), style);
    }

    /// Cleaned, and cut to so many columns, at their left end.
    pub(crate) fn fit(&mut self, text: &str, columns: u16, style: Style) {
        self.column(text, columns, style, false);
    }

    /// Cleaned, and cut to so many columns, at their right end.
    pub(crate) fn fit_right(&mut self, text: &str, columns: u16, style: Style) {
        self.column(text, columns, style, true);
    }

    fn column(&mut self, text: &str, columns: u16, style: Style, right: bool) {
        // What nearly all is, at once.
        if text.len() <= columns.into() && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            let blank = columns - u16::try_from(text.len()).unwrap_or(columns);
            self.skip(if right { blank } else { 0 });
            self.symbols(text.chars(), style);
            return self.skip(if right { 0 } else { blank });
        }
        let text = shortened(text, columns);
        let blank = columns.saturating_sub(u16::try_from(text.width()).unwrap_or(u16::MAX));
        let (before, after) = if right { (blank, 0) } else { (0, blank) };
        self.skip(before);
        self.put(&text, style);
        self.skip(after);
    }

    /// Plain characters, a cell each.
    fn symbols(&mut self, symbols: impl Iterator<Item = char>, style: Style) {
        if self.left.is_empty() {
            return;
        }
        let from = self.buffer.index_of(self.left.x, self.left.y);
        let cells = self.buffer.content.iter_mut().skip(from).take(self.left.width.into());
        let mut used = 0;
        for (cell, symbol) in cells.zip(symbols) {
            cell.set_char(symbol).set_style(style);
            used += 1;
        }
        self.skip(used);
    }
}

/// One column wide, and nothing joins it to its neighbours: ASCII, lines, blocks, and the marks that stand among them.
const fn is_plain(c: char) -> bool {
    matches!(c, ' '..='~' | '·' | '–' | '─'..='◑')
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
    fn nothing_is_written_beyond_the_end_of_the_buffer() {
        let mut buffer = Buffer::filled(Rect::new(0, 0, 4, 1), '#'.into());
        let mut pen = Pen::new(&mut buffer, Rect::new(0, 0, 4, 1));
        pen.fit("abcdef", 4, Style::new());
        for text in ["x", "日", ""] {
            pen.fit(text, 3, Style::new());
            pen.fit_right(text, 3, Style::new());
            pen.put(text, Style::new());
        }
        pen.fill('x', 2, Style::new());
        assert_eq!(buffer, Buffer::with_lines(["abc…"]));
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
