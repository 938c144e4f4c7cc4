//! What lies behind the fake SysAdm server: machines and images in memory, changed as iohyve would, with its lies.
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use vmdeck::domain::ByteSize;

/// In which way the server answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Face {
    Documented,
    Recorded,
}

/// A machine.
#[derive(Clone, Debug, Default)]
pub(crate) struct Guest {
    pub(crate) is_loaded: bool,
    pub(crate) is_running: bool,
    pub(crate) disks: BTreeMap<u32, String>,
    pub(crate) settings: BTreeMap<String, String>,
}

pub(crate) struct Iohyve {
    pub(crate) face: Face,
    pub(crate) version: &'static str,
    pub(crate) guests: BTreeMap<String, Guest>,
    pub(crate) isos: Vec<String>,
    /// Jobs that have not ended.
    pub(crate) jobs: BTreeMap<String, String>,
    /// That a line stands in the configuration.
    pub(crate) is_set_up: bool,
    /// The pool that has a place for iohyve.
    pub(crate) home: Option<&'static str>,
    /// Downloads stay under way until the test ends them.
    pub(crate) holds_fetches: bool,
    /// Changes of these actions are answered with success and not done.
    pub(crate) lies: Vec<&'static str>,
    /// The ends of jobs, as the server logs them.
    pub(crate) log: Map<String, Value>,
    /// A creation fails, and leaves a machine without a disk.
    pub(crate) makes_halves: bool,
    born: u32,
}

type Answer = (Result<Value, u16>, Vec<Value>);

fn refused(action: &str, why: &str) -> Answer {
    (Ok(json!({action: {"error": why}})), Vec::new())
}

impl Iohyve {
    pub(crate) fn new(face: Face) -> Self {
        Self {
            face,
            version: "iohyve v0.7.9 2017/06/26 Edition",
            guests: BTreeMap::new(),
            isos: Vec::new(),
            jobs: BTreeMap::new(),
            is_set_up: true,
            home: Some("tank"),
            holds_fetches: false,
            lies: Vec::new(),
            log: Map::new(),
            makes_halves: false,
            born: 0,
        }
    }

    pub(crate) fn add(&mut self, name: &str, size: &str) -> &mut Guest {
        let mut guest = Guest { disks: BTreeMap::from([(0, size.to_owned())]), ..Guest::default() };
        let settings =
            [("cpu", "1"), ("ram", "512M"), ("boot", "0"), ("loader", "bhyveload"), ("description", "Sat Nov 21")];
        guest.settings = settings.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        self.guests.entry(name.to_owned()).or_insert(guest)
    }

    pub(crate) fn list_jobs(&self) -> Value {
        let job = |(id, command): (&String, &String)| (id.clone(), json!({"commands": [command], "state": "running"}));
        json!({"jobs": {"no_queue": self.jobs.iter().map(job).collect::<Map<_, _>>()}})
    }

    /// As when nobody has set it up.
    pub(crate) fn bare(&mut self) {
        (self.is_set_up, self.home) = (false, None);
    }

    pub(crate) fn datasets(&self, pool: &str) -> Value {
        let own = self.home.filter(|home| *home == pool).map(|home| format!("{home}/iohyve"));
        let all = std::iter::once(pool.to_owned()).chain(own);
        json!({"datasets": all.map(|name| (name, json!({"used": "96K"}))).collect::<Map<_, _>>()})
    }

