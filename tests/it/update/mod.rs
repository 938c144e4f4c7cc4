//! Keys and messages in, effects out.
mod chance;
mod delete;
mod forms;
mod grow;
mod hosts;
mod images;
mod listing;
mod look_ahead;
mod power;
mod tasks;
