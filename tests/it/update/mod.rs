//! Keys and messages in, effects out.
mod chance;
mod hosts;
mod listing;
mod power;
mod tasks;