    /// An answer and the events that go with it.
    pub(crate) fn answer(&mut self, action: &str, args: &Value) -> Answer {
        let text = |key: &str| args[key].as_str().unwrap_or_default().to_owned();
        let (name, size, disk) = (text("name"), text("size"), text("disk"));
        let is_lie = self.lies.contains(&action);
        let done = match action {
            "listvms" => self.list(),
            "listisos" => json!(self.isos),
            "version" => json!({"version": self.version}),
            "issetup" => json!({"setup": self.is_set_up.to_string()}),
            "fetchiso" => return self.fetch(&text("url")),
            "listdisks" => match self.guests.iter().rfind(|(n, _)| n.contains(&name)) {
                // A name within another's brings the other's disks.
                Some((_, guest)) => guest.disks.iter().map(|(n, size)| (format!("disk{n}"), json!(size))).collect(),
                None => json!({"Not": "a"}),
            },
            "getprops" | "setprop" if self.face == Face::Recorded => return (Err(400), Vec::new()),
            "getprops" => match self.guests.get(&name) {
                Some(guest) => {
                    let first = |v: &String| v.split(' ').next().unwrap_or_default().to_owned();
                    json!({name: guest.settings.iter().map(|(k, v)| (k.clone(), json!(first(v)))).collect::<Map<_, _>>()})
                }
                None => json!({name: {"cannot": "open"}}),
            },
            _ if is_lie => args.clone(),
            "setprop" => {
                let guest = self.guests.get_mut(&name);
                let pairs = args.as_object().unwrap().iter().filter(|(k, _)| *k != "name" && *k != "action");
                for ((key, value), guest) in pairs.zip(guest) {
                    guest.settings.insert(key.clone(), value.as_str().unwrap_or_default().to_owned());
                }
                args.clone()
            }
            "create" if self.guests.contains_key(&name) => {
                return refused(action, "cannot create 'tank/iohyve/x': dataset already exists");
            }
            "create" if self.makes_halves => {
                self.add(&name, &size).disks.clear();
                return refused(action, "cannot create 'tank/iohyve/x/disk0': out of space");
            }
            "create" if self.home.is_none() => {
                return refused(action, "cannot create '/iohyve/x': leading slash in name");
            }
            "create" => {
                self.add(&name, &size);
                json!({"name": name, "size": size})
            }
            "delete" => {
                self.guests.remove(&name);
                json!({"name": name})
            }
            "start" | "install" => {
                if let Some(guest) = self.guests.get_mut(&name) {
                    (guest.is_loaded, guest.is_running) = (true, true);
                }
                json!({"name": name})
            }
            "stop" => {
                if let Some(guest) = self.guests.get_mut(&name) {
                    (guest.is_loaded, guest.is_running) = (false, false);
                }
                json!({"name": name})
            }
            "adddisk" if text("pool").is_empty() => {
                return refused(action, "cannot create '/iohyve/x/disk1': leading slash in name");
            }
            "adddisk" => {
                if let Some(guest) = self.guests.get_mut(&name) {
                    let next = guest.disks.keys().max().map_or(0, |n| n + 1);
                    guest.disks.insert(next, size.clone());
                }
                json!({name: {"size": size, "pool": text("pool")}})
            }
            "resizedisk" | "deletedisk" => return self.change_disk(action, &name, &disk, &size),
            "renameiso" => {
                for iso in self.isos.iter_mut().filter(|iso| **iso == text("source")) {
                    *iso = text("target");
                }
                json!({"source": text("source"), "target": text("target")})
            }
            "rmiso" => {
                self.isos.retain(|iso| *iso != text("target"));
                json!({"target": text("target")})
            }
            "setup" => {
                self.is_set_up = true;
                // A pool that there is not is as good as any.
                self.home = ["tank", "zroot"].into_iter().find(|pool| *pool == text("pool")).or(self.home);
                json!({"pool": text("pool"), "nic": text("nic")})
            }
            _ => return (Err(400), Vec::new()),
        };
        (Ok(json!({action: done})), Vec::new())
    }

    fn list(&self) -> Value {
        let word = |yes: bool| if yes { "YES" } else { "NO" };
        let row = |(name, guest): (&String, &Guest)| {
            let boot = guest.settings.get("boot").is_some_and(|b| b == "1");
            let described = guest.settings.get("description").cloned().unwrap_or_default();
            let states = json!({"vmm": word(guest.is_loaded), "running": word(guest.is_running),
                "rcboot": word(boot), "description": described});
            (name.clone(), states)
        };
        Value::Object(self.guests.iter().map(row).collect())
    }

    fn change_disk(&mut self, action: &str, name: &str, disk: &str, size: &str) -> Answer {
        let number: u32 = disk.trim_start_matches("disk").parse().unwrap_or(99);
        if let Some(guest) = self.guests.get_mut(name) {
            match action {
                "resizedisk" if guest.is_running => return refused(action, "Please stop the guest first"),
                // It shrinks as readily as it grows.
                "resizedisk" => {
                    if let Some(old) = guest.disks.get_mut(&number).filter(|_| size.parse::<ByteSize>().is_ok()) {
                        size.clone_into(old);
                    }
                }
                _ if guest.disks.remove(&number).is_none() => return refused(action, "Not a valid PCIDEV property"),
                _ => {}
            }
        }
        (Ok(json!({action: {"name": name, "disk": disk}})), Vec::new())
    }

