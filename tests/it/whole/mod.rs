//! The runtime in virtual time: hosts that fail, hang, lie, flood and vanish.
mod calls;
mod host_figures;
mod links;
mod polls;
mod screen;
mod sysadm;
