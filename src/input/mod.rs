//! Keys to actions: one table feeds the look-up, the footer, the help page and the documentation.
mod action;
mod key;
mod keymap;
mod tables;
mod terminal;

pub use action::{Action, BINDINGS, Binding, Scope};
pub use key::Key;
pub use keymap::{KeyMap, Overrides};
pub use tables::{config_table, readme_table};
pub use terminal::Input;
