//! The whole description of a machine: read, given to the person's editor, checked, compared, defined.
use crate::{
    app::{
        App, Effect,
        dialog::{Body, Confirm, Dialog, Note, Purpose, Review, Tone},
    },
    domain::{HostId, Op, Request, Result, VmId, diff},
};

/// A description that is being changed: kept until the host has taken it or the person leaves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::app) struct Draft {
    host: HostId,
    vm: VmId,
    /// As the host told it.
    before: String,
    /// As the person left it.
    text: String,
}

/// What is shown of a description: a password or a cookie that a person wrote there is theirs alone to see.
fn hidden(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    let starts = |rest: &str| ["passwd", "<cookie"].into_iter().filter_map(|word| rest.find(word)).min();
    while let Some((before, after)) = starts(rest).and_then(|at| rest.split_at_checked(at)) {
        shown.push_str(before);
        let secret = if after.starts_with('<') { cookie(after) } else { password(after) };
        // Of a word alone the first letter is enough not to be found again.
        let (until, value, behind) =
            secret.unwrap_or_else(|| (after.get(..1).unwrap_or(after), "", after.get(1..).unwrap_or("")));
        shown.push_str(until);
        shown.push_str(if matches!(value, "" | "*****") { value } else { "(hidden)" });
        rest = behind;
    }
    shown + rest
}

/// `passwd = '`, what stands in the quotes, and the rest from the closing one on.
fn password(text: &str) -> Option<(&str, &str, &str)> {
    let value = text.strip_prefix("passwd")?.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    let end = value.get(1..)?.find(quote)?;
    parts(text, value.get(1..)?, end)
}

/// `<cookie name='id'>`, its value, and the rest from the next tag on.
fn cookie(text: &str) -> Option<(&str, &str, &str)> {
    let inside = text.strip_prefix("<cookie").filter(|inside| inside.starts_with([' ', '\t', '\r', '\n', '>']))?;
    let (_, value) = inside.split_once('>')?;
    parts(text, value, value.find('<')?)
}

/// What stands before `value`, which ends `text` and whose first `end` bytes are secret; those; what stands behind them.
fn parts<'a>(text: &'a str, value: &'a str, end: usize) -> Option<(&'a str, &'a str, &'a str)> {
    let (secret, behind) = value.split_at_checked(end)?;
    Some((text.get(..text.len() - value.len())?, secret, behind))
}

impl Draft {
    fn is_of(&self, host: &HostId, vm: &VmId) -> bool {
        self.host == *host && self.vm == *vm
    }
}

impl App {
    pub(super) fn edit_description(&mut self) -> Vec<Effect> {
        let Some((host, machine)) = self.selected() else { return Vec::new() };
        let (host, vm) = (host.id().clone(), machine.vm.id.clone());
        self.read_description(&host, vm)
    }

    fn read_description(&mut self, host: &HostId, vm: VmId) -> Vec<Effect> {
        let dialog = describing(host, &vm, Purpose::ReadDescription(vm.clone()), Body::Reading("reading it"));
        self.open_and_ask(dialog, Request::ShowDescription(vm))
    }

    /// Opens the editor with what the host told; with what the person wrote before, where the host did not take it.
    pub(super) fn description_read(&mut self, host: HostId, vm: VmId, told: String) -> Vec<Effect> {
        let kept = self.draft.take().filter(|draft| draft.is_of(&host, &vm));
        let text = kept.map_or_else(|| told.clone(), |draft| draft.text);
        let name = format!("{vm}.xml");
        self.draft = Some(Draft { host, vm, before: told, text: text.clone() });
        vec![Effect::Edit { name, text }]
    }

    /// Takes what the editor left. Nothing is sent before the host's own check and the person's yes.
    pub(in crate::app) fn edited(&mut self, text: Result<String>) -> Vec<Effect> {
        let Some(mut draft) = self.draft.take() else { return Vec::new() };
        match text {
            Err(error) => {
                self.say(&format!("{} was not edited: {error}", draft.vm));
                // What was written before that is not lost.
                self.draft = Some(draft).filter(|draft| draft.text != draft.before);
                return Vec::new();
            }
            Ok(text) => draft.text = text,
        }
        if draft.text.trim_end() == draft.before.trim_end() {
            self.say(&format!("{}: nothing was changed", draft.vm));
            return Vec::new();
        }
        let (vm, before, text) = (draft.vm.clone(), draft.before.clone(), draft.text.clone());
        let dialog = describing(&draft.host, &vm, Purpose::CheckDescription(vm.clone()), Body::Reading("checking it"));
        self.draft = Some(draft);
        self.open_and_ask(dialog, Request::CheckDescription { vm, before, text })
    }

    /// Shows what would change, or why it cannot be used.
    pub(super) fn description_checked(&mut self, checked: Result<()>) -> Vec<Effect> {
        self.dialog = None;
        let Some(draft) = &self.draft else { return Vec::new() };
        let body = if let Err(error) = checked {
            let mut confirm = Confirm::new("This cannot be defined. Edit it again?", "edit again")
                .note(Note::new(Tone::Bad, error.message));
            confirm.is_yes = true;
            Body::Confirm(confirm)
        } else {
            let mut review = Review::new(diff(&hidden(&draft.before), &hidden(&draft.text)), "define");
            let machine = self.hosts.get(&draft.host).and_then(|host| host.machine(&draft.vm));
            if machine.is_some_and(|machine| machine.vm.power().is_alive()) {
                review.notes.push(Note::plain("It is running: this counts from its next start."));
            }
            review.notes.extend(self.caution(&draft.host, Op::Define));
            Body::Review(review)
        };
        let dialog = describing(&draft.host, &draft.vm, Purpose::Define(draft.vm.clone()), body);
        self.open(dialog)
    }

    /// Sends the description that was looked through, or goes on editing it beside what the host has by then.
    pub(super) fn define(&mut self, is_sent: bool) -> Vec<Effect> {
        let Some(draft) = self.draft.clone() else { return Vec::new() };
        if !is_sent {
            return self.read_description(&draft.host, draft.vm);
        }
        let before = Some(draft.before);
        self.call(draft.host, Request::Define { vm: draft.vm, before, text: draft.text })
    }

    /// Forgets the text once the host has it; until then it is what the editor opens with.
    pub(in crate::app) fn defined(&mut self, host: &HostId, vm: Option<&VmId>, is_taken: bool) {
        let Some(draft) = self.draft.as_ref().filter(|draft| vm.is_some_and(|vm| draft.is_of(host, vm))) else {
            return;
        };
        if is_taken {
            self.draft = None;
        } else {
            let key = self.settings.keymap.first(crate::input::Action::EditDescription);
            self.say(&format!("what you wrote of {} is kept: {key} opens it again", draft.vm));
        }
    }
}

fn describing(host: &HostId, vm: &VmId, purpose: Purpose, body: Body) -> Dialog {
    Dialog::new(format!("The description of {vm} on {host}"), host.clone(), purpose, body)
}
