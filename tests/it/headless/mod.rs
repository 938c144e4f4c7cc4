//! The program without a screen: words, exit codes, the shape of the JSON.
mod demo;
mod ends;
mod found;
mod govirthost;
mod libvirt;
mod lochness;
mod network;
mod outcomes;
mod reads;
mod room;
mod set_up;
mod sysadm;
mod velocity;
mod words;
