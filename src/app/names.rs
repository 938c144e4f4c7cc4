//! The names that a host has already: a new one is checked against them as it is typed.
use super::HostState;
use crate::domain::{Link, clean_line};

/// Names that are taken, and whether the host would refuse each of them for sure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names(Vec<(String, bool)>);

impl Names {
    /// Why `name` will not do, if it is one of them for sure.
    pub(super) fn refusal(&self, name: &str) -> Option<String> {
        self.said(name, true)
    }

    /// What is to be known of `name`, where it may be one of them.
    pub(super) fn doubt(&self, name: &str) -> Option<String> {
        self.said(name, false)
    }

    fn said(&self, name: &str, is_sure: bool) -> Option<String> {
        let (name, _) = self.0.iter().find(|(known, sure)| known == name && *sure == is_sure)?;
        Some(format!("{} is there already", clean_line(name)))
    }
}

impl HostState {
    /// The names of its machines but `own`, which does not stand in its own way.
    pub(super) fn machine_names(&self, own: Option<&str>) -> Names {
        let is_fresh = self.is_fresh();
        let others = self.machines().filter(|machine| Some(machine.vm.name.as_str()) != own);
        // Where machines are known by something else, several may have the same name.
        let name = |vm: &crate::domain::Vm| (vm.name.clone(), is_fresh && vm.id.as_str() == vm.name);
        Names(others.map(|machine| name(&machine.vm)).collect())
    }

    /// The names of its images but `own`.
    pub(super) fn image_names(&self, own: &str) -> Names {
        let others = self.images.iter().flatten().filter(|image| image.name != own);
        Names(others.map(|image| (image.name.clone(), self.is_fresh())).collect())
    }

    /// Whether what is known of it is so now.
    const fn is_fresh(&self) -> bool {
        matches!(self.link, Link::Up(_)) && self.stale.is_none()
    }
}
