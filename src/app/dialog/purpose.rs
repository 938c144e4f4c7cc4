use super::{Form, Note, Tone};
use crate::{
    app::{Sight, names::Names},
    domain::{
        ByteSize, DiskId, HostId, NodeId, Prospect, QuestionKind, Request, SetupReport, Values, VmId, clean_line,
        unpacked_name, wishes,
    },
};

/// What the field of the disks holds where they go along.
pub(in crate::app) const COPIED: &str = "copied";

/// What the answer of a dialog is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A yes sends it as it is.
    Call(Request),
    Grow(VmId),
    AddDisk(VmId),
    /// The disk to be removed is chosen first.
    ChooseDisk(VmId),
    /// The toggle: delete its file too, which is asked about once more.
    RemoveDisk(VmId, DiskId),
    /// `image`: what the machine is to be installed from; `machines`: the names that are taken.
    Create {
        image: Option<String>,
        machines: Names,
    },
    /// The toggle: keep the disks.
    Delete(VmId),
    Install(VmId),
    Insert(VmId),
    /// `images`: the names that are taken.
    Fetch {
        images: Vec<String>,
        /// What the host says of the address.
        sight: Sight,
    },
    Rename {
        image: String,
        images: Names,
    },
    ChooseProperty(VmId),
    SetProperty {
        vm: VmId,
        /// What is set, and what the running machine has where that differs.
        value: String,
        current: Option<String>,
    },
    /// The snapshot, or a new one, is chosen first.
    Snapshots(VmId),
    /// What is to be done with it is chosen.
    Snapshot {
        vm: VmId,
        snapshot: String,
    },
    TakeSnapshot(VmId),
    RenameMachine {
        vm: VmId,
        machines: Names,
    },
    Clone {
        vm: VmId,
        machines: Names,
    },
    ReadDescription(VmId),
    CheckDescription(VmId),
    /// A yes defines what was written; anything but that edits it again.
    Define(VmId),
    ChooseTarget(VmId),
    /// `told`: what a move means.
    Migrate {
        vm: VmId,
        to: HostId,
        told: Vec<Note>,
    },
    /// `told`: what the host has and lacks, below the form of the report's fields.
    SetUp {
        report: Box<SetupReport>,
        told: Vec<Note>,
    },
    AddNode,
    /// `before`: what stood in the form when it was opened; `caution`: what the host warns of.
    EditNode {
        node: NodeId,
        before: Values,
        caution: Option<Note>,
    },
    /// The key, or a new one, is chosen first.
    ChooseConfig(NodeId),
    /// `before`: what stood there when the form was opened.
    SetConfig {
        node: NodeId,
        key: Option<String>,
        before: String,
    },
    /// The subnet, or another one, is chosen first.
    ChooseSubnet(NodeId),
    SetSubnet {
        node: NodeId,
        subnet: Option<String>,
        before: String,
    },
    /// The subnet to be taken off is chosen.
    ChooseDetach(NodeId),
    /// A question of the host's, by its number.
    Answer(u64, QuestionKind),
}

impl Purpose {
    /// The names that the form's name must not be.
    const fn taken(&self) -> Option<&Names> {
        match self {
            Self::Create { machines: names, .. }
            | Self::RenameMachine { machines: names, .. }
            | Self::Clone { machines: names, .. }
            | Self::Rename { images: names, .. } => Some(names),
            _ => None,
        }
    }

    /// Says at the field of the name that it is taken.
    pub(super) fn object(&self, form: &mut Form) {
        let Some(names) = self.taken() else { return };
        if let Some(field) = form.fields.iter_mut().find(|field| field.spec.name == "name") {
            field.objection = names.refusal(&field.value());
        }
    }

    /// How large the disk is that would be made.
    pub(super) fn new_disk(&self, form: &Form) -> Option<ByteSize> {
        let field = match self {
            Self::Create { .. } => "disk",
            Self::AddDisk(_) => "size",
            _ => return None,
        };
        form.value(field).parse().ok()
    }

