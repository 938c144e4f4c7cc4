//! A Velocity server of our own on loopback, with groups, machines and media: as documented, as it is now, or as it was
//! before; and worse when told.
#![expect(clippy::indexing_slicing, reason = "what a JSON value does not have is null")]
use crate::support::web::{Asked, Told, Web};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};
use vmdeck::{
    backend::velocity::{Settings, Velocity},
    domain::Secret,
    transport::{Password, Stopwatch, Trust, now},
};

/// Which generation answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Face {
    /// As the document says: a state in the list, `media`, `name`.
    Documented,
    /// Its last state: keys in the header and in the body, states one by one, `disks`, machines loaded at start only.
    Head,
    /// Before: keys in the body alone.
    Old,
}

pub(crate) const FACES: [Face; 3] = [Face::Documented, Face::Head, Face::Old];

/// An adapter that signs in with the right password.
pub(crate) fn velocity(url: &str) -> Velocity {
    Velocity::new(settings(url))
}

pub(crate) fn settings(url: &str) -> Settings {
    let password = Password::Given(Secret::new("secret".to_owned()));
    Settings { url: url.to_owned(), user: None, password, trust: Trust::System { ca: None }, identity: None }
}

/// A machine.
#[derive(Clone, Debug)]
pub(crate) struct Guest {
    pub(crate) gid: i64,
    pub(crate) is_loaded: bool,
    pub(crate) state: String,
    /// The states that follow, one at each question for it.
    pub(crate) next: Vec<&'static str>,
    /// What it was made of.
    pub(crate) made: Value,
    /// The guest does not listen when it is asked to shut down.
    pub(crate) is_deaf: bool,
}

/// All that the server has and does.
pub(crate) struct World {
    pub(crate) face: Face,
    pub(crate) guests: BTreeMap<i64, Guest>,
    /// gid, parent, name, what the user may do there.
    pub(crate) groups: Vec<(i64, i64, &'static str, Vec<&'static str>)>,
    pub(crate) uid: i64,
    /// gid, and the medium.
    pub(crate) media: Vec<(i64, Value)>,
    /// The devices of the host that machines may be bridged to.
    pub(crate) nics: Vec<Value>,
    pub(crate) keys: BTreeSet<String>,
    /// How long keys made from now on live, in seconds of `clock`; None: until the server is restarted.
    pub(crate) life: Option<u64>,
    pub(crate) clock: u64,
    ends: HashMap<String, u64>,
    /// How many requests came with a key that does not live.
    pub(crate) refused_keys: u32,
    pub(crate) sign_ins: u32,
    /// When the last sign-in was taken.
    pub(crate) signed_in: Option<Stopwatch>,
    /// `POST /v/vm/state` and its body.
    pub(crate) requests: Vec<(String, Value)>,
    /// What is told instead of an answer, once for each entry, by method and path.
    pub(crate) odd: HashMap<&'static str, Vec<Told>>,
    /// What is told of the state of these machines.
    pub(crate) odd_states: HashMap<i64, Told>,
    /// How long every answer takes.
    pub(crate) latency: Duration,
    /// A machine that is made fails halfway, and stays in the list.
    pub(crate) breaks_halfway: bool,
    /// How long a machine passes through its states, in questions for it.
    pub(crate) slowness: usize,
}

const ALL: [&str; 5] =
    ["velocity.vm.view", "velocity.vm.create", "velocity.vm.state", "velocity.media.list", "velocity.nic.list"];

pub(crate) struct FakeVelocity {
    world: Arc<Mutex<World>>,
    pub(crate) web: Web,
}

impl FakeVelocity {
    pub(crate) fn new(face: Face) -> Self {
        let world = Self::world_of(face);
        let shared = world.clone();
        Self { world, web: Web::serve(move |asked| shared.lock().unwrap().answer(asked)) }
    }

