use super::{Field, Note, Outcome};
use crate::{
    domain::{FieldSpec, Values},
    input::Key,
};
use crossterm::event::KeyCode;

/// Several fields; Enter sends them from anywhere.
#[derive(Clone, Debug)]
pub struct Form {
    pub fields: Vec<Field>,
    /// The field that takes the keys.
    pub focus: usize,
    /// What follows from the fields as they are, told below them.
    pub notes: Vec<Note>,
    /// What Enter does, on its button: `create`.
    pub yes: &'static str,
    /// Esc came in a changed form: it asks before it throws away.
    pub is_leaving: bool,
}

impl Form {
    pub fn new(specs: Vec<FieldSpec>, yes: &'static str) -> Self {
        let fields = specs.into_iter().map(Field::new).collect();
        let mut form = Self { fields, focus: 0, notes: Vec::new(), yes, is_leaving: false };
        form.settle();
        form.fields.iter_mut().for_each(Field::begin);
        form
    }

    /// Lets the fields follow those that decide about them.
    fn settle(&mut self) {
        let values = self.values();
        for field in &mut self.fields {
            if let Some(other) = field.spec.chosen_by.and_then(|by| values.get(by)) {
                field.follow(other);
            }
            field.stand_behind(&values);
        }
    }

    pub fn is_changed(&self) -> bool {
        self.fields.iter().any(Field::is_changed)
    }

    /// The answers as they stand.
    pub fn values(&self) -> Values {
        self.fields.iter().map(|f| (f.spec.name.to_owned(), f.value())).collect()
    }

    /// What stands in the field called `name`.
    pub fn value(&self, name: &str) -> String {
        self.fields.iter().find(|f| f.spec.name == name).map(Field::value).unwrap_or_default()
    }

    fn go(&mut self, to: usize) {
        if let Some(field) = self.fields.get_mut(self.focus) {
            field.is_visited = true;
        }
        self.focus = to;
    }

    pub fn update(&mut self, key: Key) -> Outcome<Values> {
        if self.is_leaving {
            match key.code {
                KeyCode::Char('y' | 'Y') => return Outcome::Cancelled,
                KeyCode::Char('n' | 'N') | KeyCode::Esc | KeyCode::Enter => self.is_leaving = false,
                _ => {}
            }
            return Outcome::Continue;
        }
        let count = self.fields.len().max(1);
        match key.code {
            KeyCode::Esc if self.is_changed() => self.is_leaving = true,
            KeyCode::Esc => return Outcome::Cancelled,
            KeyCode::Enter => return self.submit(),
            KeyCode::Tab => self.go((self.focus + 1) % count),
            KeyCode::BackTab => self.go((self.focus + count - 1) % count),
            _ => {
                let used = self.fields.get_mut(self.focus).is_some_and(|field| field.update(key));
                self.settle();
                match key.code {
                    KeyCode::Up if !used => self.go(self.focus.saturating_sub(1)),
                    KeyCode::Down if !used => self.go((self.focus + 1).min(count - 1)),
                    _ => {}
                }
            }
        }
        Outcome::Continue
    }

    /// The answers, or the focus on the first field that will not do.
    fn submit(&mut self) -> Outcome<Values> {
        for field in &mut self.fields {
            field.is_visited = true;
        }
        match self.fields.iter().position(|f| f.fault().is_some()) {
            Some(wrong) => {
                self.focus = wrong;
                Outcome::Continue
            }
            None => Outcome::Done(self.values()),
        }
    }

    pub fn paste(&mut self, text: &str) {
        if let Some(field) = self.fields.get_mut(self.focus).filter(|_| !self.is_leaving) {
            field.paste(text);
        }
    }
}
