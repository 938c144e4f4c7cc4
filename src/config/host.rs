//! `[[host]]`: the one closed list of backends and what each needs to know.
use super::{
    Certificates, PasswordSource, Tls,
    address::{libvirt_uri, peer_uri, ssh, url, url_below},
    certificates::{check_has_tls, tls},
    read::{Result, Table, with_nearest},
};
use crate::domain::{Host, HostId, Op, OpSet, check_vm_name};
use std::path::PathBuf;

/// The name of the host that is there without being configured.
pub const LOCAL: &str = "local";
/// The name of the host that is there where a libvirt daemon of this computer is found.
pub const LOCAL_LIBVIRT: &str = "local-libvirt";
/// The name of the host that is there where this computer has the command `iohyve`.
pub(super) const LOCAL_IOHYVE: &str = "local-iohyve";

/// How most servers are spoken to.
const HTTP: &[&str] = &["http", "https"];

/// Machines run by QEMU on this computer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Qemu {
    /// Another folder for machines, sockets, images.
    pub machines: Option<PathBuf>,
    pub run: Option<PathBuf>,
    pub images: Option<PathBuf>,
    /// The `qemu-system-*` to run; None: `qemu-system-x86_64`, from `PATH`.
    pub program: Option<PathBuf>,
    /// What makes and grows disks; None: `qemu-img`, from `PATH`.
    pub qemu_img: Option<PathBuf>,
    /// `kvm`, `hvf`, `tcg`; None: the best that works.
    pub accel: Option<String>,
}

/// A SysAdm server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sysadm {
    /// `wss://host:12150`, `https://host:12151`.
    pub url: String,
    pub user: Option<String>,
    pub password: PasswordSource,
    /// A token of a session, or a private key, to sign in with instead.
    pub token: Option<PasswordSource>,
    pub key: Option<PathBuf>,
    pub tls: Tls,
    pub ca: Option<PathBuf>,
}

/// A chypervisord of lochness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chypervisord {
    /// `http://host:17000`.
    pub url: String,
    /// A cguestd, which knows the guests.
    pub guests_url: Option<String>,
    /// Whether that cguestd keeps a job that is looked at.
    pub follow_jobs: bool,
    /// For both.
    pub certificates: Certificates,
}

/// A govirthost server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Govirthost {
    /// `http://host:33345`, or `https://` with certificates on both sides.
    pub url: String,
    pub certificates: Certificates,
}

/// A Velocity server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Velocity {
    /// `http://host:8090`, or `https://` through a proxy.
    pub url: String,
    pub user: Option<String>,
    pub password: PasswordSource,
    pub certificates: Certificates,
}

/// libvirt, here or through ssh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Libvirt {
    /// `qemu:///system`, `qemu:///session`, `qemu+ssh://user@host/system`.
    pub uri: String,
    /// How the libvirt of another host reaches it, where that is not `uri`.
    pub peer_uri: Option<String>,
    /// It is there without being configured: since its daemon was found, which is nothing to start one for.
    pub is_found: bool,
}

/// The `iohyve` command, here or through ssh.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Iohyve {
    /// `user@host`.
    pub ssh: Option<String>,
}

/// The store of lochness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lochness {
    /// etcd's addresses: `http://127.0.0.1:4001`.
    pub endpoints: Vec<String>,
    /// None: nobody signs in.
    pub user: Option<String>,
    pub password: PasswordSource,
    /// For all of them.
    pub certificates: Certificates,
}

/// Which machines in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scene {
    #[default]
    Home,
    Lab,
}

/// Machines in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Demo {
    pub scene: Scene,
    /// This many machines of one kind instead of the scene.
    pub machines: Option<u32>,
    /// What this host does not offer.
    pub without: OpSet,
    pub fault: Option<Fault>,
}

/// A fault to rehearse, so that what faults do can be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It never answers.
    Silent,
    /// It is not set up.
    Bare,
    /// Starting a machine breaks.
    Start,
    /// The first key breaks the screen.
    Screen,
    /// The first key breaks what reads the keys.
    Keys,
}

/// What a host is and how it is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackendConfig {
    Qemu(Qemu),
    Sysadm(Sysadm),
    Chypervisord(Chypervisord),
    Govirthost(Govirthost),
    Velocity(Velocity),
    Libvirt(Libvirt),
    Iohyve(Iohyve),
    Lochness(Lochness),
    Demo(Demo),
}

/// Every backend's name and what it manages, in the order of the documentation.
pub const BACKENDS: &[(&str, &str)] = &[
    ("qemu", "machines on this computer, run by QEMU without a daemon"),
    ("demo", "machines in memory, to try the program"),
    ("sysadm", "iohyve on FreeBSD and TrueOS through a SysAdm server"),
    ("chypervisord", "lochness hypervisors through chypervisord"),
    ("govirthost", "libvirt machines through govirthost"),
    ("velocity", "machines of a Velocity server"),
    ("libvirt", "libvirt, local or through ssh"),
    ("iohyve", "the iohyve command, local or through ssh"),
    ("lochness", "lochness hypervisors straight from etcd"),
];

