use super::{Call, Console, unsupported};
use crate::domain::{Op, Result, VmId};
use std::future::Future;

/// Starting and stopping. None of these waits for the guest: the actor looks for the new state afterwards.
pub trait Power {
    /// Requires [`Op::Start`]. Returns when the host took it; a start that fails brings the host's own words.
    fn start(&self, _vm: &VmId) -> impl Future<Output = Result<()>> + Send {
        unsupported(Op::Start)
    }

    /// Requires [`Op::ShutDown`]. Asks the guest, which may ignore it.
    fn shut_down(&self, _vm: &VmId) -> impl Future<Output = Result<()>> + Send {
        unsupported(Op::ShutDown)
    }

    /// Requires [`Op::PowerOff`]. Pulls the plug: the guest is not asked.
    fn power_off(&self, _vm: &VmId) -> impl Future<Output = Result<()>> + Send {
        unsupported(Op::PowerOff)
    }

    /// Requires [`Op::Reset`]. Presses the reset button: the guest is not asked.
    fn reset(&self, _vm: &VmId) -> impl Future<Output = Result<()>> + Send {
        unsupported(Op::Reset)
    }

    /// Requires [`Op::Reboot`]. Asks the guest to restart, which may ignore it; tells what is known where that is not
    /// even that the guest was asked.
    fn reboot(&self, _vm: &VmId) -> impl Future<Output = Result<Option<String>>> + Send {
        unsupported(Op::Reboot)
    }

    /// Requires [`Op::Pause`].
    fn pause(&self, _vm: &VmId) -> impl Future<Output = Result<()>> + Send {
        unsupported(Op::Pause)
    }

    /// Requires [`Op::Resume`].
    fn resume(&self, _vm: &VmId) -> impl Future<Output = Result<()>> + Send {
        unsupported(Op::Resume)
    }

    /// Requires [`Op::Save`]. Writes the memory to the host's storage and stops it; the next start goes on from there.
    fn save(&self, _vm: &VmId, _call: Call) -> impl Future<Output = Result<()>> + Send {
        unsupported(Op::Save)
    }

    /// Requires [`Op::OpenConsole`]. The way into the serial console; whoever asked attaches to it.
    fn open_console(&self, _vm: &VmId) -> impl Future<Output = Result<Console>> + Send {
        unsupported(Op::OpenConsole)
    }
}