    /// What follows from a form as it is filled in.
    pub(super) fn notes(&self, form: &Form, free: Option<ByteSize>) -> Vec<Note> {
        match self {
            Self::Fetch { images, sight } => fetch(form, free, images, sight),
            Self::Rename { image, images } => {
                let name = form.value("name");
                let change = || Note::aside(format!("{} → {}", clean_line(image), clean_line(&name)));
                vec![images.doubt(&name).map_or_else(change, Note::warning)]
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
            Self::Create { machines, .. } => {
                let bare = form.fields.iter().filter(|field| field.is_bare());
                let bare = bare.map(|field| Note::aside(format!("{}: {}", field.spec.label, field.spec.nothing)));
                doubt(form, machines).into_iter().chain(bare).collect()
            }
            Self::RenameMachine { machines, .. } | Self::Clone { machines, .. } => {
                doubt(form, machines).into_iter().collect()
            }
            Self::Migrate { to, told, .. } => {
                let is_copied = form.value("disks") == COPIED;
                let copied =
                    format!("{to} needs a pool of the same name or folder for the copies; the files here stay.");
                told.iter().cloned().chain(is_copied.then(|| Note::plain(copied))).collect()
            }
            Self::EditNode { caution, .. } => caution.iter().cloned().collect(),
            Self::SetConfig { key: Some(key), .. } if form.value("value").is_empty() => {
                vec![Note::warning(format!("{} will be dropped", clean_line(key)))]
            }
            Self::SetUp { report, told } => {
                let run = report.command_with(&form.values()).unwrap_or_default();
                told.iter()
                    .cloned()
                    .chain([Note::plain("This will be run:"), Note::new(Tone::Good, clean_line(&run))])
                    .collect()
            }
            _ => Vec::new(),
        }
    }
}

/// That the name in the form may be one of `names`.
fn doubt(form: &Form, names: &Names) -> Option<Note> {
    names.doubt(&form.value("name")).map(Note::warning)
}

/// A list on one line.
fn flat(text: &str) -> String {
    clean_line(&text.replace('\n', ", ")).into_owned()
}

/// The name that an address ends with.
fn name_of(url: &str) -> Option<&str> {
    let path = match url.split_once("://") {
        Some((_, rest)) => rest.split(['?', '#']).next()?,
        None => url,
    };
    path.rsplit_once('/').map(|(_, name)| name).filter(|name| !name.is_empty())
}

/// What would come of the form as it is: from the host where it has looked, else from the address alone.
fn fetch(form: &Form, free: Option<ByteSize>, images: &[String], sight: &Sight) -> Vec<Note> {
    let (url, given) = (form.value("url"), form.value("name"));
    let seen = if let Sight::Seen(prospect) = sight { Some(prospect) } else { None };
    let from_url = || seen.map_or_else(|| name_of(&url), |prospect| prospect.name.as_deref());
    let unpack = form.value("unpack") == "yes";
    let packed = from_url().and_then(unpacked_name);
    let name = match packed {
        _ if !given.is_empty() => Some(given.as_str()),
        Some(unpacked) if unpack => Some(unpacked),
        _ => from_url(),
    };
    let name = name.filter(|name| crate::domain::check_image_name(name).is_ok());
    let is_taken = |name: &str| {
        images.iter().any(|i| i == name) || given.is_empty() && !unpack && seen.is_some_and(|p| p.is_taken)
    };
    let mut notes = vec![match name {
        Some(name) if is_taken(name) => {
            Note::warning(format!("{} is in the library already: give it another name", clean_line(name)))
        }
        Some(name) => Note::plain(format!("Will be called {}", clean_line(name))),
        None if seen.is_some() => Note::warning("Neither the address nor the server names the file: give it a name"),
        None => Note::aside("Its name comes from the address, or from you"),
    }];
    match (packed, unpack) {
        (Some(_), false) => notes.push(Note::aside("It is packed: Unpack makes the image of it once it is whole")),
        (None, true) if seen.is_some() => {
            notes.push(Note::warning("It is not packed by its name: fetch it without unpacking"));
        }
        _ => {}
    }
    match sight {
        Sight::None => {}
        Sight::Asking => notes.push(Note::aside("Asking what is there")),
        Sight::Refused(why) => notes.push(Note::new(Tone::Bad, why)),
        Sight::Seen(prospect) => {
            notes.push(Note::plain(sentence(&prospect.figures())));
            notes.push(match prospect.checksum {
                _ if !form.value("sum").is_empty() || wishes(&url).1.sum.is_some() => {
                    Note::aside("The checksum that you gave will be checked")
                }
                Some(_) => Note::new(Tone::Good, sentence(&prospect.check())),
                None => Note::aside(sentence(&prospect.check())),
            });
        }
    }
    notes.push(match (seen.and_then(Prospect::lacks_room), seen.and_then(|p| p.free).or(free)) {
        (Some(why), _) => Note::new(Tone::Bad, sentence(&why)),
        (None, Some(free)) => Note::aside(format!("{free} free")),
        (None, None) => Note::aside("How much is free is not known"),
    });
    notes
}

/// With a capital at its beginning.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