/// A host of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostConfig {
    pub name: HostId,
    pub enabled: bool,
    pub backend: BackendConfig,
}

impl HostConfig {
    /// The host that needs no configuration.
    pub fn local() -> Self {
        Self { name: HostId::from(LOCAL), enabled: true, backend: BackendConfig::Qemu(Qemu::default()) }
    }

    /// The host of a libvirt daemon that was found.
    pub fn local_libvirt(uri: &str) -> Self {
        let backend = BackendConfig::Libvirt(Libvirt { uri: uri.to_owned(), peer_uri: None, is_found: true });
        Self { name: HostId::from(LOCAL_LIBVIRT), enabled: true, backend }
    }

    /// The host of an `iohyve` that was found.
    pub fn local_iohyve() -> Self {
        let backend = BackendConfig::Iohyve(Iohyve::default());
        Self { name: HostId::from(LOCAL_IOHYVE), enabled: true, backend }
    }

    /// As the screens know it.
    pub fn host(&self) -> Host {
        let peer = match &self.backend {
            BackendConfig::Libvirt(libvirt) => libvirt.peer_uri.clone(),
            _ => None,
        };
        Host { id: self.name.clone(), backend: self.backend.name(), address: self.backend.address(), peer }
    }

    pub(super) fn read(table: &mut Table<'_>) -> Result<Self> {
        "[[host]]".clone_into(&mut table.place);
        let name = table.need("name", "write name = \"a-name-of-your-choice\"")?;
        let text = name.text()?;
        check_vm_name(text).map_err(|why| name.error(why))?;
        table.place = format!("[[host]] {text}");
        let enabled = table.get("enabled").map(|v| v.flag()).transpose()?.unwrap_or(true);
        let names: Vec<_> = BACKENDS.iter().map(|(name, _)| *name).collect();
        let known = names.join(", ");
        // The implied host needs no backend of its own: `enabled = false` alone hides it.
        if text == LOCAL && table.get("backend").is_none() {
            let backend = BackendConfig::Qemu(qemu(table)?);
            table.end()?;
            return Ok(Self { name: HostId::from(text), enabled, backend });
        }
        let found = [Self::local_libvirt("qemu:///system"), Self::local_iohyve()];
        if let Some(found) = found.into_iter().find(|host| host.name.as_str() == text)
            && !enabled
            && table.get("backend").is_none()
        {
            table.end()?;
            return Ok(Self { enabled, ..found });
        }
        let backend = table.need("backend", &format!("one of {known}"))?;
        let backend = match backend.text()? {
            "qemu" => BackendConfig::Qemu(qemu(table)?),
            "sysadm" => BackendConfig::Sysadm(sysadm(table)?),
            "chypervisord" => {
                let address = url(&table.need("url", "write url = \"http://host:17000\"")?, HTTP)?;
                let guests_url = table.get("guests_url").map(|v| url(&v, HTTP)).transpose()?;
                let both: Vec<_> = [Some(&address), guests_url.as_ref()].into_iter().flatten().map(|a| &**a).collect();
                let certificates = Certificates::read(table, &both)?;
                let follow_jobs = table.get("follow_jobs").map(|v| v.flag()).transpose()?.unwrap_or(false);
                BackendConfig::Chypervisord(Chypervisord { url: address, guests_url, follow_jobs, certificates })
            }
            "govirthost" => {
                let url = url(&table.need("url", "write url = \"http://host:33345\"")?, HTTP)?;
                BackendConfig::Govirthost(Govirthost { certificates: Certificates::read(table, &[&url])?, url })
            }
            "velocity" => {
                let url = url_below(&table.need("url", "write url = \"http://host:8090\"")?, HTTP)?;
                let (user, password) = (table.word("user")?, password(table)?);
                let certificates = Certificates::read(table, &[&url])?;
                BackendConfig::Velocity(Velocity { url, user, password, certificates })
            }
            "libvirt" => BackendConfig::Libvirt(Libvirt {
                uri: libvirt_uri(table)?,
                peer_uri: peer_uri(table)?,
                is_found: false,
            }),
            "iohyve" => BackendConfig::Iohyve(Iohyve { ssh: ssh(table)? }),
            "lochness" => {
                let kv = table.need("kv", "write kv = \"http://127.0.0.1:4001\"")?;
                let items = kv.list().unwrap_or_else(|| vec![kv]);
                let endpoints: Vec<_> = items.iter().map(|v| url(v, HTTP)).collect::<Result<_>>()?;
                let (user, password) = (store_user(table)?, password(table)?);
                let addresses: Vec<_> = endpoints.iter().map(String::as_str).collect();
                let certificates = Certificates::read(table, &addresses)?;
                BackendConfig::Lochness(Lochness { endpoints, user, password, certificates })
            }
            "demo" => BackendConfig::Demo(demo(table)?),
            other => return Err(backend.wrong(&with_nearest(other, &names, &format!("one of {known}")))),
        };
        table.end()?;
        Ok(Self { name: HostId::from(text), enabled, backend })
    }
}

