mod conformance;
mod qemu_disks;
mod qemu_life;
mod qemu_records;
mod qmp;
