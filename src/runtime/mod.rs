//! The only place with tasks, a clock and a terminal; and the only one that sees both the application and the backends.
mod calls;
mod change;
mod guarded;
pub mod headless;
mod host;
mod hosts;
mod policy;
mod reads;
mod spawn;
mod throttle;

pub use hosts::Hosts;
pub use policy::Policy;
