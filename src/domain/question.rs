/// What a host wants to know before it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuestionKind {
    /// Typed unseen.
    Secret,
    /// Typed seen.
    Text,
    /// Yes or no; no is the default.
    Confirm,
}

/// A question from a host to the person: a password, a certificate never seen before, a prompt of ssh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Tells this question from an older one whose answer comes late.
    pub number: u64,
    pub kind: QuestionKind,
    pub text: String,
}
