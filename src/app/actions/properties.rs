//! Settings of a machine: one changed at a time, in a form of one field.
use crate::{
    app::{
        App, Effect, Tab,
        dialog::{Body, Choose, Dialog, Form, Purpose},
    },
    domain::{Choice, HostId, Property, Request, VmId, clean_line},
};

impl App {
    /// The selected setting where the settings are open; else one chosen from the list.
    pub(super) fn edit(&mut self) -> Vec<Effect> {
        let Some((host, machine)) = self.selected() else { return Vec::new() };
        let (host, vm) = (host.id().clone(), machine.vm.id.clone());
        let title = format!("Change a setting of {} on {host}", machine.vm.name);
        let properties = machine.properties.clone();
        let is_here = self.details_open && self.tab == Tab::Properties;
        let chosen = properties.as_deref().and_then(|all| self.details.selected_property(all)).filter(|_| is_here);
        if let Some(property) = chosen.cloned() {
            return self.edit_property(host, vm, &property);
        }
        let mut dialog =
            Dialog::new(title, host, Purpose::ChooseProperty(vm.clone()), Body::Reading("reading settings"));
        match properties {
            Some(properties) => {
                dialog.body = choice(&properties);
                self.open(dialog)
            }
            None => self.open_and_ask(dialog, Request::ListProperties(vm)),
        }
    }

    /// The form of one setting.
    pub(super) fn edit_property(&mut self, host: HostId, vm: VmId, property: &Property) -> Vec<Effect> {
        if let Some(why) = &property.read_only {
            self.say(&format!("{} cannot be changed: {why}", property.spec.label));
            return Vec::new();
        }
        let name =
            self.hosts.get(&host).and_then(|h| h.machine(&vm)).map_or_else(|| vm.to_string(), |m| m.vm.name.clone());
        let title = format!("{} of {name} on {host}", property.spec.label);
        let spec = property.spec.clone().default(&*property.value);
        let purpose = Purpose::SetProperty { vm, value: property.value.clone(), current: property.current.clone() };
        let dialog = Dialog::new(title, host, purpose, Body::Form(Form::new(vec![spec], "set")));
        self.open(dialog)
    }
}

/// The settings to choose from: those that can be changed.
pub(super) fn choice(properties: &[Property]) -> Body {
    let words = |p: &Property| {
        let value = clean_line(&p.value.replace('\n', ", ")).into_owned();
        let value = if value.is_empty() { "–".to_owned() } else { value };
        match &p.current {
            Some(current) => format!("now {}, {value} at next start", clean_line(current)),
            None => value,
        }
    };
    let can_change = properties.iter().filter(|p| p.read_only.is_none());
    let choices = can_change.map(|p| Choice::new(p.spec.name, &words(p))).collect();
    let mut choose = Choose::new(choices, "change");
    choose.empty.push_str("This machine has no settings that can be changed.");
    Body::Choose(choose)
}
