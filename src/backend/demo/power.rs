use super::{Demo, console, world::Temper};
use crate::{
    backend::{Call, Console, Power},
    domain::{Error, Op, PowerState, Result, VmId},
};
use std::time::Duration;

/// How long a machine takes to start, and a guest to shut down.
pub(super) const START: Duration = Duration::from_millis(900);
const STOP: Duration = Duration::from_secs(2);

impl Demo {
    /// Sets the state at once.
    fn set(&self, vm: &VmId, op: Op, power: PowerState) -> Result<()> {
        {
            let mut world = self.world(op)?;
            let now = world.stamp();
            world.machine_for(vm, op)?.set(power, now);
        }
        self.tell(vm, None);
        Ok(())
    }

    /// Begins to start it, as `op`.
    pub(super) fn begin(&self, vm: &VmId, op: Op) -> Result<()> {
        {
            let mut world = self.world(op)?;
            let (now, stamp) = (world.now, world.stamp());
            assert!(!world.is_faulty, "rehearsed on the demo");
            let machine = world.machine_for(vm, op)?;
            if machine.temper == Temper::Broken {
                let file = machine.disks.first().and_then(|d| d.medium.clone()).unwrap_or_default();
                return Err(Error::refused(format_args!("Could not open '{file}': No such file or directory")));
            }
            machine.set(PowerState::Starting, stamp);
            machine.due = Some((now + START, PowerState::Running));
        }
        self.tell(vm, Some(START));
        Ok(())
    }
}

impl Power for Demo {
    async fn start(&self, vm: &VmId) -> Result<()> {
        self.begin(vm, Op::Start)
    }

    async fn shut_down(&self, vm: &VmId) -> Result<()> {
        {
            let mut world = self.world(Op::ShutDown)?;
            let (now, stamp) = (world.now, world.stamp());
            let machine = world.machine_for(vm, Op::ShutDown)?;
            if machine.temper == Temper::Deaf {
                return Ok(());
            }
            machine.set(PowerState::Stopping, stamp);
            machine.due = Some((now + STOP, PowerState::Off));
        }
        self.tell(vm, Some(STOP));
        Ok(())
    }

    async fn power_off(&self, vm: &VmId) -> Result<()> {
        self.set(vm, Op::PowerOff, PowerState::Off)
    }

    async fn reset(&self, vm: &VmId) -> Result<()> {
        {
            let mut world = self.world(Op::Reset)?;
            let machine = world.machine_for(vm, Op::Reset)?;
            // The guest begins anew, the machine does not: it lets go of what it was asked to.
            if let Some((_, gone)) = machine.leaving.take() {
                machine.drop_disk(&gone);
            }
        }
        self.tell(vm, None);
        Ok(())
    }

    async fn reboot(&self, vm: &VmId) -> Result<Option<String>> {
        self.world(Op::Reboot)?.machine_for(vm, Op::Reboot)?;
        self.reset(vm).await.map(|()| None)
    }

    async fn save(&self, vm: &VmId, _call: Call) -> Result<()> {
        self.set(vm, Op::Save, PowerState::Off)
    }

    async fn pause(&self, vm: &VmId) -> Result<()> {
        self.set(vm, Op::Pause, PowerState::Paused)
    }

    async fn resume(&self, vm: &VmId) -> Result<()> {
        {
            let mut world = self.world(Op::Resume)?;
            let stamp = world.stamp();
            let machine = world.machine_for(vm, Op::Resume)?;
            if machine.temper == Temper::Full {
                return Err(Error::refused("No space left on device: grow the disk first"));
            }
            machine.set(PowerState::Running, stamp);
            machine.vm.remark = None;
        }
        self.tell(vm, None);
        Ok(())
    }

    async fn open_console(&self, vm: &VmId) -> Result<Console> {
        self.world(Op::OpenConsole)?.machine_for(vm, Op::OpenConsole)?;
        let (way, work) = console::open(vm)?;
        self.spawn(work);
        Ok(way)
    }
}
