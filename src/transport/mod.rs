//! What every product's adapter stands on: the clock, programs, sockets.
mod clock;
mod process;

pub use clock::{Stopwatch, now};
pub use process::{Output, Program, find_program};
