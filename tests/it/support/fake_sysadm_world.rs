//! What the fake SysAdm server has and does, whichever way it is asked.
use super::fake_iohyve::{Face, Iohyve};
use base64::{Engine, prelude::BASE64_STANDARD};
use rsa::{BigUint, RsaPublicKey, pkcs8::DecodePublicKey, traits::PublicKeyParts};
use serde_json::{Value, json};
use std::{collections::HashMap, path::Path, time::Duration};
use tokio_rustls::rustls::pki_types::{SubjectPublicKeyInfoDer, pem::PemObject};

/// The token of the session that is there.
pub(crate) const TOKEN: &str = "a-token-of-20-letters";

/// What is sent instead of an answer.
#[derive(Clone, Debug)]
pub(crate) enum Odd {
    Text(String),
    /// A text with the request's id in the place of `ID`.
    WithId(&'static str),
    Close(u16, &'static str),
    /// Breaks off without a word.
    Cut,
    /// Says nothing for ever.
    Silence,
    /// Answers two times, and somebody else's question too.
    Twice,
}

/// All that the server has and does.
pub(crate) struct World {
    pub(crate) iohyve: Iohyve,
    /// Every request, without its id.
    pub(crate) requests: Vec<Value>,
    /// What is done instead of answering an action, once for each entry.
    pub(crate) odd: HashMap<String, Vec<Odd>>,
    /// How long the answer to an action takes.
    pub(crate) slow: HashMap<String, Duration>,
    /// Whether sessions end: each request is answered with 401 until the next sign-in.
    pub(crate) is_expired: bool,
    /// A wrong password is answered with success and an empty token, as happens while others are signed in.
    pub(crate) says_yes: bool,
    /// What the user may do with jobs: `read/write` takes the group wheel.
    pub(crate) dispatcher: &'static str,
    /// What the user may do with machines.
    pub(crate) class: &'static str,
    /// What the user may do with the log of how jobs ended.
    pub(crate) logs: &'static str,
    /// Whoever connects is turned away.
    pub(crate) is_away: bool,
    /// The pools that the server tells of; None: it answers no such question, nor one about its network.
    pub(crate) pools: Option<Vec<&'static str>>,
    pub(crate) password: &'static str,
    /// What a key has to sign, until it has.
    challenge: Option<String>,
}

/// Whether the key that the server knows has signed `text`: what its public half makes of the signature is the text
/// itself, after as many bytes as fill it up.
fn is_signed(text: &str, signed: &str) -> bool {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/sysadm/sign-in.pub");
    let known = RsaPublicKey::from_public_key_der(&SubjectPublicKeyInfoDer::from_pem_file(file).unwrap()).unwrap();
    let Ok(signed) = BASE64_STANDARD.decode(signed) else { return false };
    let block = BigUint::from_bytes_be(&signed).modpow(known.e(), known.n()).to_bytes_be();
    let filled = [&[1][..], &vec![0xff; known.size() - 3 - text.len()], &[0], text.as_bytes()].concat();
    block == filled
}

impl World {
    pub(super) fn new(face: Face) -> Self {
        Self {
            iohyve: Iohyve::new(face),
            requests: Vec::new(),
            odd: HashMap::new(),
            slow: HashMap::new(),
            is_expired: false,
            says_yes: false,
            dispatcher: "read/write",
            class: "read/write",
            logs: "read",
            is_away: false,
            pools: Some(vec!["tank"]),
            password: "secret",
            challenge: None,
        }
    }

    fn sign_in(&mut self, way: &str, args: &Value) -> Result<Value, u16> {
        let is_right = match way {
            "rpc/auth" => args["password"] == self.password,
            // A token dies with its session.
            "rpc/auth_token" => args["token"] == TOKEN && !self.is_expired,
            _ if args.is_string() => {
                let text = format!("{:020}", self.requests.len());
                self.challenge = Some(text.clone());
                return Ok(json!({"test_string": text}));
            }
            _ => {
                let signed = args["encrypted_string"].as_str().unwrap();
                self.challenge.take().is_some_and(|text| is_signed(&text, signed))
            }
        };
        self.is_expired &= !is_right;
        let life = if self.iohyve.face == Face::Documented { 300 } else { 0 };
        match (is_right, self.says_yes) {
            (true, _) => Ok(json!([TOKEN, life])),
            (false, true) => Ok(json!(["", 0])),
            (false, false) => Err(401),
        }
    }

    /// Notes a request; what is done instead of answering it, and how long that takes.
    pub(super) fn arrived(&mut self, request: &Value, action: &str) -> (Option<Odd>, Option<Duration>) {
        let mut seen = request.clone();
        seen.as_object_mut().unwrap().remove("id");
        self.requests.push(seen);
        let odd = self.odd.get_mut(action).filter(|odd| !odd.is_empty()).map(|odd| odd.remove(0));
        (odd, self.slow.get(action).copied())
    }

    pub(super) fn reply(&mut self, request: &Value, action: &str) -> (Result<Value, u16>, Vec<Value>) {
        let args = &request["args"];
        let none = Vec::new;
        let name = format!("{}/{}", request["namespace"].as_str().unwrap(), request["name"].as_str().unwrap());
        if name.starts_with("rpc/auth") {
            return (self.sign_in(&name, args), none());
        }
        if name == "rpc/identify" {
            return (Ok(json!({"hostname": "bsd1", "type": "server"})), none());
        }
        if self.is_expired {
            return (Err(401), none());
        }
        let answer = match name.as_str() {
            "rpc/query" => {
                Ok(json!({"rpc/dispatcher": self.dispatcher, "rpc/logs": self.logs, "sysadm/iohyve": self.class,
                    "sysadm/zfs": "read"}))
            }
            "rpc/logs" if !self.logs.is_empty() => Ok(json!({"dispatcher": self.iohyve.log})),
            "events/subscribe" => Ok(json!({"subscribe": "dispatcher"})),
            "sysadm/zfs" | "sysadm/network" if self.pools.is_none() => Err(404),
            "sysadm/zfs" if action == "datasets" => Ok(self.iohyve.datasets(args["zpool"].as_str().unwrap())),
            "sysadm/zfs" => {
                let pool = |name: &&str| ((*name).to_owned(), json!({"free": "451G", "health": "ONLINE"}));
                let pools: serde_json::Map<_, _> = self.pools.iter().flatten().map(pool).collect();
                Ok(json!({"list_pools": pools}))
            }
            "sysadm/network" => {
                let device = |is_active: bool, is_wireless: bool, ipv4: &str| json!({"is_active": is_active.to_string(), "is_wireless": is_wireless.to_string(), "ipv4": ipv4});
                Ok(json!({"re0": device(false, false, ""), "em0": device(true, false, "192.168.1.5"),
                    "lo0": device(true, false, "127.0.0.1"), "wlan0": device(true, true, "192.168.2.5")}))
            }
            "rpc/dispatcher" if action == "run" => return self.iohyve.run(args),
            "rpc/dispatcher" if action == "kill" => Ok(json!({"killed": {"jobs": [args["job_id"]]}})),
            "rpc/dispatcher" => Ok(self.iohyve.list_jobs()),
            "sysadm/iohyve" => return self.iohyve.answer(action, args),
            _ => Err(404),
        };
        (answer, none())
    }
}
