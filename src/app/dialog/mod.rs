//! Questions to the person: small state machines that take keys until there is an answer.
mod choose;
mod confirm;
mod edit;
mod field;
mod form;
mod grow;
mod prompt;
mod purpose;
mod review;
mod typed;

pub use choose::Choose;
pub use confirm::{Confirm, Toggle};
use edit::{edit, paste};
pub use field::{Content, Field};
pub use form::Form;
pub use grow::{Grow, Judgement};
pub use prompt::Prompt;
pub(in crate::app) use purpose::COPIED;
pub use purpose::Purpose;
pub use review::Review;
pub use typed::Typed;

use crate::{
    domain::{ByteSize, DiskId, HostId, Secret, Shortage, SizeChange, TaskId, Values},
    input::{Action, Key, Scope},
};
use crossterm::event::{KeyCode, KeyModifiers};

/// What a key made of a dialog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<T> {
    Continue,
    Done(T),
    Cancelled,
}

impl<T> Outcome<T> {
    fn map<U>(self, to: impl FnOnce(T) -> U) -> Outcome<U> {
        match self {
            Self::Continue => Outcome::Continue,
            Self::Done(answer) => Outcome::Done(to(answer)),
            Self::Cancelled => Outcome::Cancelled,
        }
    }
}

/// How a line in a dialog is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Plain,
    /// Not of the first importance.
    Aside,
    Good,
    Warning,
    Bad,
}

/// A line, or a paragraph, in a dialog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    pub tone: Tone,
    pub text: String,
}

impl Note {
    pub fn new(tone: Tone, text: impl Into<String>) -> Self {
        Self { tone, text: text.into() }
    }

    pub fn plain(text: impl Into<String>) -> Self {
        Self::new(Tone::Plain, text)
    }

    pub fn aside(text: impl Into<String>) -> Self {
        Self::new(Tone::Aside, text)
    }

    pub fn warning(text: impl Into<String>) -> Self {
        Self::new(Tone::Warning, text)
    }
}

/// The kinds of dialog.
#[derive(Clone, Debug)]
pub enum Body {
    /// The host is asked for what the dialog needs: what is being read.
    Reading(&'static str),
    Confirm(Confirm),
    Typed(Typed),
    Prompt(Prompt),
    Form(Form),
    Choose(Choose),
    Grow(Grow),
    Review(Review),
}

/// What a person answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Yes, and whether the toggle is on.
    Yes(bool),
    Line(Secret),
    Values(Values),
    Chosen(String),
    Size(DiskId, SizeChange),
}

/// A dialog that is open: all keys are its own.
#[derive(Clone, Debug)]
pub struct Dialog {
    /// Names what it is about, and the host.
    pub title: String,
    pub host: HostId,
    pub purpose: Purpose,
    pub body: Body,
    /// The task whose reply it waits for.
    pub awaits: Option<TaskId>,
    /// What the storage of its host still holds, where that is known.
    pub free: Option<ByteSize>,
}

impl Dialog {
    pub fn new(title: impl Into<String>, host: HostId, purpose: Purpose, body: Body) -> Self {
        let mut dialog = Self { title: title.into(), host, purpose, body, awaits: None, free: None };
        dialog.tell();
        dialog
    }

    /// Where so much is free.
    #[must_use]
    pub fn with_free(mut self, free: Option<ByteSize>) -> Self {
        self.free = free;
        self.tell();
        self
    }

    /// Whether printable keys are text now.
    pub fn takes_text(&self) -> bool {
        match &self.body {
            Body::Reading(_) | Body::Confirm(_) | Body::Review(_) => false,
            Body::Form(form) => !form.is_leaving,
            Body::Typed(_) | Body::Prompt(_) | Body::Choose(_) | Body::Grow(_) => true,
        }
    }

    /// Whether text stands in the field that takes the keys: more is put behind it.
    pub fn holds_text(&self) -> bool {
        let Body::Form(form) = &self.body else { return false };
        let field = form.fields.get(form.focus).filter(|_| !form.is_leaving);
        field.is_some_and(|field| matches!(&field.content, Content::Line(input) if !input.value().is_empty()))
    }

    /// The scopes of its keys.
    pub fn scopes(&self) -> &'static [Scope] {
        let is_form = self.takes_text() || matches!(self.body, Body::Reading(_));
        if is_form { &[Scope::Form] } else { &[Scope::Dialog] }
    }

    /// Takes a key, which the key map may have given another meaning: `action`.
    pub fn update(&mut self, key: Key, action: Option<Action>) -> Outcome<Answer> {
        let is_text = matches!(key.code, KeyCode::Char(_)) && (key.modifiers - KeyModifiers::SHIFT).is_empty();
        let key = if is_text && self.takes_text() { key } else { by_default(key, action) };
        let outcome = match &mut self.body {
            Body::Reading(_) if key.code == KeyCode::Esc => Outcome::Cancelled,
            Body::Reading(_) => Outcome::Continue,
            Body::Confirm(confirm) => confirm.update(key).map(Answer::Yes),
            Body::Typed(typed) => typed.update(key).map(Answer::Yes),
            Body::Prompt(prompt) => prompt.update(key).map(Answer::Line),
            Body::Form(form) => form.update(key).map(Answer::Values),
            Body::Choose(choose) => choose.update(key).map(Answer::Chosen),
            Body::Review(review) => review.update(key).map(Answer::Yes),
            Body::Grow(grow) => grow.update(key).map(|(disk, size)| Answer::Size(disk, size)),
        };
        self.tell();
        outcome
    }

    /// Puts pasted text where the cursor is.
    pub fn paste(&mut self, text: &str) {
        match &mut self.body {
            Body::Reading(_) | Body::Confirm(_) | Body::Review(_) => {}
            Body::Typed(typed) => paste(&mut typed.input, text),
            Body::Prompt(prompt) => paste(&mut prompt.input, text),
            Body::Form(form) => form.paste(text),
            Body::Choose(choose) => {
                paste(&mut choose.filter, text);
                choose.at = 0;
            }
            Body::Grow(grow) => grow.paste(text),
        }
        self.tell();
    }

    /// Says at a form's fields and below them what follows from them.
    pub(in crate::app) fn tell(&mut self) {
        if let Body::Form(form) = &mut self.body {
            self.purpose.object(form);
            form.notes = self.purpose.notes(form, self.free);
            let short = self.purpose.new_disk(form).zip(self.free).and_then(|(size, free)| Shortage::of(size, free));
            form.notes.extend(short.map(|short| Note::warning(short.told(self.host.as_str()))));
        }
    }
}

/// The key that the action has by default: the dialogs know those.
fn by_default(key: Key, action: Option<Action>) -> Key {
    let keys = action.map_or(&[][..], |action| action.binding().keys);
    let mut keys = keys.iter().filter_map(|k| k.parse::<Key>().ok());
    let first = keys.next();
    match first == Some(key) || keys.any(|k| k == key) {
        true => key,
        false => first.unwrap_or(key),
    }
}
