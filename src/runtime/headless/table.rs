//! Hosts and machines at one glance, for a pipe or a script: each host has a few seconds.
use super::{Streams, text};
use crate::{
    app::Message,
    config::{Config, Paths},
    domain::{HostEvent, HostId, Link, Vm, clean_line},
    runtime::{Hosts, Policy, spawn},
};
use std::{collections::HashMap, time::Duration};
use tokio::time::timeout;

/// What one host told in time.
#[derive(Default)]
struct Told {
    link: Option<Link>,
    /// Of the quick list first, which may lack states: the full one follows.
    vms: Option<Vec<Vm>>,
    is_listed: bool,
    is_full: bool,
}

impl Told {
    /// Nothing more is to be had from it.
    fn is_done(&self, with_machines: bool) -> bool {
        match &self.link {
            Some(Link::Up(_)) => !with_machines || self.is_full,
            Some(Link::Down { .. } | Link::Asks(_)) => true,
            Some(Link::Connecting) | None => false,
        }
    }

    fn take(&mut self, event: HostEvent) {
        match event {
            HostEvent::Link(Link::Connecting) if self.link.is_some() => {}
            HostEvent::Link(link) => self.link = Some(link),
            HostEvent::Inventory(inventory) => {
                // Images alone come when a fetch has ended, and nodes alone where the machines cannot be told.
                if inventory.vms.is_some() || inventory.nodes.is_some() {
                    self.is_full = self.is_listed;
                    self.is_listed = true;
                }
                self.vms = inventory.vms.or(self.vms.take());
            }
            // One machine that does not answer holds up the list, and not what is known of the others.
            HostEvent::Vm(vm) => {
                if let Some(known) = self.vms.iter_mut().flatten().find(|known| known.id == vm.id) {
                    *known = *vm;
                }
            }
            HostEvent::Stale { error, .. } => self.link = Some(Link::Down { error, retry_at: None }),
            _ => {}
        }
    }

    /// A row for each machine, or one that says why there is none.
    fn rows(&self, host: &HostId) -> Vec<Vec<String>> {
        let one = |what: String| vec![vec![host.to_string(), what]];
        let is_up = matches!(self.link, Some(Link::Up(_)));
        match &self.vms {
            Some(vms) if !vms.is_empty() && (self.is_full || is_up) => {
                let mut vms: Vec<_> = vms.iter().collect();
                vms.sort_by(|a, b| a.name.cmp(&b.name));
                let row = |vm: &Vm| std::iter::once(host.to_string()).chain(self.machine(vm)).collect();
                vms.into_iter().map(row).collect()
            }
            Some(_) if self.is_full => one("no machines".to_owned()),
            // What the quick list lacks may still come.
            _ if is_up && !self.is_full => one("no answer yet".to_owned()),
            _ if is_up => one("its machines are not known".to_owned()),
            _ => one(self.link()),
        }
    }

    /// What the full list would have told is not unknown to the host: it has not come in time.
    fn machine(&self, vm: &Vm) -> Vec<String> {
        let is_told = self.is_full || vm.power.is_some() || vm.remark.is_some();
        let remark = if is_told { vm.remark.clone() } else { Some("no answer yet".to_owned()) };
        text::machine(&Vm { remark, ..vm.clone() })
    }

    fn link(&self) -> String {
        match &self.link {
            Some(Link::Up(capabilities)) => match capabilities.is_set_up {
                Some(false) => "up, not set up".to_owned(),
                _ => "up".to_owned(),
            },
            Some(Link::Down { error, .. }) => format!("down: {error}"),
            Some(Link::Asks(question)) => format!("asks: {}", clean_line(&question.text)),
            Some(Link::Connecting) | None => "no answer yet".to_owned(),
        }
    }

    fn version(&self) -> String {
        match &self.link {
            Some(Link::Up(capabilities)) => clean_line(&capabilities.version).into_owned(),
            _ => String::new(),
        }
    }
}

/// Asks all hosts at the same time, for at most `within`.
async fn ask(config: &Config, paths: &Paths, with_machines: bool, within: Duration) -> HashMap<HostId, Told> {
    let (mut hosts, mut inbox) = Hosts::on_threads(config.hosts.len());
    // Lists are read once by the first poll; nothing is looked at again in so short a time.
    let policy = Policy { is_watching: with_machines, ..Policy::default() };
    let mut told: HashMap<HostId, Told> = HashMap::new();
    for host in &config.hosts {
        spawn::spawn(&mut hosts, host, config, paths, policy);
        told.insert(host.name.clone(), Told::default());
    }
    let answers = async {
        while told.values().any(|told| !told.is_done(with_machines)) {
            let Some(message) = inbox.recv().await else { return };
            let Message::Host(host, event) = message else { continue };
            if let Some(told) = told.get_mut(&host) {
                told.take(event);
            }
        }
    };
    let _ = timeout(within, answers).await;
    hosts.stop().await;
    told
}

