use super::{Op, clean};
use std::fmt;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, as far as it decides what happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// This host, connection or user does not offer the operation.
    Unsupported,
    /// A word or value of the user's that cannot be; nothing was sent.
    Invalid,
    /// No connection, or it broke: for a change that was sent, the outcome is unknown.
    Unreachable,
    /// The host wants another sign-in.
    Unauthorized,
    NotFound,
    /// The state is not what the operation needs; reading it again helps.
    Conflict,
    /// No answer within the patience: for a change, the outcome is unknown.
    Timeout,
    Cancelled,
    /// It stopped on the way, and can be gone on with.
    Interrupted,
    /// The host's answer was not of the form it should have.
    Protocol,
    /// The host said no, in its own words.
    Refused,
    /// The host said yes, but what it has now is not what was asked for.
    Differs,
    /// The host is behind with its work: nothing was sent.
    Busy,
    /// An answer from a person is needed first.
    NeedsAnswer,
    /// A bug of ours.
    Panicked,
}

impl ErrorKind {
    /// The kind's name in `--json`: `not-found`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unsupported => "unsupported",
            Self::Invalid => "invalid",
            Self::Unreachable => "unreachable",
            Self::Unauthorized => "unauthorized",
            Self::NotFound => "not-found",
            Self::Conflict => "conflict",
            Self::Timeout => "timeout",
            Self::Cancelled => "cancelled",
            Self::Interrupted => "interrupted",
            Self::Protocol => "protocol",
            Self::Refused => "refused",
            Self::Differs => "differs",
            Self::Busy => "busy",
            Self::NeedsAnswer => "needs-answer",
            Self::Panicked => "panicked",
        }
    }
}

/// A failure with one sentence for people. It holds no secret: whoever makes it sees to that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    pub kind: ErrorKind,
    pub message: String,
}

impl Error {
    /// `message` may hold a host's words: it is cleaned and cut.
    pub fn new(kind: ErrorKind, message: impl fmt::Display) -> Self {
        Self { kind, message: clean(&message.to_string(), 600).into_owned() }
    }

    pub fn unsupported(op: Op, why: &str) -> Self {
        Self::new(ErrorKind::Unsupported, format_args!("{}: {why}", op.name()))
    }

    pub fn invalid(message: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    pub fn not_found(message: impl fmt::Display) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    pub fn refused(message: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Refused, message)
    }

    pub fn conflict(message: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Conflict, message)
    }

    /// The same error with `what` and a colon before its sentence.
    #[must_use]
    pub fn context(self, what: impl fmt::Display) -> Self {
        Self::new(self.kind, format_args!("{what}: {}", self.message))
    }

    /// Whether a change that ended so may have happened all the same.
    pub const fn leaves_unknown(&self) -> bool {
        matches!(self.kind, ErrorKind::Timeout | ErrorKind::Unreachable | ErrorKind::Protocol | ErrorKind::Panicked)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        use std::io::ErrorKind as Io;
        let kind = match error.kind() {
            Io::NotFound => ErrorKind::NotFound,
            Io::ConnectionRefused | Io::ConnectionReset | Io::BrokenPipe | Io::UnexpectedEof => ErrorKind::Unreachable,
            Io::TimedOut => ErrorKind::Timeout,
            Io::AlreadyExists => ErrorKind::Conflict,
            _ => ErrorKind::Refused,
        };
        Self::new(kind, error)
    }
}