    /// Behind a proxy with TLS, for clients with a certificate alone.
    pub(crate) fn secure(face: Face) -> Self {
        let world = Self::world_of(face);
        let shared = world.clone();
        Self { world, web: Web::secure("signed", true, move |asked| shared.lock().unwrap().answer(asked)) }
    }

    fn world_of(face: Face) -> Arc<Mutex<World>> {
        Arc::new(Mutex::new(World {
            face,
            guests: BTreeMap::new(),
            groups: vec![(0, 0, "root", ALL.to_vec()), (3, 0, "lab", Vec::new())],
            uid: 0,
            media: vec![
                (
                    3,
                    json!({"mid": "AAAA-1", "mpid": 1, "name": "disk.img", "type": "DISK", "size": 0, "readonly": false}),
                ),
                (
                    3,
                    json!({"mid": "AAAA-2", "mpid": 1, "name": "debian.iso", "type": "ISO", "size": 0, "readonly": true}),
                ),
            ],
            nics: vec![json!({"nicid": 1, "description": "Ethernet", "identifier": "en0"})],
            keys: BTreeSet::new(),
            life: None,
            clock: 0,
            ends: HashMap::new(),
            refused_keys: 0,
            sign_ins: 0,
            signed_in: None,
            requests: Vec::new(),
            odd: HashMap::new(),
            odd_states: HashMap::new(),
            latency: Duration::ZERO,
            breaks_halfway: false,
            slowness: 0,
        }))
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// Starts the server anew: keys are gone, and every machine is loaded.
    pub(crate) fn restart(&self) {
        let mut world = self.world();
        world.keys.clear();
        world.guests.values_mut().for_each(|guest| guest.is_loaded = true);
    }

    /// How often it was asked: `POST /v/vm`.
    pub(crate) fn count(&self, request: &str) -> usize {
        self.world().requests.iter().filter(|(found, _)| found == request).count()
    }
}

fn ok(body: &Value) -> Told {
    // The encoder of the server escapes slashes.
    Told::json(200, body.to_string().replace('/', "\\/"))
}

fn own(status: u16, code: u32) -> Told {
    Told::json(status, json!({"code": code, "message": format!("refused with {code}")}).to_string())
}

fn vapor(status: u16, reason: &str) -> Told {
    Told::json(status, json!({"error": true, "reason": reason}).to_string())
}

impl World {
    pub(crate) fn add(&mut self, name: &str, state: &str) -> &mut Guest {
        let vmid = self.guests.keys().last().map_or(1, |last| last + 1);
        let made = json!({"name": name, "cpus": 2, "memory_mib": 2048, "displays": [], "disks": [], "nics": [],
            "rosetta": false, "autostart": true});
        let state = state.to_owned();
        let guest = Guest { gid: 3, is_loaded: true, state, next: Vec::new(), made, is_deaf: false };
        self.guests.entry(vmid).or_insert(guest)
    }

    fn answer(&mut self, asked: &Asked) -> Told {
        let request = format!("{} {}", asked.method, asked.path);
        let body: Value = serde_json::from_str(&asked.body).unwrap_or_default();
        self.requests.push((request.clone(), body.clone()));
        let odd = self.odd.iter_mut().find(|(of, told)| **of == request && !told.is_empty());
        let told = match odd {
            Some((_, told)) => told.remove(0),
            None if asked.header("content-type") != Some("application/json") => vapor(415, "Unsupported Media Type"),
            None if request == "POST /u/auth" => self.sign_in(&body),
            None => match self.refuses(asked, &body) {
                Some(refusal) => refusal,
                None => self.reply(&request, &body),
            },
        };
        if self.latency.is_zero() { told } else { Told::Late(self.latency, Box::new(told)) }
    }

