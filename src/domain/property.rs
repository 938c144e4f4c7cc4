use super::FieldSpec;

/// A setting of a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Property {
    /// Its name, type and choices.
    pub spec: FieldSpec,
    /// What is set: what the machine has now, or gets at its next start when `current` differs.
    pub value: String,
    /// What the running machine really has, where that is not `value`: a change waits for the next start.
    pub current: Option<String>,
    /// Why it cannot be changed, if so.
    pub read_only: Option<String>,
}
