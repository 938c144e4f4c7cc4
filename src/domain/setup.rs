use super::{FieldSpec, Values};

/// One thing that a host needs before machines can run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetupItem {
    /// `QEMU`, `UEFI firmware`, `/dev/kvm`.
    pub name: String,
    pub present: bool,
    /// Machines cannot run without it.
    pub required: bool,
    /// What was found, or what is missing and how to get it.
    pub detail: String,
}

/// What a host has and lacks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SetupReport {
    pub items: Vec<SetupItem>,
    /// The command that would install what is missing, for a person to read; None: nothing to install, or unknown how.
    pub command: Option<String>,
    /// What a person decides before: the command has `{name}` where the answer to a field goes. Empty: nothing.
    pub fields: Vec<FieldSpec>,
    /// Why there is no command though something is missing: no package manager that is known, no way to be root.
    pub obstacle: Option<String>,
    /// What a person should know before saying yes: a downgrade, for instance.
    pub caution: Option<String>,
}

impl SetupReport {
    /// Whether machines can run.
    pub fn is_ready(&self) -> bool {
        self.items.iter().all(|item| item.present || !item.required)
    }

    /// The command with the answers in their places; what has no answer yet keeps its name.
    pub fn command_with(&self, values: &Values) -> Option<String> {
        let filled = |command: String, field: &FieldSpec| {
            let value = values.get(field.name).filter(|value| !value.is_empty());
            command.replace(&format!("{{{}}}", field.name), value.map_or(&field.name.to_uppercase(), |value| value))
        };
        self.command.clone().map(|command| self.fields.iter().fold(command, filled))
    }
}
