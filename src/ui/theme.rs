//! Styles by meaning. All are among the sixteen colours that every terminal has, in the person's own shades.
use ratatui::{
    style::{Color, Modifier, Style},
    symbols::border,
};

/// How things look: every style and mark of the screens.
#[derive(Clone, Debug)]
pub struct Theme {
    /// Only ASCII characters.
    pub ascii: bool,
    pub border: border::Set<'static>,
    /// The mark of the selected row.
    pub marker: &'static str,
    /// Around something that can be changed with left and right.
    pub angles: [&'static str; 2],
    /// From old to new.
    pub arrow: &'static str,
    /// There is more above, more below.
    pub arrows: [&'static str; 2],
    /// The bars of a graph, from the lowest.
    pub bars: [&'static str; 8],
    /// Between the parts of a title.
    pub dot: &'static str,
    pub text: Style,
    /// Not of the first importance, or not to be had now.
    pub dim: Style,
    /// What moves, what has the focus.
    pub accent: Style,
    /// The name of the selected row.
    pub selected: Style,
    /// What gives way to the next thing typed.
    pub marked: Style,
    pub title: Style,
    /// Headings of columns.
    pub heading: Style,
    /// A key that works.
    pub key: Style,
    pub good: Style,
    pub warning: Style,
    pub bad: Style,
}

impl Theme {
    /// Without `colour` (`NO_COLOR`): bold and dim alone.
    pub fn new(colour: bool, ascii: bool) -> Self {
        let fg = |c: Color| if colour { Style::new().fg(c) } else { Style::new() };
        let bold = Style::new().add_modifier(Modifier::BOLD);
        let dim = if colour { Style::new().fg(Color::DarkGray) } else { Style::new().add_modifier(Modifier::DIM) };
        let pick = |fine, plain| if ascii { plain } else { fine };
        Self {
            ascii,
            border: if ascii { ASCII } else { border::PLAIN },
            marker: pick("▸", ">"),
            angles: if ascii { ["<", ">"] } else { ["‹", "›"] },
            arrow: pick("→", "->"),
            arrows: if ascii { ["^", "v"] } else { ["▲", "▼"] },
            bars: if ascii {
                ["_", ".", ":", "-", "=", "+", "*", "#"]
            } else {
                ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]
            },
            dot: pick("·", "|"),
            text: Style::new(),
            dim,
            accent: fg(Color::Cyan),
            selected: bold,
            marked: Style::new().add_modifier(Modifier::REVERSED),
            title: bold,
            heading: dim,
            key: fg(Color::Cyan).add_modifier(Modifier::BOLD),
            good: fg(Color::Green),
            warning: fg(Color::Yellow),
            bad: fg(Color::Red).add_modifier(Modifier::BOLD),
        }
    }

    /// The mark before what a person has cancelled.
    pub const fn cancelled(&self) -> &'static str {
        if self.ascii { "-" } else { "–" }
    }

    /// The mark before an outcome: done, failed, unknown.
    pub const fn verdict(&self) -> [&'static str; 3] {
        if self.ascii { ["+", "x", "?"] } else { ["✔", "✖", "?"] }
    }
}

impl Default for Theme {
    fn default() -> Self {
        Self::new(true, false)
    }
}

const ASCII: border::Set<'static> = border::Set {
    top_left: "+",
    top_right: "+",
    bottom_left: "+",
    bottom_right: "+",
    vertical_left: "|",
    vertical_right: "|",
    horizontal_top: "-",
    horizontal_bottom: "-",
};
