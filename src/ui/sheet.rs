//! The page of a dialog: lines of content that scroll, and a line of buttons that never does.
use super::{
    Theme, plain,
    widget::{centered, cut, wrap},
};
use crate::app::dialog::{Note, Tone};
use ratatui::{
    Frame,
    layout::{Position, Rect},
    style::Style,
    text::{Line, Span},
    widgets::{Clear, Widget},
};
use unicode_width::UnicodeWidthStr;

/// The content of a dialog while it is put together.
pub(super) struct Sheet<'a> {
    pub(super) theme: &'a Theme,
    /// Columns between the margins.
    pub(super) width: u16,
    lines: Vec<Line<'a>>,
    /// The column and line of the cursor.
    cursor: Option<(u16, usize)>,
    /// The line that must stay in view.
    focus: usize,
    /// How many lines a person has scrolled away.
    pub(super) scrolled: usize,
    /// What is asked in the first lines: it is the title where they are scrolled away.
    question: Option<String>,
}

impl<'a> Sheet<'a> {
    /// Wide enough for `wanted` columns where `area` has them.
    pub(super) fn new(theme: &'a Theme, area: Rect, wanted: u16) -> Self {
        let width = wanted.min(area.width.saturating_sub(6)).max(20);
        Self { theme, width, lines: Vec::new(), cursor: None, focus: 0, scrolled: 0, question: None }
    }

    pub(super) fn line(&mut self, line: impl Into<Line<'a>>) {
        self.lines.push(line.into());
    }

    pub(super) fn gap(&mut self) {
        self.line("");
    }

    /// A paragraph, broken into as many lines as it needs, each moved in by `indent` columns.
    pub(super) fn text(&mut self, text: &str, style: Style, indent: u16) {
        let room = self.width.saturating_sub(indent).max(10);
        for part in wrap(&plain::sentence(text, self.theme.ascii), room) {
            self.line(Line::from(vec![Span::raw(" ".repeat(indent.into())), Span::styled(part, style)]));
        }
    }

    /// What the dialog asks, before all else.
    pub(super) fn question(&mut self, text: &str) {
        self.text(text, self.theme.selected, 0);
        self.question = Some(plain::sentence(text, self.theme.ascii).into_owned());
    }

    pub(super) fn note(&mut self, note: &Note) {
        self.text(&note.text, tone(self.theme, note.tone), 0);
    }

    /// The next line is the one that has the focus.
    pub(super) fn focus_here(&mut self) {
        self.focus = self.lines.len();
    }

    /// The cursor stands in the next line, in this column.
    pub(super) fn cursor_here(&mut self, column: u16) {
        self.cursor = Some((column, self.lines.len()));
        self.focus_here();
    }

    /// Draws it in the middle of `area` under `title`, as high as it needs and the screen allows.
    pub(super) fn render(self, frame: &mut Frame<'_>, area: Rect, title: &str, buttons: Line<'_>) {
        let count = u16::try_from(self.lines.len()).unwrap_or(u16::MAX);
        let place = centered(area, self.width + 4, count.saturating_add(4));
        frame.render_widget(Clear, place);
        halve(frame, place);
        let room = usize::from(place.height.saturating_sub(4));
        let last = self.lines.len();
        // One line below the focus stays in view: the sentence about it.
        let skipped = (self.focus + 2).min(last).saturating_sub(room).max(self.scrolled.min(last.saturating_sub(room)));
        let asked =
            self.question.filter(|_| skipped > 0).map(|question| cut(&question, place.width.saturating_sub(18)));
        let title = asked.as_deref().unwrap_or(title);
        let inside = super::pane::bordered(frame, place, Some(title), self.theme.accent, self.theme);
        let inner = Rect { x: inside.x + 1, width: inside.width.saturating_sub(2), ..inside };
        for (line, row) in self.lines.iter().skip(skipped).take(room).zip(inner.rows()) {
            line.render(row, frame.buffer_mut());
        }
        let more =
            |n: usize, arrow: &str| Line::from(format!(" {arrow} {n} more ")).style(self.theme.dim).right_aligned();
        if skipped > 0 {
            let [up, _] = self.theme.arrows;
            let at = Rect { height: 1, width: place.width - 2, ..place };
            more(skipped, up).render(at, frame.buffer_mut());
        }
        let below = last.saturating_sub(skipped + room);
        if below > 0 {
            let [_, down] = self.theme.arrows;
            let at = Rect { y: inner.bottom().saturating_sub(2), height: 1, ..inner };
            more(below, down).render(at, frame.buffer_mut());
        }
        let at = Rect { y: inner.bottom().saturating_sub(1), height: 1, ..inner };
        buttons.right_aligned().render(at, frame.buffer_mut());
        if let Some((column, line)) = self.cursor
            && let Some(row) = line.checked_sub(skipped).filter(|row| *row < room)
        {
            let y = inner.y + u16::try_from(row).unwrap_or(0);
            frame.set_cursor_position(Position::new((inner.x + column).min(inner.right().saturating_sub(1)), y));
        }
    }
}

/// A wide character that reaches under the left edge would take the edge's place on the terminal.
fn halve(frame: &mut Frame<'_>, place: Rect) {
    let Some(x) = place.x.checked_sub(1) else { return };
    for y in place.top()..place.bottom() {
        let cell = frame.buffer_mut().cell_mut(Position::new(x, y));
        if let Some(cell) = cell.filter(|cell| cell.symbol().width() > 1) {
            cell.set_symbol(" ");
        }
    }
}

pub(super) fn tone(theme: &Theme, tone: Tone) -> Style {
    match tone {
        Tone::Plain => theme.text,
        Tone::Aside => theme.dim,
        Tone::Good => theme.good,
        Tone::Warning => theme.warning,
        Tone::Bad => theme.bad,
    }
}

/// `[ Enter grow ]  Esc leave`: the first is what Enter does.
pub(super) fn buttons(theme: &Theme, enter: (&str, &str), leave: (&str, &str)) -> Line<'static> {
    Line::from(vec![
        Span::styled("[ ", theme.accent),
        Span::styled(enter.0.to_owned(), theme.key),
        Span::styled(format!(" {} ]", enter.1), theme.accent),
        Span::raw("  "),
        Span::styled(leave.0.to_owned(), theme.key),
        Span::styled(format!(" {}", leave.1), theme.dim),
    ])
}
