//! What changes in a text: gone in red with a minus, new in green with a plus.
use super::{Theme, sheet::Sheet, widget::cut};
use crate::{
    app::dialog::Review,
    domain::{DiffLine, clean},
    input::{Action, KeyMap},
};
use ratatui::text::{Line, Span};

/// The most of one line that is taken, in characters: it is cut to the page anyway.
const LONGEST: usize = 500;

pub(super) fn fill(sheet: &mut Sheet<'_>, review: &Review) {
    let theme = sheet.theme;
    for note in &review.notes {
        sheet.note(note);
    }
    if !review.notes.is_empty() {
        sheet.gap();
    }
    for line in &review.lines {
        let (mark, text, style) = match line {
            DiffLine::Same(text) => (" ", clean(text, LONGEST), theme.dim),
            DiffLine::Gone(text) => ("-", clean(text, LONGEST), theme.bad),
            DiffLine::New(text) => ("+", clean(text, LONGEST), theme.good),
            DiffLine::Skipped(1) => (" ", "· 1 line as it was".into(), theme.dim),
            DiffLine::Skipped(count) => (" ", format!("· {count} lines as they were").into(), theme.dim),
        };
        let text = cut(&text, sheet.width.saturating_sub(2));
        sheet.line(Line::styled(format!("{mark} {text}"), style));
    }
    sheet.scrolled = review.scroll;
}

/// What can be said to it: nothing is marked, so that Enter alone sends nothing.
pub(super) fn buttons(theme: &Theme, keys: &KeyMap, yes: &'static str) -> Line<'static> {
    let button = |action, word: &str| {
        [Span::styled(keys.first(action), theme.key), Span::styled(format!(" {word}  "), theme.accent)]
    };
    let all = [button(Action::Yes, yes), button(Action::EditAgain, "edit again"), button(Action::No, "leave it")];
    Line::from(all.into_iter().flatten().collect::<Vec<_>>())
}
