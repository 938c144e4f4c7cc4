//! The runtime in virtual time: hosts that fail, hang, lie, flood and vanish.
mod calls;
mod links;
mod polls;
mod screen;
mod sysadm;
