use super::{Form, Note, Tone};
use crate::domain::{ByteSize, DiskId, QuestionKind, Request, VmId, clean_line};

/// What the answer of a dialog is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A yes sends it as it is.
    Call(Request),
    Grow(VmId),
    AddDisk(VmId),
    /// The disk to be removed is chosen first.
    ChooseDisk(VmId),
    /// The toggle: delete its file too.
    RemoveDisk(VmId, DiskId),
    /// `image`: what the machine is to be installed from.
    Create {
        image: Option<String>,
    },
    /// The toggle: keep the disks.
    Delete(VmId),
    Install(VmId),
    Insert(VmId),
    /// `images`: the names that are taken.
    Fetch {
        free: Option<ByteSize>,
        images: Vec<String>,
    },
    Rename {
        image: String,
        images: Vec<String>,
    },
    RemoveImage(String),
    ChooseProperty(VmId),
    SetProperty {
        vm: VmId,
        /// What is set, and what the running machine has where that differs.
        value: String,
        current: Option<String>,
    },
    SetUp,
    /// A question of the host's, by its number.
    Answer(u64, QuestionKind),
}

impl Purpose {
    /// What follows from a form as it is filled in.
    pub(super) fn notes(&self, form: &Form) -> Vec<Note> {
        match self {
            Self::Fetch { free, images } => fetch(form, *free, images),
            Self::Rename { image, images } => {
                let name = form.value("name");
                match name != *image && images.contains(&name) {
                    true => vec![Note::warning(format!("{} is there already", clean_line(&name)))],
                    false => vec![Note::aside(format!("{} → {}", clean_line(image), clean_line(&name)))],
                }
            }
            Self::SetProperty { value, current, .. } => {
                let Some(field) = form.fields.first() else { return Vec::new() };
                let shown = |text: &str| if text.is_empty() { "none".to_owned() } else { flat(text) };
                let mut notes = vec![Note::plain(format!("{} → {}", shown(value), shown(&field.value())))];
                if let Some(current) = current {
                    notes
                        .push(Note::aside(format!("The running machine has {} until its next start.", shown(current))));
                }
                notes
            }
            _ => Vec::new(),
        }
    }
}

/// A list on one line.
fn flat(text: &str) -> String {
    clean_line(&text.replace('\n', ", ")).into_owned()
}

/// The name that an address ends with.
fn name_of(url: &str) -> Option<&str> {
    let path = url.split_once("://")?.1.split(['?', '#']).next()?;
    path.rsplit_once('/').map(|(_, name)| name).filter(|name| !name.is_empty())
}

fn fetch(form: &Form, free: Option<ByteSize>, images: &[String]) -> Vec<Note> {
    let (url, given) = (form.value("url"), form.value("name"));
    let name = if given.is_empty() { name_of(&url) } else { Some(given.as_str()) };
    let mut notes = Vec::new();
    let name = name.filter(|name| crate::domain::check_image_name(name).is_ok());
    match name {
        Some(name) if images.iter().any(|i| i == name) => {
            notes.push(Note::warning(format!("{} is there already: give it another name", clean_line(name))));
        }
        Some(name) => notes.push(Note::plain(format!("Will be called {}", clean_line(name)))),
        None => notes.push(Note::aside("Its name comes from the address, or from you")),
    }
    notes.push(match free {
        Some(free) => Note::aside(format!("{free} free")),
        None => Note::new(Tone::Aside, "How much is free is not known"),
    });
    notes
}
