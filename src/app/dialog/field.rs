//! A field of a form while it is filled in.
use super::edit::{edit, edit_marked, paste};
use crate::{
    domain::{Choice, FieldKind, FieldSpec, Values},
    input::Key,
};
use crossterm::event::{KeyCode, KeyModifiers};
use tui_input::Input;

/// What stands in a field.
#[derive(Clone, Debug)]
pub enum Content {
    Line(Input),
    /// One row an item; the last is always empty, so that there is a place for one more.
    Rows {
        rows: Vec<Input>,
        at: usize,
    },
    Pick {
        choices: Vec<Choice>,
        at: usize,
    },
}

/// A field with what was typed so far.
#[derive(Clone, Debug)]
pub struct Field {
    pub spec: FieldSpec,
    pub content: Content,
    /// What stood there when the form opened.
    before: String,
    /// The person has been here: an empty field may be called empty now.
    pub is_visited: bool,
    /// A key of text was pressed in it.
    is_touched: bool,
    /// Another field takes its place, so that it may be empty.
    is_replaced: bool,
    /// What else stands against its value: a name that is taken.
    pub(super) objection: Option<String>,
}

impl Field {
    pub fn new(spec: FieldSpec) -> Self {
        let before = spec.default.clone();
        let content = match &spec.kind {
            FieldKind::Choice(choices) => pick(choices.clone(), &before, &before, spec.required),
            FieldKind::Flag => {
                pick(vec![Choice::new("no", ""), Choice::new("yes", "")], &before, &before, spec.required)
            }
            FieldKind::List => {
                let items = before.split('\n').filter(|item| !item.is_empty());
                Content::Rows { rows: items.map(Input::from).chain([Input::default()]).collect(), at: 0 }
            }
            _ => Content::Line(Input::from(before.as_str())),
        };
        let mut field =
            Self { spec, content, before, is_visited: false, is_touched: false, is_replaced: false, objection: None };
        field.begin();
        field
    }

    /// What stands there, as a request takes it.
    pub fn value(&self) -> String {
        match &self.content {
            Content::Line(input) => match self.spec.kind {
                FieldKind::Text => input.value().to_owned(),
                _ => input.value().trim().to_owned(),
            },
            Content::Rows { rows, .. } => {
                let items: Vec<_> = rows.iter().map(Input::value).filter(|item| !item.is_empty()).collect();
                items.join("\n")
            }
            Content::Pick { choices, at } => choices.get(*at).map(|c| c.value.clone()).unwrap_or_default(),
        }
    }

    /// Offers what belongs to `other`, the value of the field that decides about it. What was chosen stays where it can.
    pub(super) fn follow(&mut self, other: &str) {
        if let FieldKind::Choice(choices) = &self.spec.kind {
            let fits = |choice: &&Choice| choice.within.as_deref().is_none_or(|within| within == other);
            let (choices, now) = (choices.iter().filter(fits).cloned().collect(), self.value());
            self.content = pick(choices, &now, &self.spec.default, self.spec.required);
        }
    }

    /// Knows from now on whether another field takes its place.
    pub(super) fn stand_behind(&mut self, values: &Values) {
        self.is_replaced = self.spec.is_replaced(values);
    }

    /// Whether another field leaves nothing to choose here.
    pub(super) fn is_bare(&self) -> bool {
        let Content::Pick { choices, .. } = &self.content else { return false };
        self.spec.chosen_by.is_some() && choices.iter().all(|choice| choice.value.is_empty())
    }

    /// What stands there now is what the form opened with.
    pub(super) fn begin(&mut self) {
        self.before = self.value();
    }

    pub fn is_changed(&self) -> bool {
        self.value() != self.before
    }

    /// Whether what stands there is offered, and gives way to what is typed.
    pub fn is_offered(&self) -> bool {
        matches!(&self.content, Content::Line(input) if !input.value().is_empty() && !self.is_touched)
    }

    /// What is wrong with it; an empty field is wrong only once the person has been there.
    pub fn fault(&self) -> Option<String> {
        let value = self.value();
        if value.is_empty() && self.is_replaced {
            return None;
        }
        let fault = self.spec.check(&value).err().or_else(|| self.objection.clone());
        fault.filter(|_| self.is_visited || !value.is_empty())
    }

    /// Takes a key; false: the key means nothing to this field.
    pub fn update(&mut self, key: Key) -> bool {
        let is_offered = self.is_offered();
        match &mut self.content {
            Content::Line(input) => {
                let used = if is_offered { edit_marked(input, key) } else { edit(input, key) };
                self.is_touched |= used;
                used
            }
            Content::Rows { rows, at } => match key.code {
                KeyCode::Up if *at > 0 => {
                    *at -= 1;
                    true
                }
                KeyCode::Down if *at + 1 < rows.len() => {
                    *at += 1;
                    true
                }
                _ => {
                    let used = rows.get_mut(*at).is_some_and(|row| edit(row, key));
                    tidy(rows, at);
                    used
                }
            },
            Content::Pick { choices, at } => match key.code {
                KeyCode::Left => {
                    *at = at.checked_sub(1).unwrap_or(choices.len().saturating_sub(1));
                    true
                }
                KeyCode::Home => {
                    *at = 0;
                    true
                }
                KeyCode::End => {
                    *at = choices.len().saturating_sub(1);
                    true
                }
                KeyCode::Right | KeyCode::Char(' ') => {
                    *at = (*at + 1) % choices.len().max(1);
                    true
                }
                KeyCode::Char(c) if key.modifiers.is_empty() || key.modifiers == KeyModifiers::SHIFT => {
                    let begins = |choice: &Choice| choice.value.to_lowercase().starts_with(c.to_ascii_lowercase());
                    let rest = choices.iter().enumerate().cycle().skip(*at + 1).take(choices.len());
                    if let Some((found, _)) = rest.into_iter().find(|(_, choice)| begins(choice)) {
                        *at = found;
                    }
                    true
                }
                _ => false,
            },
        }
    }

    /// Puts pasted text in. In a list each line of it becomes an item.
    pub fn paste(&mut self, text: &str) {
        let is_offered = self.is_offered();
        match &mut self.content {
            Content::Line(input) => {
                if is_offered && !text.trim().is_empty() {
                    input.reset();
                }
                self.is_touched = true;
                paste(input, text);
            }
            Content::Rows { rows, at } => {
                for line in text.lines().filter(|line| !line.trim().is_empty()) {
                    if let Some(row) = rows.get_mut(*at) {
                        paste(row, line);
                    }
                    tidy(rows, at);
                    *at = rows.len().saturating_sub(1);
                }
            }
            Content::Pick { .. } => {}
        }
    }
}

/// The choices, with a "none" before them where an empty field will do; `now` is chosen, else the `default`.
fn pick(mut choices: Vec<Choice>, now: &str, default: &str, required: bool) -> Content {
    let is_known = choices.iter().any(|c| c.value == default);
    if !is_known && (!required || choices.is_empty()) {
        choices.insert(0, Choice::new("", "none"));
    }
    let place = |value: &str| choices.iter().position(|c| c.value == value);
    let at = place(now).or_else(|| place(default)).unwrap_or(0);
    Content::Pick { choices, at }
}

/// One empty row at the end, none before it.
fn tidy(rows: &mut Vec<Input>, at: &mut usize) {
    let mut row = 0;
    rows.retain(|input| {
        row += 1;
        !input.value().is_empty() || row - 1 == *at
    });
    *at = (*at).min(rows.len().saturating_sub(1));
    if rows.last().is_none_or(|last| !last.value().is_empty()) {
        rows.push(Input::default());
    }
}
