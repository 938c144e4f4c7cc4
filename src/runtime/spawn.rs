//! The one place where a configured host becomes an actor with a backend.
use super::{Hosts, Policy};
use crate::{
    backend::{
        Backend, Disks, EventSink, Images, Machines, Nodes, Power, Properties, Setup, Snapshots,
        chypervisord::{self, Chypervisord},
        demo::{self, Demo},
        govirthost::{self, Govirthost},
        iohyve::{self, Iohyve},
        libvirt::{self, Libvirt},
        lochness::{self, Lochness},
        qemu::{self, Qemu},
        ssh,
        sysadm::{self, Sysadm},
        velocity::{self, Velocity},
    },
    config::{self, BackendConfig, Certificates, Config, HostConfig, PasswordSource, Paths, Tls},
    domain::{Capabilities, Error, Inventory, Result},
    fetch,
    transport::{Known, Password, Program, Trust, find_program, now, tls::Identity},
};
use std::path::PathBuf;

/// Starts the actor of `host`.
pub(super) fn spawn(hosts: &mut Hosts, host: &HostConfig, config: &Config, paths: &Paths, policy: Policy) {
    let id = host.name.clone();
    match &host.backend {
        BackendConfig::Qemu(qemu) => {
            let own = |path: &Option<PathBuf>, usual: &PathBuf| path.clone().unwrap_or_else(|| usual.clone());
            let settings = qemu::Settings {
                machines: own(&qemu.machines, &paths.machines),
                run: own(&qemu.run, &paths.run),
                images: own(&qemu.images, &paths.images),
                program: qemu.program.clone(),
                qemu_img: qemu.qemu_img.clone(),
                accel: qemu.accel.clone(),
                headless: !policy.is_watching,
                fetch: fetching(config),
                fetch_at_once: config.fetch.at_once,
                worker: worker(config),
            };
            hosts.add(id, Qemu::new(settings), policy);
        }
        BackendConfig::Demo(demo) => {
            let scene = match (demo.machines, demo.scene) {
                (Some(machines), _) => demo::Scene::Many(machines),
                (None, config::Scene::Home) => demo::Scene::Home,
                (None, config::Scene::Lab) => demo::Scene::Lab,
            };
            let made = Demo::limited(scene, demo.without, now());
            let made = match demo.fault {
                Some(config::Fault::Start) => made.faulty(),
                Some(config::Fault::Silent) => made.silent(),
                Some(config::Fault::Bare) => made.bare(),
                Some(config::Fault::Screen | config::Fault::Keys) | None => made,
            };
            hosts.add(id, made, policy);
        }
        BackendConfig::Iohyve(own) => {
            let here = || find_program("iohyve").unwrap_or_else(|| "/usr/local/sbin/iohyve".into());
            let settings = iohyve::Settings {
                place: match own.ssh.clone() {
                    Some(host) => iohyve::Place::Ssh { program: "ssh".into(), host },
                    None => iohyve::Place::Here(here()),
                },
                run: paths.run.join("iohyve"),
                ssh: asking(paths),
                images: paths.images.join("iohyve").join(id.as_str()),
                fetch: fetching(config),
                fetch_at_once: config.fetch.at_once,
                worker: worker(config),
                headless: !policy.is_watching,
            };
            hosts.add(id, Iohyve::new(settings), policy);
        }
        BackendConfig::Libvirt(own) => match libvirt::Uri::parse(&own.uri) {
            Ok(uri) => {
                let (fetch, fetch_at_once) = (fetching(config), config.fetch.at_once);
                let headless = !policy.is_watching;
                let staging = paths.images.join("libvirt").join(id.as_str());
                let worker = worker(config);
                let ssh = asking(paths);
                let starts = !own.is_found;
                let settings = libvirt::Settings { uri, starts, ssh, headless, staging, fetch, fetch_at_once, worker };
                hosts.add(id, Libvirt::new(settings), policy);
            }
            Err(error) => hosts.add(id, Absent(error), policy),
        },
        BackendConfig::Sysadm(own) => hosts.add(id, Sysadm::new(sysadm(own, paths)), policy),
        BackendConfig::Govirthost(own) => hosts.add(id, Govirthost::new(govirthost(own, paths)), policy),
        BackendConfig::Velocity(own) => hosts.add(id, Velocity::new(velocity(own, paths)), policy),
        BackendConfig::Chypervisord(own) => hosts.add(id, Chypervisord::new(chypervisord(own, paths)), policy),
        BackendConfig::Lochness(own) => {
            let (endpoints, headless) = (own.endpoints.clone(), !policy.is_watching);
            let (trust, identity) = certificates(&own.certificates, paths);
            let (user, password) = (own.user.clone(), password(&own.password));
            let settings = lochness::Settings { endpoints, user, password, headless, trust, identity };
            hosts.add(id, Lochness::new(settings), policy);
        }
    }
}

