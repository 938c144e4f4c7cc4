//! Keys to actions: one table feeds the look-up, the footer, the help page and the documentation.
mod key;
pub use key::Key;
