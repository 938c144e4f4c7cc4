//! The dialog that is open, over everything else.
//!
//! ```text
//! ┌ Title: what it is about, and the host ───────────────┐
//! │ content, scrolled so that the focus is in view       │
//! │                            [ Enter grow ]  Esc leave │
//! └──────────────────────────────────────────────────────┘
//! ```
use super::{
    Theme, form, grow, review,
    sheet::{Sheet, buttons},
    widget::{cut, window},
};
use crate::{
    app::{
        App,
        dialog::{Body, Choose, Confirm, Dialog, Prompt, Toggle, Typed},
    },
    domain::clean_line,
    input::Action,
};
use ratatui::{
    Frame,
    layout::Rect,
    text::{Line, Span},
};

/// Columns of content that a dialog takes where the screen has them.
const NARROW: u16 = 54;
const WIDE: u16 = 68;
const WIDEST: u16 = 112;

/// Rows of a list that are shown at once.
const ROWS: usize = 10;

pub(super) fn render(frame: &mut Frame<'_>, area: Rect, dialog: &Dialog, app: &App, theme: &Theme) {
    let keys = &app.settings.keymap;
    let wanted = match &dialog.body {
        Body::Form(form) if form.fields.len() > 1 => WIDE,
        Body::Choose(_) => WIDE,
        Body::Review(_) => WIDEST,
        _ => NARROW,
    };
    let mut sheet =
        Sheet::new(theme, area, wanted.max(u16::try_from(dialog.title.chars().count()).unwrap_or(0).min(WIDE)));
    let name = |action| capital(&keys.first(action));
    let (enter, leave) = (name(Action::Accept), name(Action::Leave));
    let plain = |yes: &str| buttons(theme, (&enter, yes), (&leave, "leave"));
    let buttons = match &dialog.body {
        Body::Reading(what) => {
            sheet.text(what, theme.dim, 0);
            Line::from(vec![Span::styled(leave.clone(), theme.key), Span::styled(" leave", theme.dim)])
        }
        Body::Confirm(confirm) => {
            self::confirm(&mut sheet, confirm);
            yes_no(theme, confirm.is_yes, (&keys.first(Action::Yes), confirm.yes), &keys.first(Action::No))
        }
        Body::Typed(typed) => {
            self::typed(&mut sheet, typed);
            plain(typed.yes)
        }
        Body::Prompt(prompt) => {
            self::prompt(&mut sheet, prompt);
            plain(prompt.yes)
        }
        Body::Form(form) if form.is_leaving => {
            form::fill(&mut sheet, form);
            Line::from(vec![
                Span::styled("Throw away what was filled in?  ", theme.warning),
                Span::styled("y", theme.key),
                Span::styled(" yes  ", theme.text),
                Span::styled("[ ", theme.accent),
                Span::styled("n", theme.key),
                Span::styled(" no ]", theme.accent),
            ])
        }
        Body::Form(form) => {
            form::fill(&mut sheet, form);
            plain(form.yes)
        }
        Body::Choose(choose) => {
            self::choose(&mut sheet, choose);
            plain(choose.yes)
        }
        Body::Review(review) => {
            review::fill(&mut sheet, review);
            review::buttons(theme, keys, review.yes)
        }
        Body::Grow(grow) => {
            grow::fill(&mut sheet, grow, &dialog.host, app);
            plain("grow")
        }
    };
    sheet.render(frame, area, &clean_line(&dialog.title), buttons);
}

/// `esc` as it stands on the key.
fn capital(key: &str) -> String {
    let mut chars = key.chars();
    match (chars.next(), key.len()) {
        (Some(first), 2..) => first.to_uppercase().chain(chars).collect(),
        _ => key.to_owned(),
    }
}

/// The marked button stands in brackets: no at first.
fn yes_no(theme: &Theme, is_yes: bool, yes: (&str, &str), no: &str) -> Line<'static> {
    let button = |key: &str, word: &str, is_marked: bool| {
        let [left, right] = if is_marked { ["[ ", " ]"] } else { ["  ", "  "] };
        let style = if is_marked { theme.accent } else { theme.dim };
        [
            Span::styled(left, style),
            Span::styled(key.to_owned(), theme.key),
            Span::styled(format!(" {word}"), style),
            Span::styled(right, style),
        ]
    };
    button(yes.0, yes.1, is_yes).into_iter().chain(button(no, "leave it", !is_yes)).collect()
}

