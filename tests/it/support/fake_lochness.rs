//! A chypervisord and a cguestd of our own on loopback, over one store, as documented or as servers really are.
#![expect(clippy::indexing_slicing, reason = "what a JSON value does not have is null")]
use crate::support::web::{Asked, Told, Web};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};
use vmdeck::{
    backend::chypervisord::{Chypervisord, Settings},
    transport::{Stopwatch, Trust},
};

/// How the servers answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Face {
    /// As a reader of the document would write them: an update merges, what is not there is a 404.
    Documented,
    /// Over etcd, as recorded.
    Etcd,
    /// Over consul, as the newest source reads.
    Consul,
}

/// A subnet that the store knows.
pub(crate) const SUBNET: &str = "c6430cba-648a-41aa-aee4-b59dacfc790d";
/// The document's own hypervisor.
pub(crate) const NODE: &str = "abcd1234-abcd-1234-abcd-1234abcd1234";

type Texts = BTreeMap<String, String>;

#[derive(Debug)]
pub(crate) struct Store {
    face: Face,
    /// Whether anything was ever written.
    pub(crate) is_touched: bool,
    /// In the order in which they were made, which is no order of their names.
    pub(crate) nodes: Vec<(String, Value)>,
    pub(crate) config: BTreeMap<String, Texts>,
    pub(crate) subnets: BTreeMap<String, Texts>,
    /// The guests of a node; empty is `null` with [`Face::Etcd`].
    pub(crate) placed: BTreeMap<String, Vec<String>>,
    pub(crate) guests: BTreeMap<String, Value>,
    /// How often jobs were looked at, and how they end.
    pub(crate) looks: usize,
    pub(crate) job_error: Option<String>,
    /// A guest that goes once its job is done.
    leaving: Option<String>,
    /// So many updates fail because somebody else was faster, and gave the node the address 10.0.0.77.
    pub(crate) conflicts: usize,
    /// Told instead of the next answer.
    pub(crate) odd: Option<Told>,
    /// How long the list of hypervisors takes: the server reads every record by itself.
    pub(crate) slowness: Duration,
    /// When the first list was asked for.
    pub(crate) listed: Option<Stopwatch>,
}

type Script = Box<dyn Fn(&Asked) -> Told + Send + Sync>;

/// Both servers.
pub(crate) struct Lochness {
    pub(crate) chypervisord: Web,
    pub(crate) cguestd: Web,
    store: Arc<Mutex<Store>>,
}

impl Lochness {
    pub(crate) fn new(face: Face) -> Self {
        Self::serve(face, |script| Web::serve(script))
    }

    /// With TLS; `mutual`: for clients with a certificate alone.
    pub(crate) fn secure(certificate: &str, mutual: bool) -> Self {
        Self::serve(Face::Etcd, |script| Web::secure(certificate, mutual, script))
    }

    fn serve(face: Face, web: impl Fn(Script) -> Web) -> Self {
        let store = Arc::new(Mutex::new(Store {
            face,
            is_touched: false,
            nodes: Vec::new(),
            config: BTreeMap::new(),
            subnets: BTreeMap::new(),
            placed: BTreeMap::new(),
            guests: BTreeMap::new(),
            looks: 0,
            job_error: None,
            leaving: None,
            conflicts: 0,
            odd: None,
            slowness: Duration::ZERO,
            listed: None,
        }));
        let (hypervisors, guests) = (store.clone(), store.clone());
        let answer = move |store: &Mutex<Store>, asked: &Asked, of: fn(&mut Store, &Asked) -> Told| {
            let mut store = store.lock().unwrap();
            store.odd.take().unwrap_or_else(|| of(&mut store, asked))
        };
        let chypervisord = web(Box::new(move |asked| answer(&hypervisors, asked, Store::hypervisors)));
        let cguestd = web(Box::new(move |asked| answer(&guests, asked, Store::guests)));
        Self { chypervisord, cguestd, store }
    }

    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap()
    }

    pub(crate) fn settings(&self) -> Settings {
        Settings { guests_url: Some(self.cguestd.url()), follow_jobs: true, ..settings(self.chypervisord.url()) }
    }

    pub(crate) fn backend(&self) -> Chypervisord {
        Chypervisord::new(self.settings())
    }

    /// A hypervisor, as a server would have made it.
    pub(crate) fn add(&self, id: &str, changes: &Value) {
        let mut node = empty(id);
        merge(&mut node, changes, true);
        let mut store = self.store();
        store.is_touched = true;
        store.nodes.push((id.to_owned(), node));
    }

    /// The record of a hypervisor.
    pub(crate) fn record(&self, id: &str) -> Value {
        self.store().nodes.iter().find(|(known, _)| known == id).map(|(_, node)| node.clone()).unwrap_or_default()
    }

    /// A guest on a hypervisor.
    pub(crate) fn place(&self, node: &str, guest: &str) {
        let record = json!({
            "id": guest, "metadata": {"name": "web"}, "type": "", "flavor": "f", "hypervisor": node, "network": "n",
            "subnet": SUBNET, "fwgroup": "", "vlangroup": "", "mac": "01:23:45:67:89:ab", "ip": "10.0.0.9",
            "bridge": "br0",
        });
        self.store().placed.entry(node.to_owned()).or_default().push(guest.to_owned());
        self.store().guests.insert(guest.to_owned(), record);
    }
}

