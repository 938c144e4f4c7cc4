//! What a Velocity server says, read leniently: the three generations of it, and as documented.
use crate::domain::{Error, ErrorKind, PowerState, Result, clean_line};
use serde_json::Value;
use std::collections::BTreeSet;

/// A whole number, which some write as a text.
pub fn int(value: Option<&Value>) -> Option<i64> {
    match value? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn text(value: Option<&Value>) -> Option<String> {
    Some(value?.as_str()?.to_owned())
}

fn list<'a>(value: &'a Value, key: &str) -> Result<&'a Vec<Value>> {
    value.get(key).and_then(Value::as_array).ok_or_else(|| odd(key))
}

fn odd(what: &str) -> Error {
    let why = format_args!("the server answered without `{what}`: is it a Velocity server?");
    Error::new(ErrorKind::Protocol, why)
}

/// The key that a sign-in brings, and when it ends: seconds since 1970 by the server's clock.
pub fn key(value: &Value) -> Result<(String, Option<i64>)> {
    let key = text(value.get("authkey")).ok_or_else(|| odd("authkey"))?;
    Ok((key, int(value.get("expires"))))
}

/// Why the server said no, in one of its two shapes or in none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub status: u16,
    /// Velocity's own number; None: the answer comes from what Velocity stands on, or from something in between.
    pub code: Option<i64>,
    pub words: String,
}

impl Refusal {
    /// Reads the body of a status that is no success. None: it has neither shape.
    pub fn read(status: u16, body: &Value) -> Option<Self> {
        let words = text(body.get("message")).or_else(|| text(body.get("reason")))?;
        let code = int(body.get("code"));
        (code.is_some() || body.get("error").is_some()).then_some(Self { status, code, words })
    }

    /// Whether another sign-in would help. With a number of its own, 401 is documented for what a user may not do.
    pub const fn wants_key(&self) -> bool {
        matches!((self.status, self.code), (401, None) | (_, Some(100)))
    }

    /// Whether it says that this user may not do it.
    pub const fn is_forbidden(&self) -> bool {
        !self.wants_key() && matches!(self.status, 401 | 403)
    }

    /// As an error of what was asked of `path`.
    pub fn error(&self, path: &str) -> Error {
        let words = clean_line(&self.words);
        match (self.status, self.code) {
            _ if self.wants_key() => {
                Error::new(ErrorKind::Unauthorized, format_args!("the server wants another sign-in: {words}"))
            }
            (401 | 403, _) => Error::refused(format_args!("this user may not do that: {words}")),
            (404, Some(_)) => Error::not_found(words),
            (404, None) => {
                let why = format_args!("this version of Velocity has no {path}");
                Error::new(ErrorKind::Unsupported, why)
            }
            (406 | 409, _) => Error::conflict(words),
            (status, _) => Error::refused(format_args!("the server refuses with {status}: {words}")),
        }
    }
}

/// A group, as far as this user sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    pub gid: i64,
    pub parent: i64,
    pub name: String,
    /// What this user may do here; what it may do in a parent counts too. None: not told.
    pub permissions: Option<BTreeSet<String>>,
}

/// The groups of a list, or of a user's memberships.
pub fn groups(value: &Value, key: &str) -> Result<Vec<Group>> {
    let group = |value: &Value| {
        let permissions = value.get("permissions").and_then(Value::as_array);
        let name = |p: &Value| text(p.get("name")).or_else(|| text(Some(p)));
        Some(Group {
            gid: int(value.get("gid"))?,
            parent: int(value.get("parent_gid")).unwrap_or(0),
            name: clean_line(&text(value.get("name")).unwrap_or_default()).into_owned(),
            permissions: permissions.map(|all| all.iter().filter_map(name).collect()),
        })
    };
    Ok(list(value, key)?.iter().filter_map(group).collect())
}

/// A machine of a group's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    pub vmid: i64,
    pub name: String,
    pub cpus: Option<u32>,
    /// In bytes.
    pub memory: Option<u64>,
    /// Documented here; real servers tell it one by one.
    pub state: Option<String>,
}

