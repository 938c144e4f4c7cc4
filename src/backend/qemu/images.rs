use super::Qemu;
use crate::backend::Images;

impl Images for Qemu {}
