//! What several folders of tests stand on.
pub(crate) mod fake;
pub(crate) mod fake_iohyve;
pub(crate) mod fake_qmp;
pub(crate) mod fake_sysadm;
pub(crate) mod fake_velocity;
pub(crate) mod film;
pub(crate) mod fleet;
pub(crate) mod ftp;
pub(crate) mod guests;
pub(crate) mod hosts;
pub(crate) mod http;
pub(crate) mod program;
pub(crate) mod pty;
pub(crate) mod qemu;
pub(crate) mod screen;
pub(crate) mod web;
pub(crate) mod world;