fn machine(value: &Value) -> Option<Machine> {
    Some(Machine {
        vmid: int(value.get("vmid"))?,
        name: text(value.get("name")).unwrap_or_default(),
        cpus: int(value.get("cpus")).and_then(|n| u32::try_from(n).ok()),
        memory: int(value.get("memory_mib")).and_then(|n| u64::try_from(n).ok()?.checked_mul(1 << 20)),
        state: text(value.get("state")),
    })
}

/// The machines of a group.
pub fn machines(value: &Value) -> Result<Vec<Machine>> {
    Ok(list(value, "vms")?.iter().filter_map(machine).collect())
}

/// The state of one machine.
pub fn state(value: &Value) -> Result<String> {
    text(value.get("state")).ok_or_else(|| odd("state"))
}

/// What a state means, and the word for it where the state has none of its own here.
pub fn power(state: &str) -> (PowerState, Option<String>) {
    let own = |power, word: &str| (power, Some(word.to_owned()));
    match state {
        "STOPPED" => (PowerState::Off, None),
        "STARTING" => (PowerState::Starting, None),
        "RUNNING" => (PowerState::Running, None),
        "PAUSING" => own(PowerState::Stopping, "pausing"),
        "PAUSED" => (PowerState::Paused, None),
        "RESUMING" => own(PowerState::Starting, "resuming"),
        "STOPPING" => (PowerState::Stopping, None),
        "SAVING" => own(PowerState::Stopping, "saving"),
        "RESTORING" => own(PowerState::Starting, "restoring"),
        "UNKNOWN" => (PowerState::Unknown, None),
        other => own(PowerState::Unknown, &clean_line(&other.to_lowercase())),
    }
}

/// Whether it passes by itself.
pub fn is_passing(state: &str) -> bool {
    matches!(power(state).0, PowerState::Starting | PowerState::Stopping)
}

/// What a person sees of it in a sentence: `it is resuming`.
pub fn word(state: &str) -> String {
    let (power, own) = power(state);
    own.unwrap_or_else(|| power.name().to_owned())
}

/// A medium that is attached to a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attached {
    pub mid: String,
    pub mode: String,
    pub is_read_only: bool,
}

/// All that is told of one machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Details {
    pub machine: Machine,
    /// `EFI`.
    pub kind: String,
    /// `main 1920×1080, 80 ppi`.
    pub displays: Vec<String>,
    pub media: Vec<Attached>,
    /// `NAT`, or `BRIDGE` and the number of the host's NIC.
    pub nics: Vec<(String, Option<i64>)>,
    pub rosetta: Option<bool>,
    pub autostart: Option<bool>,
}

fn display(value: &Value) -> String {
    let number = |key: &str| int(value.get(key)).map_or_else(|| "?".to_owned(), |n| n.to_string());
    let name = text(value.get("name")).or_else(|| text(value.get("description"))).unwrap_or_default();
    let size = format!("{}×{}, {} ppi", number("width"), number("height"), number("ppi"));
    format!("{} {size}", clean_line(&name)).trim_start().to_owned()
}

/// The answer to a question for one machine. `disks` is what the request to create calls its media.
pub fn details(value: &Value) -> Result<Details> {
    let part = |keys: [&str; 2]| keys.iter().find_map(|key| value.get(key)?.as_array()).into_iter().flatten();
    let attached = |medium: &Value| {
        Some(Attached {
            mid: text(medium.get("mid"))?,
            mode: text(medium.get("mode")).unwrap_or_default(),
            is_read_only: medium.get("readonly").and_then(Value::as_bool).unwrap_or(false),
        })
    };
    let nic = |nic: &Value| (text(nic.get("type")).unwrap_or_default(), int(nic.get("host")));
    Ok(Details {
        machine: machine(value).ok_or_else(|| odd("vmid"))?,
        kind: text(value.get("type")).unwrap_or_default(),
        displays: part(["displays", "displays"]).map(display).collect(),
        media: part(["media", "disks"]).filter_map(attached).collect(),
        nics: part(["nics", "nics"]).map(nic).collect(),
        rosetta: value.get("rosetta").and_then(Value::as_bool),
        autostart: value.get("autostart").and_then(Value::as_bool),
    })
}