    fn fetch(&mut self, url: &str) -> Answer {
        self.born += 1;
        let (command, iso) = (format!("iohyve fetch {url}"), url.rsplit('/').next().unwrap().to_owned());
        let id = match self.face {
            Face::Documented => format!("{{b3a8b980-{}}}", self.born),
            Face::Recorded => format!("sysadm_iohyve_fetch::{{b3a8b980-{}}}", self.born),
        };
        let answer = json!({"fetchiso": {"command": command, "comment": "Task Queued", "queueid": id}});
        let is_broken = url.contains("missing");
        self.jobs.insert(id.clone(), command.clone());
        let mut events = vec![event(&id, &command, "pending", json!({}), json!({}))];
        if self.face == Face::Documented {
            events = vec![event(
                &id,
                &command,
                "running",
                json!({"percent_done": "40", "download_rate": "1000"}),
                json!({}),
            )];
        }
        // A failed download leaves an entry, which looks like any other.
        self.isos.push(iso);
        if !self.holds_fetches {
            events.extend(self.finish(&id, i32::from(is_broken)));
        }
        (Ok(answer), events)
    }

    /// The events of a job's end.
    pub(crate) fn finish(&mut self, id: &str, code: i32) -> Vec<Value> {
        let command = self.jobs.remove(id).unwrap();
        let bare = json!({"args": {"process_id": id, "state": "running"}, "id": "", "name": "dispatcher", "namespace": "events"});
        let log = format!("Fetching ...\nfetch: {}\n", if code == 0 { "5000 B 1664 Bps" } else { "File not found" });
        let end = json!({&*command: log, format!("return_codes/{command}"): code.to_string()});
        let mut logged = end.clone();
        let whole = json!({"cmd_list": [command], "process_id": id, "state": "finished"});
        logged.as_object_mut().unwrap().extend(whole.as_object().unwrap().clone());
        self.log.insert(format!("2026-11-21T08:00:{:02}", self.log.len()), Value::from(logged.to_string()));
        match self.face {
            Face::Documented => vec![event(id, &command, "finished", json!({}), json!({}))],
            Face::Recorded => {
                let half = json!({"percent_done": "16% of 5000  B", "download_rate": "1659  Bps"});
                let last = event(id, &command, "finished", json!({}), end);
                vec![bare, event(id, &command, "running", half, json!({})), last.clone(), last]
            }
        }
    }

    /// A command of the dispatcher, which is how settings are reached where the class lacks them.
    pub(crate) fn run(&mut self, args: &Value) -> Answer {
        let (id, command) = args.as_object().unwrap().iter().find(|(k, _)| *k != "action").unwrap();
        let command = command.as_str().unwrap();
        let mut words = command.splitn(4, ' ').skip(1);
        let (verb, name, rest) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap_or_default());
        let is_lie = self.lies.contains(&"setprop");
        let (log, code) = match (verb, self.guests.get_mut(name)) {
            ("getall", Some(guest)) => {
                let lines: Vec<_> = guest.settings.iter().map(|(k, v)| format!("{k:12} {v}")).collect();
                (format!("Getting {} iohyve properties...\n{}\n", name, lines.join("\n")), "0")
            }
            ("set", Some(_)) if is_lie => ("Setting ...\n".to_owned(), "0"),
            ("set", Some(guest)) => {
                let (key, value) = rest.trim_matches('"').split_once('=').unwrap();
                guest.settings.insert(key.to_owned(), value.to_owned());
                (format!("Setting {key}...\n"), "0")
            }
            _ => ("Guest doesn't exist!\n".to_owned(), "1"),
        };
        let bare = json!({"process_id": id, "state": "running"});
        let end = json!({"cmd_list": [command], command: log, format!("return_codes/{command}"): code,
            "process_id": id, "state": "finished"});
        let events =
            [bare, end].map(|args| json!({"args": args, "id": "", "name": "dispatcher", "namespace": "events"}));
        (Ok(json!({"started": [id]})), events.to_vec())
    }
}

/// An event of a download.
#[expect(clippy::needless_pass_by_value, reason = "they are written where they are passed")]
pub(crate) fn event(id: &str, command: &str, state: &str, above: Value, below: Value) -> Value {
    let mut details = json!({"cmd_list": [command], "process_id": id, "state": state});
    details.as_object_mut().unwrap().extend(below.as_object().unwrap().clone());
    let mut args = json!({"event_system": "sysadm/iohyve", "state": state, "process_details": details});
    args.as_object_mut().unwrap().extend(above.as_object().unwrap().clone());
    json!({"args": args, "id": "", "name": "dispatcher", "namespace": "events"})
}
