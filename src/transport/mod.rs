//! What every product's adapter stands on: the clock, programs, sockets.
mod clock;
mod process;

pub use clock::now;
pub use process::{Output, Program, find_program};
