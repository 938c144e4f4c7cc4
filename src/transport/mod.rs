//! What every product's adapter stands on: the clock, programs, sockets.
mod clock;

pub use clock::now;
