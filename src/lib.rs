//! vmdeck: a terminal UI for virtual machines.
pub mod app;
pub mod backend;
pub mod cli;
pub mod config;
pub mod domain;
pub mod fetch;
pub mod input;
pub mod logging;
pub mod runtime;
pub mod transport;
pub mod ui;
