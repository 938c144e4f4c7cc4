use super::Qemu;
use crate::backend::Setup;

impl Setup for Qemu {}
