use super::Qemu;
use crate::backend::Disks;

impl Disks for Qemu {}