impl BackendConfig {
    /// Its name in the configuration.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Qemu(_) => "qemu",
            Self::Sysadm(_) => "sysadm",
            Self::Chypervisord(_) => "chypervisord",
            Self::Govirthost(_) => "govirthost",
            Self::Velocity(_) => "velocity",
            Self::Libvirt(_) => "libvirt",
            Self::Iohyve(_) => "iohyve",
            Self::Lochness(_) => "lochness",
            Self::Demo(_) => "demo",
        }
    }

    /// Where it is. Addresses hold no secrets: one with a password is refused when it is read.
    pub fn address(&self) -> String {
        match self {
            Self::Qemu(qemu) => {
                qemu.machines.as_ref().map_or_else(|| "this computer".to_owned(), |p| p.display().to_string())
            }
            Self::Sysadm(s) => s.url.clone(),
            Self::Chypervisord(c) => c.url.clone(),
            Self::Govirthost(g) => g.url.clone(),
            Self::Velocity(v) => v.url.clone(),
            Self::Libvirt(l) => l.uri.clone(),
            Self::Iohyve(i) => i.ssh.clone().unwrap_or_else(|| "this computer".to_owned()),
            Self::Lochness(l) => l.endpoints.join(" "),
            Self::Demo(_) => "in memory".to_owned(),
        }
    }
}

fn qemu(table: &mut Table<'_>) -> Result<Qemu> {
    let accel = match table.get("accel") {
        Some(v) => v.choice(&[("auto", None), ("kvm", Some("kvm")), ("hvf", Some("hvf")), ("tcg", Some("tcg"))])?,
        None => None,
    };
    Ok(Qemu {
        machines: table.path("machines")?,
        run: table.path("run")?,
        images: table.path("images")?,
        program: table.path("program")?,
        qemu_img: table.path("qemu_img")?,
        accel: accel.map(str::to_owned),
    })
}

fn sysadm(table: &mut Table<'_>) -> Result<Sysadm> {
    let ways = ["password", "token", "key"].into_iter().filter(|way| table.get(way).is_some());
    if let [first, second, ..] = *ways.collect::<Vec<_>>() {
        return Err(table.error(format_args!("`{first}` and `{second}` are two ways to sign in: write one")));
    }
    if let (Some(user), true) = (table.get("user"), table.get("token").or(table.get("key")).is_some()) {
        return Err(user.error("a token or a key tells the user by itself: leave it out"));
    }
    let url = url(&table.need("url", "write url = \"wss://host:12150\"")?, &["wss", "https", "ws", "http"])?;
    check_has_tls(table, &["tls", "pin", "ca"], &[&url])?;
    Ok(Sysadm {
        url,
        user: table.word("user")?,
        password: password(table)?,
        token: table.get("token").map(|v| PasswordSource::read(&v)).transpose()?,
        key: table.path("key")?,
        tls: tls(table)?,
        ca: table.path("ca")?,
    })
}

/// Who signs in to a store; most have no users.
fn store_user(table: &mut Table<'_>) -> Result<Option<String>> {
    let user = table.word("user")?;
    match (table.get("user"), table.get("password")) {
        (Some(value), _) if user.as_ref().is_some_and(|user| user.contains(':')) => {
            Err(value.wrong("a user of etcd has no colon in the name"))
        }
        (_, Some(password)) if user.is_none() => Err(password.error("write user = \"..\" too: whose it is")),
        _ => Ok(user),
    }
}

fn demo(table: &mut Table<'_>) -> Result<Demo> {
    let scene = match table.get("scene") {
        Some(v) => v.choice(&[("home", Scene::Home), ("lab", Scene::Lab)])?,
        None => Scene::Home,
    };
    let machines = table.get("machines").map(|v| v.number(1..=100_000)).transpose()?;
    let faults = [
        ("silent", Fault::Silent),
        ("bare", Fault::Bare),
        ("start", Fault::Start),
        ("screen", Fault::Screen),
        ("keys", Fault::Keys),
    ];
    let fault = table.get("fault").map(|v| v.choice(&faults));
    let mut without = OpSet::default();
    if let Some(value) = table.get("without") {
        for name in value.texts()? {
            without =
                without.with(Op::named(name).ok_or_else(|| value.error(format_args!("`{name}` is no operation")))?);
        }
    }
    let machines = machines.and_then(|n| u32::try_from(n).ok());
    Ok(Demo { scene, machines, without, fault: fault.transpose()? })
}

fn password(table: &mut Table<'_>) -> Result<PasswordSource> {
    table.get("password").map(|v| PasswordSource::read(&v)).transpose().map(Option::unwrap_or_default)
}