/// A chypervisord alone, judged by the authorities of the system.
pub(crate) fn settings(url: String) -> Settings {
    Settings { url, guests_url: None, follow_jobs: false, trust: Trust::System { ca: None }, identity: None }
}

fn empty(id: &str) -> Value {
    let none = json!({"memory": 0, "disk": 0, "cpu": 0});
    json!({
        "id": id, "metadata": {}, "ip": "", "netmask": "", "gateway": "", "mac": "", "total_resources": none,
        "available_resources": none,
    })
}

/// Applies a body to a record; servers really overwrite both resources, whatever the body has of them.
fn merge(record: &mut Value, changes: &Value, keeps_resources: bool) {
    for key in ["total_resources", "available_resources"] {
        if !keeps_resources || changes[key].is_object() {
            let number = |name: &str| changes[key][name].as_u64().unwrap_or(0);
            record[key] = json!({"memory": number("memory"), "disk": number("disk"), "cpu": number("cpu")});
        }
    }
    for key in ["ip", "netmask", "gateway", "mac"] {
        if let Some(text) = changes[key].as_str().filter(|text| !text.is_empty()) {
            record[key] = text.to_lowercase().replace('-', ":").into();
        }
    }
    if changes["metadata"].is_object() {
        record["metadata"] = changes["metadata"].clone();
    }
}

fn message(status: u16, message: &str) -> Told {
    let body = json!({"message": message, "code": status, "stack": ["/root/go/src/secret.go:1 (0x1)"]});
    Told::json(status, format!("{body}\n"))
}

fn queued(guest: &Value) -> Told {
    let headers = "Content-Type: application/json\r\nX-Guest-Job-Id: 7d2f-1\r\n".to_owned();
    Told::Answer(202, headers, guest.to_string().into_bytes())
}