/// A medium of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Medium {
    pub mid: String,
    pub name: String,
    /// Free text: `ISO`, `DISK`, `IPSW`.
    pub kind: String,
    /// In bytes. Servers say 0 of every medium, which is no size.
    pub size: Option<u64>,
    pub is_read_only: bool,
}

impl Medium {
    /// Whether it is read as a CD.
    pub fn is_iso(&self) -> bool {
        self.kind.eq_ignore_ascii_case("iso")
    }
}

/// The media of a group.
pub fn media(value: &Value) -> Result<Vec<Medium>> {
    let medium = |value: &Value| {
        Some(Medium {
            mid: text(value.get("mid"))?,
            name: clean_line(&text(value.get("name"))?).into_owned(),
            kind: clean_line(&text(value.get("type")).unwrap_or_default()).into_owned(),
            size: int(value.get("size")).and_then(|n| u64::try_from(n).ok()).filter(|n| *n > 0),
            is_read_only: value.get("readonly").and_then(Value::as_bool).unwrap_or(false),
        })
    };
    Ok(list(value, "media")?.iter().filter_map(medium).collect())
}

/// A network device of the host, which machines can be bridged to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostNic {
    pub nicid: i64,
    /// `en0`.
    pub identifier: String,
    pub description: String,
}

/// The network devices of the host.
pub fn nics(value: &Value) -> Result<Vec<HostNic>> {
    let line = |value: Option<&Value>| clean_line(&text(value).unwrap_or_default()).into_owned();
    let nic = |value: &Value| {
        Some(HostNic {
            nicid: int(value.get("nicid"))?,
            identifier: line(value.get("identifier")),
            description: line(value.get("description")),
        })
    };
    Ok(list(value, "host_nics")?.iter().filter_map(nic).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn both_shapes_of_a_refusal_are_told_apart() {
        let read = |status, body: Value| Refusal::read(status, &body).unwrap();
        let own = read(404, json!({"code": 13110, "message": "VM not found"}));
        assert_eq!((own.code, own.error("/v").kind), (Some(13110), ErrorKind::NotFound));
        let vapor = read(404, json!({"error": true, "reason": "Not Found"}));
        assert_eq!(vapor.error("/m/media").kind, ErrorKind::Unsupported);
        assert!(read(403, json!({"code": "100", "message": "Unauthorized"})).wants_key());
        assert!(read(401, json!({"error": true, "reason": "User not authenticated."})).wants_key());
        assert!(read(401, json!({"code": 17200, "message": "Permission needed"})).is_forbidden());
        assert_eq!(Refusal::read(500, &json!({"message": "nginx"})), None);
    }

    #[test]
    fn a_state_that_nobody_knows_is_shown_as_it_is() {
        assert_eq!(power("HIBERNATED"), (PowerState::Unknown, Some("hibernated".to_owned())));
        assert!(is_passing("RESUMING") && is_passing("STOPPING") && !is_passing("ERROR") && !is_passing("PAUSED"));
        assert_eq!([word("PAUSING"), word("STOPPED"), word("ERROR")], ["pausing", "off", "error"]);
    }

    #[test]
    fn group_0_is_a_group_and_numbers_may_be_texts() {
        let answer = json!({"groups": [
            {"gid": 0, "parent_gid": 0, "name": "root", "permissions": [{"pid": 1, "name": "velocity.vm.view"}]},
            {"gid": "7", "parent_gid": "0", "name": "lab"},
            {"name": "nothing"},
        ]});
        let found = groups(&answer, "groups").unwrap();
        assert_eq!(found.iter().map(|g| (g.gid, g.permissions.is_some())).collect::<Vec<_>>(), [(0, true), (7, false)]);
        let vm = machines(&json!({"vms": [{"vmid": "3", "name": "a", "cpus": "2", "memory_mib": -1}]})).unwrap();
        assert_eq!((vm[0].vmid, vm[0].cpus, vm[0].memory), (3, Some(2), None));
    }
}
