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
    vms: Option<Vec<Vm>>,
    /// The quick list, which may lack states, is there: the full one follows.
    had_names: bool,
}

impl Told {
    /// Nothing more is to be had from it.
    fn is_done(&self, with_machines: bool) -> bool {
        match &self.link {
            Some(Link::Up(_)) => !with_machines || self.vms.is_some(),
            Some(Link::Down { .. } | Link::Asks(_)) => true,
            Some(Link::Connecting) | None => false,
        }
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
            let Some(told) = told.get_mut(&host) else { continue };
            match event {
                HostEvent::Link(Link::Connecting) if told.link.is_some() => {}
                HostEvent::Link(link) => told.link = Some(link),
                HostEvent::Inventory(inventory) if told.had_names => told.vms = inventory.vms.or(Some(Vec::new())),
                HostEvent::Inventory(_) => told.had_names = true,
                HostEvent::Stale { error, .. } => told.link = Some(Link::Down { error, retry_at: None }),
                _ => {}
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
        let Some(told) = told.get(&host.name) else { continue };
        let name = host.name.to_string();
        match &told.vms {
            Some(vms) if !vms.is_empty() => {
                let mut vms: Vec<_> = vms.iter().collect();
                vms.sort_by(|a, b| a.name.cmp(&b.name));
                rows.extend(vms.into_iter().map(|vm| std::iter::once(name.clone()).chain(text::machine(vm)).collect()));
            }
            Some(_) => rows.push(vec![name, "no machines".to_owned()]),
            None => {
                let link =
                    if matches!(told.link, Some(Link::Up(_))) { "no answer yet".to_owned() } else { told.link() };
                rows.push(vec![name, link]);
            }
        }
    }
    let _ = streams.out.write_all(text::columns(&rows).as_bytes()).and_then(|()| streams.out.flush());
}
