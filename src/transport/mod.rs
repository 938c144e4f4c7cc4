//! What every product's adapter stands on: the clock, programs, sockets, storage.
mod clock;
mod find;
pub mod http;
mod known;
mod lines;
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
pub use password::Password;
pub use pipe::{Pipe, Words};
pub use process::{Output, Program};
pub use storage::{at, free_space, real_size};
pub use trust::{Trust, spaced};
