//! A govirthost of our own on loopback, in both builds, with machines in memory; and worse when told.
#![expect(clippy::indexing_slicing, reason = "what a JSON value does not have is null")]
use crate::support::web::{Asked, Told, Web};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};
use vmdeck::{
    backend::{
        domain_xml::Description,
        govirthost::{Govirthost, Settings, wire::Build},
    },
    transport::Trust,
};

pub(crate) const BUILDS: [Build; 2] = [Build::First, Build::Last];

/// What libvirt says of a machine that has UEFI variables when it is undefined without a word about them.
const NVRAM: &str = "Requested operation is not valid: cannot undefine domain with nvram";

pub(crate) fn govirthost(url: &str) -> Govirthost {
    Govirthost::new(settings(url))
}

pub(crate) fn settings(url: &str) -> Settings {
    Settings { url: url.to_owned(), trust: Trust::System { ca: None }, identity: None }
}

/// A machine.
#[derive(Clone, Debug)]
pub(crate) struct Guest {
    pub(crate) state: &'static str,
    pub(crate) run: i64,
    /// What is kept, and what the present run has.
    pub(crate) kept: String,
    pub(crate) live: String,
    /// The guest does not listen when it is asked to shut down.
    pub(crate) is_deaf: bool,
}

/// All that the server has and does.
pub(crate) struct World {
    pub(crate) build: Build,
    pub(crate) guests: BTreeMap<String, Guest>,
    /// Method and body of every request.
    pub(crate) requests: Vec<(String, Value)>,
    /// What is told instead of an answer to an action or a target, once for each entry.
    pub(crate) odd: HashMap<&'static str, Vec<Told>>,
    /// The lock that was never given back: changes hang.
    pub(crate) is_stuck: bool,
    /// libvirt is gone.
    pub(crate) is_lost: bool,
    /// Where machines go that leave.
    pub(crate) other: Option<Arc<Mutex<World>>>,
    runs: i64,
}

pub(crate) struct FakeGovirthost {
    world: Arc<Mutex<World>>,
    pub(crate) web: Web,
}

/// A description as libvirt would keep it.
pub(crate) fn xml(name: &str) -> String {
    let uuid = uuid_of(name);
    format!(
        "<domain type='kvm'>\n  <name>{name}</name>\n  <uuid>{uuid}</uuid>\n  <memory unit='KiB'>65536</memory>\n  \
         <currentMemory unit='KiB'>65536</currentMemory>\n  <vcpu placement='static'>1</vcpu>\n  \
         <os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os>\n  <devices>\n    \
         <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/images/{name}.qcow2'/>\
         <target dev='vda' bus='virtio'/></disk>\n    <interface type='network'><mac address='52:54:00:00:00:01'/>\
         <source network='default'/></interface>\n    <serial type='pty'/>\n    \
         <graphics type='vnc' port='-1' autoport='yes'/>\n  </devices>\n</domain>\n"
    )
}

/// A UUID that is the name's.
fn uuid_of(name: &str) -> uuid::Uuid {
    let mut bytes = [0x40; 16];
    for (at, byte) in name.bytes().take(16).enumerate() {
        bytes[at] = byte;
    }
    uuid::Uuid::from_bytes(bytes)
}

impl FakeGovirthost {
    pub(crate) fn new(build: Build) -> Self {
        let world = Self::world_of(build);
        let shared = world.clone();
        Self { world, web: Web::serve(move |asked| shared.lock().unwrap().answer(asked)) }
    }

    /// With TLS, for clients with a certificate alone.
    pub(crate) fn mutual(build: Build) -> Self {
        let world = Self::world_of(build);
        let shared = world.clone();
        Self { world, web: Web::secure("signed", true, move |asked| shared.lock().unwrap().answer(asked)) }
    }

    fn world_of(build: Build) -> Arc<Mutex<World>> {
        let (guests, requests, odd) = (BTreeMap::new(), Vec::new(), HashMap::new());
        Arc::new(Mutex::new(World {
            build,
            guests,
            requests,
            odd,
            is_stuck: false,
            is_lost: false,
            other: None,
            runs: 0,
        }))
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// How often it was asked by a method, for an action or target.
    pub(crate) fn count(&self, method: &str, what: &str) -> usize {
        let is = |body: &Value| body["action"] == what || body["target"] == what || what.is_empty();
        self.world().requests.iter().filter(|(found, body)| found == method && is(body)).count()
    }

    pub(crate) fn changes(&self) -> usize {
        self.world().requests.iter().filter(|(method, _)| method != "GET").count()
    }

    /// Machines that leave go to `other`.
    pub(crate) fn leads_to(&self, other: &Self) {
        self.world().other = Some(other.world.clone());
    }
}

impl World {
    pub(crate) fn add(&mut self, name: &str, state: &'static str) -> &mut Guest {
        let run = if state == "shutoff" { -1 } else { self.next_run() };
        let guest = Guest { state, run, kept: xml(name), live: xml(name), is_deaf: false };
        self.guests.entry(name.to_owned()).or_insert(guest)
    }

