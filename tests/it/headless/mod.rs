//! The program without a screen: words, exit codes, the shape of the JSON.
mod demo;
mod govirthost;
mod libvirt;
mod lochness;
mod outcomes;
mod reads;
mod sysadm;
mod velocity;
mod words;