    fn sign_in(&mut self, body: &Value) -> Told {
        let name = if self.face == Face::Documented { "name" } else { "username" };
        if !body[name].is_string() {
            return vapor(400, "Value required for key at path 'username'");
        }
        if body["password"] != "secret" {
            return own(403, 1100);
        }
        self.sign_ins += 1;
        self.signed_in = Some(Stopwatch::start());
        let key = format!("KEY-{}", self.sign_ins);
        self.keys.insert(key.clone());
        let Some(life) = self.life else { return ok(&json!({"authkey": key, "expires": 60})) };
        self.ends.insert(key.clone(), self.clock + life);
        ok(&json!({"authkey": key, "expires": now().0 / 1000 + life}))
    }

    /// The keys of a request, each where its generation looks for it.
    fn refuses(&mut self, asked: &Asked, body: &Value) -> Option<Told> {
        let has_ended = |key: &str| self.ends.get(key).is_some_and(|end| *end <= self.clock);
        let lives = |key: &str| self.keys.contains(key) && !has_ended(key);
        let bearer = asked.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        let in_body = body["authkey"].as_str();
        if self.face == Face::Old {
            let is_good = in_body.is_some_and(lives);
            self.refused_keys += u32::from(!is_good);
            return (!is_good).then(|| own(401, 100));
        }
        if !bearer.is_some_and(lives) {
            self.refused_keys += 1;
            return Some(vapor(401, "User not authenticated."));
        }
        let wants_both = asked.path.ends_with("/v/vm") || asked.path.ends_with("/v/vm/list");
        (wants_both && in_body.is_none()).then(|| vapor(400, "Value required for key at path 'authkey'."))
    }

    fn reply(&mut self, request: &str, body: &Value) -> Told {
        let request = request.replacen(" /proxied", " ", 1);
        match request.as_str() {
            "POST /u/user" => ok(&json!({"uid": self.uid, "name": "root", "memberships": self.groups()})),
            "POST /u/group/list" => ok(&json!({"groups": self.groups()})),
            "POST /v/vm/list" => self.list(body),
            "POST /v/vm/state" => self.state(body),
            "PUT /v/vm/state" => self.change(body),
            "POST /v/vm" => self.details(body),
            "PUT /v/vm/efi" => self.create(body),
            "POST /v/nic/list" => ok(&json!({"host_nics": self.nics})),
            "POST /m/media/list" => {
                let of = self.media.iter().filter(|(gid, _)| body["gid"] == *gid).map(|(_, medium)| medium.clone());
                ok(&json!({"media": of.collect::<Vec<_>>()}))
            }
            _ => vapor(404, "Not Found"),
        }
    }

    fn groups(&self) -> Vec<Value> {
        let group = |(gid, parent, name, may): &(i64, i64, &str, Vec<&str>)| {
            let may: Vec<_> = may.iter().map(|name| json!({"pid": 1, "name": name, "description": ""})).collect();
            json!({"gid": gid, "parent_gid": parent, "name": name, "permissions": may})
        };
        self.groups.iter().map(group).collect()
    }

    fn list(&self, body: &Value) -> Told {
        let Some(gid) = body["gid"].as_i64() else { return vapor(400, "Value of type 'Int64' required") };
        if !self.groups.iter().any(|group| group.0 == gid) {
            return own(404, 17210);
        }
        let of = self.guests.iter().filter(|(_, guest)| guest.gid == gid);
        let row = |(vmid, guest): (&i64, &Guest)| {
            let made = &guest.made;
            let mut row =
                json!({"vmid": vmid, "name": made["name"], "cpus": made["cpus"], "memory_mib": made["memory_mib"]});
            if self.face == Face::Documented {
                row["state"] = json!(guest.state);
            }
            row
        };
        ok(&json!({"vms": of.map(row).collect::<Vec<_>>()}))
    }

    fn known(&mut self, body: &Value) -> Option<(i64, &mut Guest)> {
        let vmid = body["vmid"].as_i64()?;
        self.guests.get_mut(&vmid).filter(|guest| guest.is_loaded).map(|guest| (vmid, guest))
    }

