//! Machines as libvirt describes them: read from its XML, and written for a new one. Knows nothing of connections, so
//! that every backend that meets such a description can use it.
mod boot;
mod check;
mod copy;
mod edit;
mod read;
mod secret;
mod write;

pub use boot::{Before, CdPlace, check_boots_in_order, with_cd};
pub use check::{check_begun, check_edited, differences};
pub use copy::copied;
pub use edit::{ending_at_restart, lasting, with_cpus, with_memory};
pub use read::{Description, Drive, Network, Source};
pub use secret::{check_unmasked, masked, unmasked};
pub use write::{DiskFile, NewMachine, cdrom, disk, escape};
