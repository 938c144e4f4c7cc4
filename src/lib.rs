//! vmdeck: a terminal UI for virtual machines. This page is the map of the program.
//!
//! # Who knows whom
//!
//! ```text
//! domain <- input <- app <- ui            what is shown: no clock, no network, no terminal
//! domain <- transport <- fetch <- backend what is done: no idea of screens
//! domain <- input <- config               what the user wrote
//!                    runtime              sees both sides; clock, tasks and terminal are here
//!                    cli, main            words in, exit code out
//! ```
//!
//! A test holds these arrows, and that no file grows long.
//!
//! - [`domain`]: the nouns and verbs as plain data: machines, disks, tasks, and each operation as a value.
//! - [`app`]: the state and its one transition function, `update(Message) -> Vec<Effect>`. Effects are data.
//! - [`ui`]: draws the state; only what changed is sent.
//! - [`backend`]: the contract, one trait in families; a folder for each product that fulfils it.
//! - [`runtime`]: one actor for each host. It connects, polls, queues, refuses what the host does not offer, sends a
//!   change once, and looks at what came of it: an answer alone is no success.
//!
//! # From a key to a machine and back
//!
//! ```text
//! key --> Message::Key --> App::update --> Effect::Call { host, task, request: Start(web) }
//!                                              |
//!                          runtime::Hosts::execute: to the host's actor, which never waits for the screen
//!                                              |
//!               Capabilities::check --> backend::prepare (guards) --> backend::dispatch --> Power::start
//!                                              |
//!                          Backend::look(Expect::Power { web, Running }) until it is so, or patience ends
//!                                              |
//! frame <-- ui::render <-- App::update <-- Message::TaskEnded(task, Ok(Done))
//! ```
//!
//! # To add a backend
//!
//! A folder in `backend/` with the files of the contract; a variant in `config/host.rs` and its row in
//! [`config::BACKENDS`]; an arm in `runtime/spawn.rs` (the compiler asks for it); a line in the conformance tests; a
//! row in the README's table and an example in `config.example.toml` (a test asks for both).
//!
//! # To add an operation
//!
//! A row in `domain/op.rs`; a variant of [`domain::Request`], with what it should bring about; a method with its
//! "unsupported" default in one family of [`backend`]; an arm in `backend/dispatch.rs`; its words in
//! `runtime/headless/words.rs`; a row in `input/action.rs` if a key does it. Keys, help, footer, README and example
//! configuration come from that row.
pub mod app;
pub mod backend;
pub mod cli;
pub mod completions;
pub mod config;
pub mod domain;
pub mod fetch;
pub mod input;
pub mod logging;
pub mod manual;
pub mod runtime;
pub mod transport;
pub mod ui;