impl Store {
    fn missing(&self, key: &str) -> Told {
        match self.face {
            Face::Documented => Told::json(404, r#"{"message":"metadata key is missing"}"#),
            Face::Etcd => message(500, &format!("100: Key not found (/lochness/{key}) [21]")),
            Face::Consul => message(500, "metadata key is missing"),
        }
    }

    fn conflict(&self, etcd: &str) -> Told {
        match self.face {
            Face::Consul => message(500, "CAS failed"),
            _ => message(500, etcd),
        }
    }

    fn list(&self, all: Vec<Value>) -> Told {
        if !self.is_touched && self.face == Face::Etcd {
            return message(500, "100: Key not found (/lochness) [3]");
        }
        Told::json(200, format!("{}\n", Value::from(all)))
    }

    fn hypervisors(&mut self, asked: &Asked) -> Told {
        let parts: Vec<&str> = asked.path.trim_start_matches('/').split('/').collect();
        let body: Value = serde_json::from_str(&asked.body).unwrap_or_default();
        match (asked.method.as_str(), parts.as_slice()) {
            ("GET", ["hypervisors"]) => {
                self.listed.get_or_insert_with(Stopwatch::start);
                // A record under a name in capitals can never be read, and takes the whole list along.
                if let Some((id, _)) = self.nodes.iter().find(|(id, _)| *id != id.to_lowercase()) {
                    return self.missing(&format!("hypervisors/{}", id.to_lowercase()));
                }
                let told = self.list(self.nodes.iter().map(|(_, node)| node.clone()).collect());
                if self.slowness.is_zero() { told } else { Told::Late(self.slowness, Box::new(told)) }
            }
            ("POST", ["hypervisors"]) => self.add(&body),
            (_, ["hypervisors", id, rest @ ..]) => self.one(asked, &id.to_lowercase(), rest, &body),
            _ => Told::Answer(404, "Content-Type: text/plain\r\n".to_owned(), b"404 page not found\n".to_vec()),
        }
    }

    fn add(&mut self, body: &Value) -> Told {
        let id = body["id"].as_str().unwrap_or("f9da53c3-97ae-467d-a56e-d0cccbd2adc7").to_owned();
        if self.nodes.iter().any(|(known, _)| *known == id) {
            let key = format!("105: Key already exists (/lochness/hypervisors/{id}/metadata) [4]");
            return self.conflict(&key);
        }
        self.is_touched = true;
        let mut node = empty(&id);
        merge(&mut node, body, true);
        self.nodes.insert(0, (id, node.clone()));
        Told::json(if self.face == Face::Documented { 200 } else { 201 }, format!("{node}\n"))
    }

    fn one(&mut self, asked: &Asked, id: &str, rest: &[&str], body: &Value) -> Told {
        let Some(at) = self.nodes.iter().position(|(known, _)| known == id) else {
            return self.missing(&format!("hypervisors/{id}"));
        };
        let texts = |all: &Texts| Told::json(200, format!("{}\n", json!(all)));
        let pairs: Vec<(String, String)> = body
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned()))
            .collect();
        match (asked.method.as_str(), rest) {
            ("GET", []) => Told::json(200, format!("{}\n", self.nodes[at].1)),
            ("PATCH", []) if self.conflicts > 0 => {
                self.conflicts -= 1;
                self.nodes[at].1["ip"] = "10.0.0.77".into();
                self.conflict("101: Compare failed ([423 != 424]) [424]")
            }
            ("PATCH", []) => {
                merge(&mut self.nodes[at].1, body, self.face == Face::Documented);
                Told::json(200, format!("{}\n", self.nodes[at].1))
            }
            ("DELETE", []) if self.placed.get(id).is_some_and(|all| !all.is_empty()) => message(500, "not empty"),
            ("DELETE", []) => Told::json(200, format!("{}\n", self.nodes.remove(at).1)),
            ("GET", ["config"]) => texts(self.config.entry(id.to_owned()).or_default()),
            ("PATCH", ["config"]) => {
                let config = self.config.entry(id.to_owned()).or_default();
                for (key, value) in pairs {
                    if value.is_empty() {
                        config.remove(&key)
                    } else {
                        config.insert(key, value)
                    };
                }
                texts(config)
            }
            ("GET", ["subnets"]) => texts(self.subnets.entry(id.to_owned()).or_default()),
            ("PATCH", ["subnets"]) => {
                if let Some((unknown, _)) = pairs.iter().find(|(subnet, _)| subnet != SUBNET) {
                    return message(404, &format!("100: Key not found (/lochness/subnets/{unknown}) [21]"));
                }
                let subnets = self.subnets.entry(id.to_owned()).or_default();
                subnets.extend(pairs);
                texts(subnets)
            }
            ("DELETE", ["subnets", subnet]) => {
                let subnets = self.subnets.entry(id.to_owned()).or_default();
                match subnets.remove(*subnet) {
                    None if self.face == Face::Etcd => self.missing(&format!("hypervisors/{id}/subnets/{subnet}")),
                    _ => texts(subnets),
                }
            }
            ("GET", ["guests"]) => match self.placed.get(id) {
                Some(guests) if guests.is_empty() && self.face == Face::Etcd => Told::json(200, "null\n"),
                guests => Told::json(200, format!("{}\n", json!(guests.cloned().unwrap_or_default()))),
            },
            _ => Told::Answer(404, "Content-Type: text/plain\r\n".to_owned(), b"404 page not found\n".to_vec()),
        }
    }

    fn guests(&mut self, asked: &Asked) -> Told {
        let parts: Vec<&str> = asked.path.trim_start_matches('/').split('/').collect();
        match (asked.method.as_str(), parts.as_slice()) {
            ("GET", ["guests"]) => self.list(self.guests.values().cloned().collect()),
            ("GET", ["jobs", job]) => {
                self.looks += 1;
                let status = match (self.looks, &self.job_error) {
                    (1, _) => "new",
                    (2, _) => "working",
                    (_, Some(_)) => "error",
                    _ => "done",
                };
                if let Some(guest) = self.leaving.take_if(|_| status == "done") {
                    self.guests.remove(&guest);
                }
                Told::json(200, json!({"id": job, "status": status, "error": self.job_error}).to_string())
            }
            (method, ["guests", id, rest @ ..]) => match (self.guests.get(*id), method, rest) {
                (None, ..) => self.missing(&format!("guests/{id}")),
                (Some(guest), "GET", []) => Told::json(200, guest.to_string()),
                (Some(guest), "POST", ["start" | "shutdown" | "poweroff" | "reboot" | "restart" | "suspend"]) => {
                    queued(guest)
                }
                (Some(guest), "DELETE", []) => {
                    self.leaving = Some((*id).to_owned());
                    queued(guest)
                }
                _ => message(400, "no such action"),
            },
            _ => Told::Answer(404, String::new(), b"404 page not found\n".to_vec()),
        }
    }
}