/// How a certificate is judged, and where those that a person accepted are kept.
fn trust(tls: &Tls, ca: Option<&PathBuf>, paths: &Paths) -> Trust {
    match tls {
        Tls::System => Trust::System { ca: ca.cloned() },
        Tls::Pin(pin) => Trust::Pin(pin.clone()),
        Tls::AcceptNew => Trust::AcceptNew(Known { file: paths.state.join("certificates") }),
        Tls::Insecure => Trust::Insecure,
    }
}

/// How a server's certificate is judged, and the one by which it knows us. A file may hold both certificate and key.
fn certificates(own: &Certificates, paths: &Paths) -> (Trust, Option<Identity>) {
    let identity = own.cert.clone().map(|certificate| {
        let key = own.key.clone().unwrap_or_else(|| certificate.clone());
        Identity { certificate, key }
    });
    (trust(&own.tls, own.ca.as_ref(), paths), identity)
}

/// How every host of this computer fetches.
fn fetching(config: &Config) -> fetch::Options {
    fetch::Options {
        limit: fetch::Limit::new(config.fetch.rate.map(|rate| rate.0)),
        ca: config.fetch.ca.clone(),
        ..fetch::Options::default()
    }
}

/// The program that fetches: this one, unless another is named.
fn worker(config: &Config) -> PathBuf {
    config.fetch.worker.clone().unwrap_or_else(own_program)
}

/// This program. One that was replaced while it runs has another path, and then its name finds the new one.
fn own_program() -> PathBuf {
    std::env::current_exe().ok().filter(|path| path.exists()).unwrap_or_else(|| "vmdeck".into())
}

/// How every ssh asks the person.
fn asking(paths: &Paths) -> ssh::Settings {
    ssh::Settings { own: own_program(), run: paths.run.join("ssh") }
}

fn chypervisord(own: &config::Chypervisord, paths: &Paths) -> chypervisord::Settings {
    let (url, guests_url, follow_jobs) = (own.url.clone(), own.guests_url.clone(), own.follow_jobs);
    let (trust, identity) = certificates(&own.certificates, paths);
    chypervisord::Settings { url, guests_url, follow_jobs, trust, identity }
}

fn sysadm(own: &config::Sysadm, paths: &Paths) -> sysadm::Settings {
    let sign_in = match (&own.token, &own.key) {
        (Some(token), _) => sysadm::SignIn::Token(password(token)),
        (None, Some(key)) => sysadm::SignIn::Key(key.clone()),
        (None, None) => sysadm::SignIn::Password { user: own.user.clone(), password: password(&own.password) },
    };
    sysadm::Settings { url: own.url.clone(), sign_in, trust: trust(&own.tls, own.ca.as_ref(), paths) }
}

fn govirthost(own: &config::Govirthost, paths: &Paths) -> govirthost::Settings {
    let (trust, identity) = certificates(&own.certificates, paths);
    govirthost::Settings { url: own.url.clone(), trust, identity }
}

fn velocity(own: &config::Velocity, paths: &Paths) -> velocity::Settings {
    let (trust, identity) = certificates(&own.certificates, paths);
    let (user, password) = (own.user.clone(), password(&own.password));
    velocity::Settings { url: own.url.clone(), user, password, trust, identity }
}

/// Where a password comes from when a host wants it; what a program prints is read at each sign-in.
fn password(source: &PasswordSource) -> Password {
    match (source, source.read_now()) {
        (_, Err(why)) => Password::Missing(why),
        (_, Ok(Some(secret))) => Password::Given(secret),
        (PasswordSource::Command(words), Ok(None)) => match words.split_first() {
            Some((program, arguments)) => Password::Program(Program::new(program).args(arguments).in_terminal(false)),
            None => Password::Ask,
        },
        (_, Ok(None)) => Password::Ask,
    }
}

/// A host that cannot be spoken to: why not.
struct Absent(Error);

impl Backend for Absent {
    async fn connect(&self, _: EventSink) -> Result<Capabilities> {
        Err(self.0.clone())
    }

    async fn inventory(&self, _: bool) -> Result<Inventory> {
        Ok(Inventory::default())
    }
}

impl Power for Absent {}
impl Machines for Absent {}
impl Disks for Absent {}
impl Images for Absent {}
impl Properties for Absent {}
impl Nodes for Absent {}
impl Setup for Absent {}
impl Snapshots for Absent {}