    fn next_run(&mut self) -> i64 {
        self.runs += 1;
        self.runs
    }

    /// The one object that every question is answered with.
    fn object(&self, key: &str, value: Value) -> Told {
        let mut whole = json!({"images": null, "hostmemoryInfo": null, "domains": null, "network": null,
            "hostinfos": null, "netinfo": null, "xml": null});
        if self.build == Build::Last {
            whole["parent"] = json!("");
            whole["listvms"] = Value::Null;
        }
        whole[key] = value;
        Told::Answer(200, "Content-Type: text/plain; charset=utf-8\r\n".to_owned(), format!("{whole}\n").into_bytes())
    }

    /// Every failure is a 500: with words, or with none.
    fn refuse(&mut self, words: &str, holds_lock: bool) -> Told {
        if self.build == Build::First && holds_lock {
            self.is_stuck = true;
        }
        let body = if self.build == Build::First { Vec::new() } else { words.as_bytes().to_vec() };
        Told::Answer(500, "Content-Type: text/plain; charset=utf-8\r\n".to_owned(), body)
    }

    fn answer(&mut self, asked: &Asked) -> Told {
        let body: Value = serde_json::from_str(&asked.body).unwrap_or_default();
        self.requests.push((asked.method.clone(), body.clone()));
        let word = |key: &str| body[key].as_str().unwrap_or_default().to_ascii_lowercase();
        let what = if asked.method == "GET" { word("target") } else { word("action") };
        if let Some((_, told)) = self.odd.iter_mut().find(|(of, told)| **of == what && !told.is_empty()) {
            return told.remove(0);
        }
        let domain = body["domain"].as_str().unwrap_or_default().to_owned();
        match asked.method.as_str() {
            "GET" => self.tell(&what, &domain),
            "POST" | "DELETE" if self.is_stuck => Told::Stall,
            "POST" => self.post(&what, &domain, &body),
            "DELETE" => self.delete(&domain),
            _ => self.refuse("invalid method", false),
        }
    }

    fn tell(&mut self, target: &str, domain: &str) -> Told {
        match target {
            "vm" if self.is_lost => self.refuse("Unable to list domains", false),
            "vm" if self.guests.is_empty() => self.object("domains", Value::Null),
            "vm" => {
                let row = |(name, guest): (&String, &Guest)| {
                    let uuid = Description::parse(&guest.kept).ok().and_then(|kept| kept.uuid.parse().ok());
                    let uuid: uuid::Uuid = uuid.unwrap_or_else(|| uuid_of(name));
                    json!({"domain": {"Name": name, "UUID": uuid.as_bytes(), "ID": guest.run}, "state": guest.state})
                };
                self.object("domains", self.guests.iter().map(row).collect())
            }
            "metal" => self.object(
                "hostmemoryInfo",
                json!({"Uptime": 1_289_000_000_000_u64, "Loads": [4.39, 3.48, 2.34], "Procs": 230,
                    "TotalRam": 24_684_084, "FreeRam": 17_389_748, "SharedRam": 0, "BufferRam": 82_696,
                    "TotalSwap": 0, "FreeSwap": 0, "TotalHighRam": 0, "FreeHighRam": 0}),
            ),
            "xml" => match self.guests.get(domain) {
                Some(guest) => {
                    let shown = if guest.run < 0 { &guest.kept } else { &guest.live };
                    self.object("xml", json!(STANDARD.encode(shown)))
                }
                None => self.refuse(&format!("Domain not found: no domain with matching name '{domain}'"), false),
            },
            _ => self.refuse("Invalid Action", false),
        }
    }

    fn done() -> Told {
        Told::Answer(200, String::new(), Vec::new())
    }

