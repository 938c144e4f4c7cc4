//! A form: labels, what was typed, and what is wrong with it, just below.
use super::{Theme, sheet::Sheet, widget::window};
use crate::{
    app::dialog::{Content, Field, Form},
    domain::{Choice, clean_line},
};
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

/// The widest label that is not cut, in columns.
const LABEL: usize = 18;

/// The mark before the field that takes the keys, and its column.
const MARK: u16 = 2;

pub(super) fn fill(sheet: &mut Sheet<'_>, form: &Form) {
    let label = form.fields.iter().map(|f| f.spec.label.width()).max().unwrap_or(0).min(LABEL);
    let mut help = String::new();
    for (index, field) in form.fields.iter().enumerate() {
        let has_focus = index == form.focus && !form.is_leaving;
        if has_focus {
            help = self::help(field, room(sheet, label));
        }
        self::field(sheet, field, label, has_focus);
        if let Some(fault) = field.fault() {
            sheet.text(&fault, sheet.theme.bad, column(label));
        }
    }
    if !form.notes.is_empty() {
        sheet.gap();
    }
    for note in &form.notes {
        sheet.note(note);
    }
    // The line is kept where there is no help, so that nothing jumps from field to field.
    if form.fields.iter().any(|f| !f.spec.help.is_empty()) {
        sheet.gap();
        sheet.text(&help, sheet.theme.dim, 0);
    }
}

/// Where the values begin.
fn column(label: usize) -> u16 {
    MARK + u16::try_from(label).unwrap_or(0) + 2
}

/// The columns that a value has.
fn room(sheet: &Sheet<'_>, label: usize) -> u16 {
    sheet.width.saturating_sub(column(label)).max(8)
}

/// The line that helps with a field: the choice in full where it is cut above.
fn help(field: &Field, room: u16) -> String {
    let chosen = match &field.content {
        Content::Pick { choices, at } => {
            choices.get(*at).map(words).filter(|text| cut_choice(text, choices, room) != *text)
        }
        _ => None,
    };
    chosen.unwrap_or_else(|| field.spec.help.to_owned())
}

fn field(sheet: &mut Sheet<'_>, field: &Field, label: usize, has_focus: bool) {
    let theme = sheet.theme;
    let (column, room) = (column(label), room(sheet, label));
    let style = if has_focus { theme.selected } else { theme.text };
    let head = |first: bool| {
        let mark = if has_focus && first { theme.marker } else { " " };
        let text = if first { field.spec.label } else { "" };
        vec![
            Span::styled(format!("{mark} "), theme.accent),
            Span::styled(format!("{text:<label$}  "), if has_focus { theme.text } else { theme.dim }),
        ]
    };
    match &field.content {
        Content::Line(input) => {
            let (text, cursor) = window(input, room, false);
            if has_focus {
                sheet.cursor_here(column + cursor);
            }
            let mut spans = head(true);
            match text.is_empty() && !has_focus {
                true => spans.push(Span::styled("–", theme.dim)),
                false if has_focus && field.is_offered() => spans.push(Span::styled(text, theme.marked)),
                false => spans.push(Span::styled(text, style)),
            }
            sheet.line(Line::from(spans));
        }
        Content::Rows { rows, at } => {
            for (row, input) in rows.iter().enumerate() {
                let is_spare = row + 1 == rows.len();
                if is_spare && !has_focus && row > 0 {
                    continue;
                }
                let (text, cursor) = window(input, room, false);
                if has_focus && row == *at {
                    sheet.cursor_here(column + cursor);
                }
                let mut spans = head(row == 0);
                match text.is_empty() {
                    true if has_focus => spans.push(Span::styled("one an item, Down for the next", theme.dim)),
                    true => spans.push(Span::styled("–", theme.dim)),
                    false => spans.push(Span::styled(text, style)),
                }
                sheet.line(Line::from(spans));
            }
        }
        Content::Pick { choices, at } => {
            if has_focus {
                sheet.focus_here();
            }
            let mut spans = head(true);
            spans.extend(pick(theme, choices, *at, has_focus, room));
            sheet.line(Line::from(spans));
        }
    }
}

/// `‹ value ›`, with its place among the others where there are more than two.
fn pick<'a>(theme: &'a Theme, choices: &[Choice], at: usize, has_focus: bool, room: u16) -> Vec<Span<'a>> {
    let text = choices.get(at).map(words).unwrap_or_default();
    let arrows = if has_focus { theme.accent } else { theme.dim };
    let place = place(choices, at);
    let text = cut_choice(&text, choices, room);
    let [left, right] = theme.angles;
    vec![
        Span::styled(format!("{left} "), arrows),
        Span::styled(text, if has_focus { theme.selected } else { theme.text }),
        Span::styled(format!(" {right}"), arrows),
        Span::styled(place, theme.dim),
    ]
}

/// `  2 of 4`, where there are more than two.
fn place(choices: &[Choice], at: usize) -> String {
    match choices.len() {
        0..=2 => String::new(),
        count => format!("  {} of {count}", at + 1),
    }
}

/// As much of a choice as there is room for between the marks and its place.
fn cut_choice(text: &str, choices: &[Choice], room: u16) -> String {
    let place = place(choices, 0).len();
    super::widget::cut(text, room.saturating_sub(4 + u16::try_from(place).unwrap_or(0)))
}

/// A choice in words.
fn words(choice: &Choice) -> String {
    let value = clean_line(&choice.value);
    match (choice.value.is_empty(), choice.label.is_empty()) {
        (true, _) => clean_line(&choice.label).into_owned(),
        (false, true) => value.into_owned(),
        (false, false) => format!("{value}: {}", clean_line(&choice.label)),
    }
}
