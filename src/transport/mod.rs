//! What every product's adapter stands on: the clock, programs, sockets, storage.
mod clock;
mod lines;
mod process;
mod storage;

pub use clock::{Stopwatch, now};
pub use process::{Output, Program, find_program};
pub use storage::{at, free_space, real_size};
