//! The state and its one transition function. Nothing here reads the clock, the network or the terminal.
pub mod dialog;
mod effect;
mod message;

pub use effect::Effect;
pub use message::Message;