/// `vmdeck hosts`: the hosts and their links.
pub async fn hosts(config: &Config, paths: &Paths, within: Duration, streams: &mut Streams<'_>) {
    let told = ask(config, paths, false, within).await;
    let head = ["HOST", "BACKEND", "ADDRESS", "LINK", "VERSION"].map(str::to_owned).to_vec();
    let rows = config.hosts.iter().filter_map(|host| {
        let told = told.get(&host.name)?;
        let host = host.host();
        Some(vec![host.id.to_string(), host.backend.to_owned(), host.address, told.link(), told.version()])
    });
    let rows: Vec<_> = std::iter::once(head).chain(rows).collect();
    let _ = streams.out.write_all(text::columns(&rows).as_bytes()).and_then(|()| streams.out.flush());
}

/// `vmdeck` without a terminal: the machines of all hosts, and a row for each host that has none to show.
pub async fn machines(config: &Config, paths: &Paths, within: Duration, streams: &mut Streams<'_>) {
    let told = ask(config, paths, true, within).await;
    let head = std::iter::once("HOST").chain(text::MACHINE).map(str::to_owned).collect();
    let mut rows: Vec<Vec<String>> = vec![head];
    for host in &config.hosts {
        rows.extend(told.get(&host.name).into_iter().flat_map(|told| told.rows(&host.name)));
    }
    let _ = streams.out.write_all(text::columns(&rows).as_bytes()).and_then(|()| streams.out.flush());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Capabilities, Error, ErrorKind, Inventory, PowerState, Stamp};

    fn told(events: impl IntoIterator<Item = HostEvent>) -> (bool, Vec<Vec<String>>) {
        let mut told = Told::default();
        events.into_iter().for_each(|event| told.take(event));
        (told.is_done(true), told.rows(&"far".into()))
    }

    fn list(vms: &[(&str, Option<PowerState>)]) -> HostEvent {
        let vms = vms.iter().map(|(name, power)| Vm { power: *power, ..Vm::named(name) }).collect();
        HostEvent::Inventory(Inventory { vms: Some(vms), ..Inventory::default() })
    }

    #[test]
    fn a_host_that_answers_the_quick_list_alone_has_its_names_and_no_state_is_made_up() {
        let up = || HostEvent::Link(Link::Up(Box::<Capabilities>::default()));
        let names = || list(&[("web", None), ("db", None)]);
        let (is_done, rows) = told([up(), names()]);
        assert!(!is_done, "the full list is waited for");
        let rows: Vec<_> = rows.iter().map(|row| [row[0].as_str(), &row[1], &row[2]]).collect();
        assert_eq!(rows, [["far", "db", "unknown (no answer yet)"], ["far", "web", "unknown (no answer yet)"]]);
        let full = list(&[("web", Some(PowerState::Running))]);
        let (is_done, rows) = told([up(), names(), full]);
        assert!(is_done && rows.len() == 1 && rows[0][2] == "running", "{rows:?}");
        // One that tells of itself is known, whatever else the list waits for.
        let vm = HostEvent::Vm(Box::new(Vm { power: Some(PowerState::Running), ..Vm::named("web") }));
        let (is_done, rows) = told([up(), names(), vm]);
        let rows: Vec<_> = rows.iter().map(|row| [row[1].as_str(), &row[2]]).collect();
        assert_eq!((is_done, rows), (false, vec![["db", "unknown (no answer yet)"], ["web", "running"]]));
        // Nothing in the quick list is not yet no machines.
        assert_eq!(told([up(), list(&[])]).1, [["far", "no answer yet"]]);
        assert_eq!(told([up(), list(&[]), list(&[])]).1, [["far", "no machines"]]);
        // A fetch that ends meanwhile brings images alone, which are no list of machines.
        let images = || HostEvent::Inventory(Inventory { images: Some(Vec::new()), ..Inventory::default() });
        for events in [[up(), images(), names()], [up(), names(), images()]] {
            let (is_done, rows) = told(events);
            assert!(!is_done && rows.len() == 2, "{rows:?}");
        }
        assert_eq!(told([up(), images(), list(&[])]).1, [["far", "no answer yet"]]);
        assert!(told([up(), list(&[]), images(), list(&[])]).0);
        let error = Error::new(ErrorKind::Timeout, "no answer within 10 s");
        let (is_done, rows) = told([up(), names(), HostEvent::Stale { since: Stamp(0), error }]);
        assert!(is_done);
        assert_eq!(rows, [["far", "down: no answer within 10 s"]]);
    }

    #[test]
    fn a_host_that_tells_of_its_nodes_alone_is_not_waited_for_and_not_called_empty() {
        let nodes = || HostEvent::Inventory(Inventory { nodes: Some(Vec::new()), ..Inventory::default() });
        let up = HostEvent::Link(Link::Up(Box::<Capabilities>::default()));
        let (is_done, rows) = told([up, nodes(), nodes()]);
        assert!(is_done);
        assert_eq!(rows, [["far", "its machines are not known"]]);
    }
}
