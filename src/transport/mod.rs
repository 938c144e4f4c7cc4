//! What every product's adapter stands on: the clock, programs, sockets, storage.
mod clock;
mod known;
mod lines;
mod password;
mod process;
mod storage;
pub mod tls;
pub mod ws;

pub use clock::{Stopwatch, now};
pub use known::Known;
pub use password::Password;
pub use process::{Output, Program, find_program};
pub use storage::{at, free_space, real_size};