fn confirm(sheet: &mut Sheet<'_>, confirm: &Confirm) {
    sheet.question(&confirm.question);
    if !confirm.notes.is_empty() {
        sheet.gap();
    }
    for note in &confirm.notes {
        sheet.note(note);
    }
    if let Some(toggle) = &confirm.toggle {
        sheet.gap();
        self::toggle(sheet, toggle);
    }
}

fn toggle(sheet: &mut Sheet<'_>, toggle: &Toggle) {
    let theme = sheet.theme;
    let [left, right] = theme.angles;
    sheet.line(Line::from(vec![
        Span::styled(format!("{}  ", toggle.label), theme.dim),
        Span::styled(format!("{left} "), theme.accent),
        Span::styled(toggle.word(), theme.selected),
        Span::styled(format!(" {right}"), theme.accent),
        Span::styled("  Up, Down", theme.dim),
    ]));
}

fn typed(sheet: &mut Sheet<'_>, typed: &Typed) {
    let theme = sheet.theme;
    sheet.question(&typed.question);
    if typed.told().next().is_some() {
        sheet.gap();
    }
    for note in typed.told() {
        sheet.note(note);
    }
    if let Some(toggle) = &typed.toggle {
        sheet.gap();
        self::toggle(sheet, toggle);
    }
    sheet.gap();
    sheet.text(&format!("Type {} to go on:", clean_line(&typed.name)), theme.text, 0);
    let (text, cursor) = window(&typed.input, sheet.width.saturating_sub(2), false);
    sheet.cursor_here(2 + cursor);
    let style = match (typed.matches(), typed.is_on_the_way()) {
        (true, _) => theme.good,
        (false, true) => theme.text,
        (false, false) => theme.bad,
    };
    sheet.line(Line::from(vec![Span::styled(format!("{} ", theme.marker), theme.accent), Span::styled(text, style)]));
    match typed.hasty || !typed.is_on_the_way() {
        true => sheet.text(&format!("That is not {}: nothing was done.", clean_line(&typed.name)), theme.bad, 2),
        false => sheet.gap(),
    }
}

fn prompt(sheet: &mut Sheet<'_>, prompt: &Prompt) {
    let theme = sheet.theme;
    for note in &prompt.notes {
        sheet.note(note);
    }
    sheet.gap();
    let (text, cursor) = window(&prompt.input, sheet.width.saturating_sub(2), prompt.is_secret);
    sheet.cursor_here(2 + cursor);
    sheet.line(Line::from(vec![
        Span::styled(format!("{} ", theme.marker), theme.accent),
        Span::styled(text, theme.selected),
    ]));
}

fn choose(sheet: &mut Sheet<'_>, choose: &Choose) {
    let theme = sheet.theme;
    for note in &choose.notes {
        sheet.note(note);
    }
    if !choose.notes.is_empty() {
        sheet.gap();
    }
    if choose.choices.is_empty() {
        sheet.text(&choose.empty, theme.dim, 0);
        return;
    }
    let (text, cursor) = window(&choose.filter, sheet.width.saturating_sub(8), false);
    let shown: Vec<_> = choose.shown().collect();
    let count = format!("{} of {}", shown.len(), choose.choices.len());
    sheet.cursor_here(8 + cursor);
    sheet.line(Line::from(vec![Span::styled("Filter  ", theme.dim), Span::styled(text, theme.selected)]));
    let first = (choose.at + 1).saturating_sub(ROWS);
    let name = shown.iter().map(|c| clean_line(&c.value).chars().count()).max().unwrap_or(0).min(40);
    for (row, choice) in shown.iter().enumerate().skip(first).take(ROWS) {
        let (mark, style) = if row == choose.at { (theme.marker, theme.selected) } else { (" ", theme.text) };
        let room = u16::try_from(name).unwrap_or(40);
        let mark = Span::styled(format!("{mark} "), theme.accent);
        // What is none of them has words alone.
        if choice.value.is_empty() {
            let label = cut(&choice.label, sheet.width.saturating_sub(2));
            sheet.line(Line::from(vec![mark, Span::styled(label, style)]));
            continue;
        }
        sheet.line(Line::from(vec![
            mark,
            Span::styled(super::widget::fit(&clean_line(&choice.value), room), style),
            Span::styled(
                format!("  {}", cut(&clean_line(&choice.label), sheet.width.saturating_sub(room + 4))),
                theme.dim,
            ),
        ]));
    }
    sheet.text(
        &if shown.is_empty() { "nothing matches: Esc drops the filter".to_owned() } else { count },
        theme.dim,
        2,
    );
}
