//! Keys and messages in, effects out.
mod chance;
mod delete;
mod description;
mod drive;
mod forms;
mod grow;
mod hosts;
mod images;
mod link_log;
mod listing;
mod look_ahead;
mod migrate;
mod nodes;
mod power;
mod snapshots;
mod tasks;
