//! A new machine.
use crate::{
    app::{
        App, Effect,
        dialog::{Body, Dialog, Form, Purpose},
    },
    domain::{FieldKind, FieldSpec, HostId, Op, Request},
};

impl App {
    pub(super) fn new_machine(&mut self) -> Vec<Effect> {
        let host = self.target_host().map(|h| h.id().clone());
        host.map(|host| self.create_on(host, None)).unwrap_or_default()
    }

    /// Asks the host what a machine needs; `image` is what it should be installed from.
    pub(super) fn create_on(&mut self, host: HostId, image: Option<String>) -> Vec<Effect> {
        let title = format!("New machine on {host}");
        let body = Body::Reading("asking the host what a machine needs");
        let machines = self.hosts.get(&host).map(|h| h.machine_names(None));
        let purpose = Purpose::Create { image, machines: machines.unwrap_or_default() };
        let dialog = Dialog::new(title, host, purpose, body);
        self.open_and_ask(dialog, Request::Form { op: Op::Create, vm: None })
    }
}

/// The form of what a host asks for. Where it offers `image`, that is chosen already.
pub(super) fn form(mut fields: Vec<FieldSpec>, image: Option<&str>, yes: &'static str) -> Body {
    let mut decided = Vec::new();
    for field in &mut fields {
        if let (FieldKind::Choice(choices), Some(image)) = (&field.kind, image)
            && let Some(choice) = choices.iter().find(|c| c.value == image)
        {
            image.clone_into(&mut field.default);
            decided.extend(field.chosen_by.zip(choice.within.clone()));
        }
    }
    // Where another field decides what is offered, it offers that.
    for (name, value) in decided {
        if let Some(field) = fields.iter_mut().find(|field| field.name == name) {
            field.default = value;
        }
    }
    Body::Form(Form::new(fields, yes))
}