    fn post(&mut self, action: &str, domain: &str, body: &Value) -> Told {
        let is_create = action == "create" && self.build == Build::First;
        if action == "define" || is_create {
            let text = if is_create { &body["createvmform"]["xml"] } else { &body["xml"] };
            return self.define(text.as_str().unwrap_or_default(), body, is_create);
        }
        let known = ["start", "shutdown", "reset", "destroy", "undefine", "migrate"];
        if !known.contains(&action) {
            return self.refuse("Invalid Action", false);
        }
        let run = self.next_run();
        let Some(guest) = self.guests.get_mut(domain) else {
            return self.refuse(&format!("Domain not found: no domain with matching name '{domain}'"), true);
        };
        let runs = guest.run >= 0;
        match action {
            "start" if runs => return self.refuse("Requested operation is not valid: domain is already running", true),
            "start" => {
                (guest.state, guest.run) = ("running", run);
                guest.live = guest.kept.replacen("<domain type='kvm'>", &format!("<domain type='kvm' id='{run}'>"), 1);
                guest.live = guest.live.replace("port='-1'", "port='5901'");
            }
            "undefine" if guest.state != "shutoff" => {
                return self.refuse("You cannot undefine a running vm, please shut it off first.", true);
            }
            "undefine" if guest.kept.contains("<nvram>") => return self.refuse(NVRAM, true),
            "undefine" => drop(self.guests.remove(domain)),
            _ if !runs => return self.refuse("Requested operation is not valid: domain is not running", true),
            "shutdown" if guest.is_deaf => {}
            "shutdown" | "destroy" => (guest.state, guest.run) = ("shutoff", -1),
            "migrate" if body["target"].as_str().unwrap_or_default().is_empty() => {
                return self.refuse(&format!("Unable to migrate {domain} to "), true);
            }
            "migrate" => {
                // The definition stays, and is off.
                let gone = guest.clone();
                (guest.state, guest.run) = ("shutoff", -1);
                if let Some(other) = &self.other {
                    other.lock().unwrap().guests.insert(domain.to_owned(), gone);
                }
            }
            _ => guest.run = run,
        }
        Self::done()
    }

    fn define(&mut self, text: &str, body: &Value, is_create: bool) -> Told {
        let form = &body["createvmform"];
        let number = |key: &str| form[key].as_i64().unwrap_or(0);
        let is_whole = !is_create
            || (form["hostname"].as_str().is_some_and(|name| !name.is_empty())
                && form["mac"].as_str().is_some_and(|mac| mac.len() == 17)
                && form["image"].as_str().is_some_and(|image| !image.is_empty())
                && number("cpucount") > 0
                && number("memorycount") > 1);
        let xml = STANDARD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let read = xml.as_deref().and_then(|xml| Description::parse(xml).ok()).filter(|read| !read.name.is_empty());
        let (Some(xml), Some(read), true) = (xml, read, is_whole) else {
            return self.refuse("missing name information", true);
        };
        // libvirt gives an identity to what has none.
        let uuid = format!("</name><uuid>{}</uuid>", uuid_of(&read.name));
        let xml = if read.uuid.is_empty() { xml.replacen("</name>", &uuid, 1) } else { xml };
        match self.guests.get_mut(&read.name) {
            Some(_) if is_create => return self.refuse("operation failed: domain already exists", true),
            Some(guest) => guest.kept = xml,
            None => {
                let guest = Guest { state: "shutoff", run: -1, live: xml.clone(), kept: xml, is_deaf: false };
                self.guests.insert(read.name, guest);
            }
        }
        Self::done()
    }

    fn delete(&mut self, domain: &str) -> Told {
        match self.guests.get_mut(domain) {
            // The power is cut all the same.
            Some(guest) if guest.kept.contains("<nvram>") => {
                (guest.state, guest.run) = ("shutoff", -1);
                self.refuse(NVRAM, true)
            }
            Some(_) => {
                self.guests.remove(domain);
                Self::done()
            }
            None => self.refuse(&format!("Domain not found: no domain with matching name '{domain}'"), true),
        }
    }
}

/// A while that is longer than the server itself gives an answer.
pub(crate) const LONG: Duration = Duration::from_secs(12);

/// A folder whose configuration has these hosts alone.
pub(crate) fn home(servers: &[(&str, &FakeGovirthost)]) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let local = "[[host]]\nname = \"local\"\nbackend = \"qemu\"\nenabled = false\n".to_owned();
    let host = |(name, server): &(&str, &FakeGovirthost)| {
        format!("[[host]]\nname = \"{name}\"\nbackend = \"govirthost\"\nurl = \"{}\"\n", server.web.url())
    };
    let hosts = servers.iter().map(host).fold(local, |text, host| text + &host);
    let text = hosts + "[refresh]\nlist = 1\n";
    std::fs::write(home.path().join("config.toml"), text).unwrap();
    home
}
