mod conformance;
mod qemu_disks;
mod qemu_guests;
mod qemu_life;
mod qemu_records;
mod qemu_trouble;
mod qmp;
