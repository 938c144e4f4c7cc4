//! What every product's adapter stands on: the clock, programs, sockets, storage.
pub mod askpass;
mod clock;
mod find;
pub mod http;
mod known;
mod latency;
mod lines;
mod output;
mod password;
mod pipe;
mod process;
mod storage;
pub mod tls;
mod trust;
pub mod ws;

pub use clock::{Stopwatch, now};
pub use find::find_program;
pub use known::Known;
pub use latency::{Latency, answered_after};
pub use output::Output;
pub use password::Password;
pub use pipe::{Fed, Pipe, Words};
pub use process::{APART, Program};
pub use storage::{at, free_space, real_size};
pub use trust::{Trust, spaced};
