//! All integration tests in one binary: one link, shared support.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]
mod backends;
mod command_line;
mod completions;
mod config;
mod console;
mod docs;
mod fetch;
mod hangup;
mod headless;
mod layers;
mod pty;
mod screens;
mod setup;
mod support;
mod terse;
mod transport;
mod update;
mod whole;