    fn state(&mut self, body: &Value) -> Told {
        if let Some(told) = body["vmid"].as_i64().and_then(|vmid| self.odd_states.get(&vmid)) {
            return told.clone();
        }
        let Some((vmid, guest)) = self.known(body) else { return own(404, 13110) };
        let state = guest.state.clone();
        if !guest.next.is_empty() {
            guest.next.remove(0).clone_into(&mut guest.state);
        }
        ok(&json!({"vmid": vmid, "state": state}))
    }

    fn change(&mut self, body: &Value) -> Told {
        let (slowness, is_documented) = (self.slowness, self.face == Face::Documented);
        let (Some(wanted), Some(force)) = (body["state"].as_str(), body["force"].as_bool()) else {
            return vapor(400, "Value required for key at path 'force'.");
        };
        let Some((vmid, guest)) = self.known(body) else { return own(404, 13110) };
        let passing = match (guest.state.as_str(), wanted) {
            (now, wanted) if now == wanted => return ok(&json!({"vmid": vmid, "state": now})),
            ("STOPPED", "RUNNING") => "STARTING",
            ("PAUSED", "RUNNING") => "RESUMING",
            ("RUNNING", "PAUSED") => "PAUSING",
            ("PAUSED", "STOPPED") if !force => return vapor(500, "VZErrorDomain Code=3"),
            ("RUNNING" | "PAUSED", "STOPPED") => "STOPPING",
            _ if is_documented => return vapor(500, "A hypervisor error occured"),
            _ => return own(406, 13220),
        };
        let is_deaf = guest.is_deaf && wanted == "STOPPED" && !force;
        if !is_deaf {
            let last = ["RUNNING", "PAUSED", "STOPPED"].into_iter().find(|state| *state == wanted);
            guest.next = std::iter::repeat_n(passing, slowness).chain(last).collect();
            guest.next.remove(0).clone_into(&mut guest.state);
        }
        ok(&json!({"vmid": vmid, "state": guest.state}))
    }

    fn details(&mut self, body: &Value) -> Told {
        let is_documented = self.face == Face::Documented;
        let Some((vmid, guest)) = self.known(body) else {
            return if is_documented { own(404, 12210) } else { own(403, 12200) };
        };
        let made = &guest.made;
        ok(&json!({"vmid": vmid, "name": made["name"], "type": "EFI", "state": guest.state, "cpus": made["cpus"],
            "memory_mib": made["memory_mib"], "displays": made["displays"], "media": made["disks"],
            "nics": made["nics"], "rosetta": made["rosetta"], "autostart": made["autostart"]}))
    }

    fn create(&mut self, body: &Value) -> Told {
        let is_documented = self.face == Face::Documented;
        let key = if is_documented { "media" } else { "disks" };
        for key in ["name", "gid", "cpus", "memory_mib", "displays", key, "nics", "rosetta", "autostart"] {
            if body.get(key).is_none() {
                return vapor(400, &format!("Value required for key at path '{key}'. No value associated with key"));
            }
        }
        assert!(body["cpus"].as_i64().unwrap() > 0 && body["memory_mib"].as_i64().unwrap() > 0, "the server is gone");
        let media = body[key].as_array().unwrap();
        if !is_documented && media.iter().any(|medium| medium["mode"] == "BLOCK") {
            return vapor(400, "Cannot initialize Mode from invalid String value BLOCK");
        }
        let vmid = self.guests.keys().last().map_or(1, |last| last + 1);
        let (mut made, state) = (body.clone(), "STOPPED".to_owned());
        made["disks"] = body[key].clone();
        let gid = body["gid"].as_i64().unwrap();
        let guest = Guest { gid, is_loaded: is_documented, state, next: Vec::new(), made, is_deaf: false };
        self.guests.insert(vmid, guest);
        if self.breaks_halfway { own(404, 12211) } else { ok(&json!({"vmid": vmid})) }
    }
}
