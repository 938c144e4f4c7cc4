//! A running machine moved to the libvirt of another host. This host's libvirt does it all: it signs in to the other one
//! and hands the memory over ("peer to peer"), so nothing of the machine passes through here.
use super::{
    Libvirt,
    client::Client,
    describe,
    leavings::Leavings,
    locked,
    peer::in_time,
    wire::{Domain, Params, procedure as p},
    xdr::Reader,
};
use crate::{
    backend::Call,
    domain::{
        ByteSize, Error, ErrorKind, Moves, Op, PowerState, Progress, Reply, Result, Verdict, VmId, check_libvirt_uri,
    },
};
use std::{
    convert::Infallible,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use tokio::time::sleep;

/// Where a machine may go.
pub(super) const MOVES: Moves = Moves { to: &["libvirt"], by_uri: true, copies_disks: true };
pub(super) const CAUTION: &str = "This libvirt signs in to the other one itself, as the user that it runs as: root with \
    root's key for qemu:///system. The memory goes through the network as it is, not encrypted";
/// How long it is looked for where the connection was lost on the way: it goes on by itself.
pub(super) const SETTLE: Duration = Duration::from_secs(60);
/// Between two looks at how far it is.
const EVERY: Duration = Duration::from_secs(1);
/// What is told where a machine's autostart has not gone with it.
const LEFT_BEHIND: &str = "it started with this host, and does not start with the other one";
/// Why a machine is off that has gone elsewhere (`VIR_DOMAIN_SHUTOFF_MIGRATED`).
const MIGRATED: i32 = 4;

/// How a move is done (`virDomainMigrateFlags`): while it runs, by this libvirt; defined there, and here no more.
const FLAGS: u32 = 1 | 2 | 8 | 16;
/// Beside those: the disks are copied (`VIR_MIGRATE_NON_SHARED_DISK`).
const COPY_DISKS: u32 = 64;

/// What libvirt tells of work on a machine.
#[derive(Clone, Debug, PartialEq)]
struct Job {
    /// `virDomainJobType`: 0 is none, 1 and 2 are under way.
    kind: i32,
    told: Params,
}

impl Job {
    const fn is_under_way(&self) -> bool {
        matches!(self.kind, 1 | 2)
    }

    /// How far it is. What the guest writes meanwhile is sent again, so the total grows, and nothing is done before the
    /// end says so. Disks are copied first, and until then the `memory` is not counted.
    fn progress(&self, memory: Option<ByteSize>) -> Option<Progress> {
        let number = |name| self.told.number(name);
        let done = number("data_processed").filter(|_| self.is_under_way())?;
        let ahead = match (number("memory_total"), memory) {
            (Some(_), _) => Some(0),
            (None, memory) => memory.map(|memory| memory.0),
        };
        let total = ahead.and_then(|ahead| Some(done.saturating_add(number("data_remaining")?).saturating_add(ahead)));
        let rate = match (number("memory_bps"), number("disk_bps")) {
            (None, None) => None,
            (memory, disk) => Some(ByteSize(memory.unwrap_or(0).saturating_add(disk.unwrap_or(0))).as_f64()),
        };
        let pass = number("memory_iteration").filter(|pass| *pass > 1);
        let note = pass.map(|pass| format!("pass {pass}: what the guest has written meanwhile"));
        Some(Progress { rate, note, ..Progress::bytes(done, total) })
    }
}

impl Client {
    /// `remote_domain_get_job_stats_ret`.
    async fn job(&self, domain: &Domain) -> Result<Job> {
        let body = self.call(p::JOB_STATS, domain.arg().u32(0)).await?;
        let mut reader = Reader::new(&body);
        Ok(Job { kind: reader.i32()?, told: Params::read(&mut reader)? })
    }

    /// Asks libvirt to stop what it does with a machine.
    async fn abort(&self, domain: &Domain) -> Result<()> {
        self.call(p::ABORT_JOB, domain.arg()).await.map(drop)
    }

    /// Moves a machine, and answers when it is there and runs (`remote_domain_migrate_perform3_params_args`: the
    /// machine, the other libvirt, parameters, a cookie, flags; no parameters and no cookie).
    async fn migrate(&self, domain: &Domain, to: &str, flags: u32) -> Result<()> {
        self.call(p::MIGRATE_PERFORM, domain.arg().maybe(Some(to)).u32(0).u32(0).u32(flags)).await.map(drop)
    }
}

impl Libvirt {
    pub(super) async fn move_to(&self, vm: &VmId, to: &str, copy_disks: bool, call: Call) -> Result<Option<String>> {
        let to = to.trim();
        check_libvirt_uri(to).map_err(|why| Error::invalid(format_args!("to: {why}")))?;
        let (client, domain) = self.domain(vm).await?;
        let before = power(&client, &domain).await?;
        Op::Migrate.allowed(before).map_err(|why| Error::conflict(format_args!("{vm}: {why}")))?;
        let description = client.xml(&domain, false).await?;
        let memory = description.memory;
        let starts = match client.autostart(&domain).await {
            // A machine that is forgotten when it ends has no such setting.
            Err(error) if !error.leaves_unknown() => Ok(false),
            starts => starts,
        };
        let leavings = match copy_disks {
            true => {
                call.progress(Progress::note("looking at the other host"));
                Some(Leavings::before(self, &client, &domain, &description, to).await)
            }
            false => None,
        };
        if call.cancel.is_cancelled() {
            return Err(Error::new(ErrorKind::Cancelled, format_args!("cancelled: {vm} has not begun to move")));
        }
        let has_begun = AtomicBool::new(false);
        let flags = if copy_disks { FLAGS | COPY_DISKS } else { FLAGS };
        let lost = match &starts {
            Ok(true) => Some(format!("{LEFT_BEHIND}: the connection was lost on the way")),
            Ok(false) => None,
            Err(why) => Some(untold(why)),
        };
        if let Some(lost) = lost {
            locked(&self.leaving).insert(vm.clone(), lost);
        }
        let ended = tokio::select! {
            ended = client.migrate(&domain, to, flags) => ended,
            never = follow(&client, &domain, memory, &call, &has_begun) => match never {},
        };
        if !ended.as_ref().is_err_and(Error::leaves_unknown) {
            locked(&self.leaving).remove(vm);
        }
        let error = match ended {
            Err(error) if error.kind == ErrorKind::Cancelled => self.stayed(vm, before, error).await,
            Err(error) => explained(error, copy_disks),
            Ok(()) => {
                return Ok(match starts {
                    Ok(true) => self.autostart_there(vm, to).await,
                    Ok(false) => None,
                    Err(why) => Some(untold(&why)),
                });
            }
        };
        // Where the machine is not as it was, nobody can tell what is needed where.
        let is_as_before = !error.leaves_unknown() && power(&client, &domain).await.is_ok_and(|now| now == before);
        match leavings {
            Some(leavings) if is_as_before => {
                let has_begun = error.kind == ErrorKind::Cancelled || has_begun.into_inner();
                let left = leavings.removed(&domain, has_begun).await;
                Err(Error::new(error.kind, error.message + &left))
            }
            _ => Err(error),
        }
    }

    /// Has a machine that started with this host start with the one where it is now: libvirt leaves that behind. Returns
    /// what is to be told where it does not, or may not.
    async fn autostart_there(&self, vm: &VmId, to: &str) -> Option<String> {
        // From when it is sent until the other libvirt refuses it, it may be so.
        let mut may_start = false;
        let set = async {
            let peer = self.peer(to).await?;
            let there = peer.client().lookup(vm).await?;
            may_start = true;
            let set = peer.client().set_autostart(&there, true).await;
            may_start = set.as_ref().map_or_else(Error::leaves_unknown, |()| true);
            set?;
            peer.client().autostart(&there).await
        };
        let set = in_time(set).await;
        match set {
            Ok(true) => None,
            Ok(false) => Some(format!("{LEFT_BEHIND}: the other libvirt has it off all the same")),
            Err(why) if may_start => Some(untold(&why)),
            Err(why) => Some(format!("{LEFT_BEHIND}: {}", why.message)),
        }
    }

    /// What a move has come to that was stopped: libvirt said so, and the machine is looked at.
    async fn stayed(&self, vm: &VmId, before: PowerState, error: Error) -> Error {
        let now = async {
            let (client, domain) = self.domain(vm).await?;
            power(&client, &domain).await
        };
        match now.await {
            Ok(now) if now == before => {
                let told = format_args!("cancelled: {vm} is {} here, as before", now.name());
                Error::new(ErrorKind::Cancelled, told)
            }
            Ok(now) => {
                let told = format_args!("{}, but {vm} is {} here", error.message, now.name());
                Error::new(ErrorKind::Differs, told)
            }
            Err(why) => Error::new(ErrorKind::Timeout, format_args!("{}; {}", error.message, why.message)),
        }
    }

    /// Whether a machine has gone to another host.
    pub(super) async fn look_left(&self, vm: &VmId) -> Result<Verdict> {
        let found = match self.still_here(vm).await {
            // It may go between one question and the next.
            Err(error) if error.kind == ErrorKind::NotFound => Verdict::Met(None),
            found => found?,
        };
        let is_gone = found == Verdict::Met(None);
        let lost = is_gone.then(|| locked(&self.leaving).remove(vm)).flatten();
        Ok(lost.map_or(found, |lost| Verdict::Met(Some(Reply::Remark(lost)))))
    }

    async fn still_here(&self, vm: &VmId) -> Result<Verdict> {
        let (client, domain) = self.domain(vm).await?;
        let (state, reason) = client.state(&domain).await?;
        Ok(match describe::power(number(state), number(reason)).0 {
            PowerState::Off if reason == MIGRATED => Verdict::Met(None),
            PowerState::Off => Verdict::Failed(Error::refused(format_args!("{vm} is off here, and has not moved"))),
            _ if client.job(&domain).await.is_ok_and(|job| job.is_under_way()) => {
                Verdict::NotMet("it is still on its way".to_owned())
            }
            _ => Verdict::NotMet("it still runs here".to_owned()),
        })
    }
}

/// What is told where nobody knows whether a machine's autostart has gone with it.
fn untold(why: &Error) -> String {
    format!("whether it starts with the other one is not known: {}", why.message)
}

fn number(n: i32) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

async fn power(client: &Client, domain: &Domain) -> Result<PowerState> {
    let (state, reason) = client.state(domain).await?;
    Ok(describe::power(number(state), number(reason)).0)
}

/// Tells how far a move is, and has it stopped when that is wanted: again and again, since libvirt stops nothing that
/// has not quite begun.
async fn follow(
    client: &Client,
    domain: &Domain,
    memory: Option<ByteSize>,
    call: &Call,
    has_begun: &AtomicBool,
) -> Infallible {
    let mut is_told = false;
    loop {
        tokio::select! {
            () = sleep(EVERY) => {}
            () = call.cancel.cancelled(), if !is_told => {}
        }
        if call.cancel.is_cancelled() {
            is_told = true;
            call.progress(Progress::note("asked to stop"));
            if let Err(error) = client.abort(domain).await {
                tracing::debug!("{}: not stopped yet: {error}", domain.name);
            }
        } else if let Ok(job) = client.job(domain).await
            && let Some(progress) = job.progress(memory)
        {
            has_begun.store(true, Ordering::Relaxed);
            call.progress(progress);
        }
    }
}

/// What libvirt said, with what helps.
fn explained(error: Error, copy_disks: bool) -> Error {
    let says = |words: &str| error.message.contains(words);
    // It tells what kept it from signing in there, and not what it was about.
    let is_kept_out = ["remote libvirt URI", "connect socket", "recv data"].into_iter().any(says);
    let hint = match is_kept_out {
        true => "this host's libvirt has to sign in to the other one without asking, as the user that it runs as",
        false if says("shared storage") && !copy_disks => {
            "its disks are on storage that only this host sees: copy them along"
        }
        false => return error,
    };
    Error::new(error.kind, format_args!("{}: {hint}", error.message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::libvirt::xdr::Writer;

    /// What libvirt tells, all of it as `unsigned hyper`.
    fn job(kind: i32, told: &[(&str, u64)]) -> Job {
        let params = Writer::default().list(told, |writer, (name, number)| writer.text(name).u32(4).u64(*number));
        Job { kind, told: Params::read(&mut Reader::new(&params.done())).unwrap() }
    }

    #[test]
    fn how_far_a_move_is_counts_what_has_to_come_and_what_comes_again() {
        let memory = Some(ByteSize(1000));
        let seen = |told: &[(&str, u64)]| job(2, told).progress(memory).unwrap();
        // The disks are across, and none of the memory.
        let disks = seen(&[("data_processed", 3000), ("data_remaining", 0), ("disk_bps", 30)]);
        assert_eq!((disks.percent(), disks.rate), (Some(75), Some(30.0)));
        let first =
            [("data_processed", 3900), ("data_remaining", 100), ("memory_total", 1000), ("memory_iteration", 1)];
        assert_eq!((seen(&first).percent(), seen(&first).note), (Some(97), None));
        // What the guest wrote in the meantime comes again: farther from the end than before.
        let again =
            [("data_processed", 4000), ("data_remaining", 800), ("memory_total", 1000), ("memory_iteration", 2)];
        let mut shown = seen(&first);
        shown.merge(seen(&again));
        assert_eq!((shown.percent(), shown.total), (Some(83), Some(ByteSize(4800))));
        assert!(shown.note.unwrap().starts_with("pass 2"));
        let all = seen(&[("data_processed", 4800), ("data_remaining", 0), ("memory_total", 1000)]);
        assert_eq!(all.percent(), Some(99), "only the end says 100");
    }

    #[test]
    fn what_is_not_told_is_not_made_up() {
        assert_eq!(job(0, &[("data_processed", 1)]).progress(None), None, "nothing is under way");
        assert_eq!(job(3, &[("data_processed", 1)]).progress(None), None, "it is over");
        assert_eq!(job(2, &[("time_elapsed", 5)]).progress(None), None);
        let told = job(2, &[("data_processed", 1), ("data_remaining", 9)]).progress(None).unwrap();
        assert_eq!((told.done, told.total), (Some(ByteSize(1)), None), "how much memory comes then is unknown");
        let huge = job(2, &[("data_processed", u64::MAX), ("data_remaining", u64::MAX), ("memory_total", 1)]);
        assert_eq!(huge.progress(None).unwrap().percent(), Some(99));
    }

    #[test]
    fn a_refusal_says_what_helps_beside_libvirts_words() {
        let told = |words: &str, copy| explained(Error::refused(words), copy).message;
        assert!(told("Cannot recv data: Host key verification failed.", false).contains("sign in to the other one"));
        assert!(told("Migration without shared storage is unsafe", false).contains("copy them along"));
        assert_eq!(
            told("Migration without shared storage is unsafe", true),
            "Migration without shared storage is unsafe"
        );
        assert_eq!(told("domain is already active", false), "domain is already active");
    }
}
