//! Records of lochness as JSON, and what its errors mean. `null` is empty everywhere.
use crate::{
    domain::{
        Amount, ByteSize, Error, ErrorKind, FieldKind, FieldSpec, Node, NodeId, Result, Values, Vm, VmId, clean,
        clean_line, in_order,
    },
    transport::http::Answer,
};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Resources of a hypervisor: memory and disk in MB, CPUs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    pub memory: u64,
    pub disk: u64,
    pub cpu: u32,
}

/// A hypervisor as its store keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hypervisor {
    pub id: String,
    pub metadata: BTreeMap<String, String>,
    pub ip: String,
    pub netmask: String,
    pub gateway: String,
    pub mac: String,
    pub total: Resources,
    pub available: Resources,
}

/// What came is not of the form that it should have.
pub fn odd(what: &str) -> Error {
    Error::new(
        ErrorKind::Protocol,
        format_args!("{what}: this is not what chypervisord answers: is it the right server?"),
    )
}

fn text(value: Option<&Value>) -> String {
    value.and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// A map of texts; what is no text in it is shown as JSON.
pub fn map(value: &Value) -> Result<BTreeMap<String, String>> {
    let told = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match value {
        Value::Null => Ok(BTreeMap::new()),
        Value::Object(all) => Ok(all.iter().map(|(key, value)| (key.clone(), told(value))).collect()),
        _ => Err(odd("a map")),
    }
}

/// A list of identities, each once, in order.
pub fn ids(value: &Value) -> Result<Vec<VmId>> {
    let all = match value {
        Value::Null => return Ok(Vec::new()),
        Value::Array(all) => all,
        _ => return Err(odd("a list")),
    };
    let mut ids: Vec<VmId> = all.iter().filter_map(Value::as_str).map(VmId::from).collect();
    ids.sort();
    ids.dedup();
    Ok(ids)
}

impl Resources {
    fn read(value: Option<&Value>) -> Self {
        let number = |name: &str| value.and_then(|v| v.get(name)).and_then(Value::as_u64).unwrap_or_default();
        Self { memory: number("memory"), disk: number("disk"), cpu: u32::try_from(number("cpu")).unwrap_or(u32::MAX) }
    }

    fn json(self) -> Value {
        json!({ "memory": self.memory, "disk": self.disk, "cpu": self.cpu })
    }
}

impl Hypervisor {
    pub fn read(value: &Value) -> Result<Self> {
        let id = text(value.get("id"));
        if id.is_empty() {
            return Err(odd("a hypervisor"));
        }
        Ok(Self {
            id,
            metadata: map(value.get("metadata").unwrap_or(&Value::Null))?,
            ip: text(value.get("ip")),
            netmask: text(value.get("netmask")),
            gateway: text(value.get("gateway")),
            mac: text(value.get("mac")),
            total: Resources::read(value.get("total_resources")),
            available: Resources::read(value.get("available_resources")),
        })
    }

    /// The list, in the order of the identities: servers tell it in any.
    pub fn read_all(value: &Value) -> Result<Vec<Self>> {
        let all = match value {
            Value::Null => return Ok(Vec::new()),
            Value::Array(all) => all,
            _ => return Err(odd("the list of hypervisors")),
        };
        let mut all = all.iter().map(Self::read).collect::<Result<Vec<_>>>()?;
        all.sort_by(|a, b| a.id.cmp(&b.id));
        all.dedup_by(|a, b| a.id == b.id);
        Ok(all)
    }

    pub fn node(&self) -> Node {
        let name = ["name", "hostname"].iter().find_map(|key| self.metadata.get(*key)).filter(|name| !name.is_empty());
        let pairs = [("Netmask", &self.netmask), ("Gateway", &self.gateway), ("MAC", &self.mac)];
        let told = pairs.into_iter().filter(|(_, value)| !value.is_empty());
        let told = told.map(|(label, value)| (label.to_owned(), value.clone()));
        let metadata = self.metadata.iter().map(|(key, value)| (clean(key, 40).into_owned(), value.clone()));
        let is_told = self.total.cpu > 0;
        Node {
            id: NodeId::from(self.id.as_str()),
            name: clean_line(name.unwrap_or(&self.id)).into_owned(),
            address: Some(self.ip.clone()).filter(|ip| !ip.is_empty()),
            cpus: is_told.then_some(self.total.cpu),
            cpus_used: self.total.cpu.checked_sub(self.available.cpu).filter(|_| is_told),
            memory: amount(self.total.memory, self.available.memory),
            storage: amount(self.total.disk, self.available.disk),
            details: told.chain(metadata).collect(),
            ..Node::default()
        }
    }

    /// The fields of its form, with what stands there.
    pub fn fields(&self) -> Vec<FieldSpec> {
        let mut fields = plain_fields(self);
        // An update keeps what is sent empty: what is there can be changed, not taken away.
        for field in &mut fields {
            field.required |= matches!(field.kind, FieldKind::Ip | FieldKind::Mac) && !field.default.is_empty();
        }
        fields
    }

    /// The fields of a new one, with an identity of its own: so a lost answer can be looked at.
    pub fn new_fields() -> Vec<FieldSpec> {
        let id = FieldSpec::new("id", "Id", FieldKind::Uuid).default(Uuid::new_v4().to_string());
        let mut fields = vec![id.help("a new one was made up; small letters")];
        fields.extend(plain_fields(&Self::default()));
        fields
    }
}

/// Whole and free; nothing told is unknown, and so is more free than there is.
fn amount(total: u64, available: u64) -> Option<Amount> {
    let bytes = |mb: u64| ByteSize(mb.saturating_mul(1 << 20));
    let used = total.checked_sub(available).filter(|_| total > 0)?;
    Some(Amount { used: bytes(used), total: bytes(total) })
}

fn plain_fields(of: &Hypervisor) -> Vec<FieldSpec> {
    let ip = |name, label, value: &String| FieldSpec::new(name, label, FieldKind::Ip).optional().default(value.clone());
    let number = |name, label, value: u64, most| {
        let field = FieldSpec::new(name, label, FieldKind::Number { least: 0, most }).default(value.to_string());
        field.help("a live node tells it anew with each heartbeat")
    };
    let (cpus, most) = (u64::from(u32::MAX), u64::MAX);
    let mut fields = vec![
        ip("ip", "IP address", &of.ip),
        ip("netmask", "Netmask", &of.netmask),
        ip("gateway", "Gateway", &of.gateway),
        FieldSpec::new("mac", "MAC address", FieldKind::Mac).optional().default(of.mac.clone()),
    ];
    let metadata = in_order(of.metadata.iter().map(|(key, value)| format!("{key}={value}")));
    // What cannot be written as lines is not asked for, so that nothing of it is lost.
    if read_metadata(&metadata).as_ref() == Some(&of.metadata) {
        let field = FieldSpec::new("metadata", "Metadata", FieldKind::List).optional().default(metadata);
        fields.push(field.help("key=value, one a line"));
    }
    fields.extend([
        number("memory", "Memory, MB", of.total.memory, most),
        number("memory-free", "Memory free, MB", of.available.memory, most),
        number("disk", "Disk, MB", of.total.disk, most),
        number("disk-free", "Disk free, MB", of.available.disk, most),
        number("cpus", "CPUs", u64::from(of.total.cpu), cpus),
        number("cpus-free", "CPUs free", u64::from(of.available.cpu), cpus),
    ]);
    fields
}

/// Lines of `key=value`. None: one of them is none.
fn read_metadata(lines: &str) -> Option<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for line in lines.split('\n').filter(|line| !line.is_empty()) {
        let (key, value) = line.split_once('=').filter(|(key, _)| !key.is_empty())?;
        if line.chars().any(char::is_control) || found.insert(key.to_owned(), value.to_owned()).is_some() {
            return None;
        }
    }
    Some(found)
}

/// The record that `values` make of `now`, touched fields alone with both resources in full: what is left out of an
/// update stays, but resources that are left out become 0.
pub fn changes(before: &Values, values: &Values) -> Result<Value> {
    let mut body = Map::new();
    for name in ["id", "ip", "netmask", "gateway", "mac"] {
        let value = values.get(name).filter(|value| before.get(name) != Some(value) && !value.is_empty());
        body.extend(value.map(|value| (name.to_owned(), Value::from(value.as_str()))));
    }
    if let Some(lines) = values.get("metadata").filter(|lines| before.get("metadata") != Some(lines)) {
        let metadata = read_metadata(lines);
        let wrong = || Error::invalid("metadata: write key=value, each key once, one a line");
        body.insert("metadata".to_owned(), json!(metadata.ok_or_else(wrong)?));
    }
    let number = |name: &str| values.get(name).and_then(|n| n.parse::<u64>().ok()).unwrap_or_default();
    for (key, suffix) in [("total_resources", ""), ("available_resources", "-free")] {
        let of = |name: &str| number(&format!("{name}{suffix}"));
        let cpu = u32::try_from(of("cpus")).unwrap_or(u32::MAX);
        body.insert(key.to_owned(), Resources { memory: of("memory"), disk: of("disk"), cpu }.json());
    }
    Ok(Value::Object(body))
}

/// A guest as cguestd describes it. Whether it runs is told nowhere.
pub fn guest(value: &Value) -> Result<Vm> {
    let id = text(value.get("id"));
    if id.is_empty() {
        return Err(odd("a guest"));
    }
    let metadata = map(value.get("metadata").unwrap_or(&Value::Null))?;
    let name = metadata.get("name").filter(|name| !name.is_empty()).unwrap_or(&id);
    let mut vm = Vm { id: VmId::from(id.as_str()), ..Vm::named(&clean_line(name)) };
    for (label, key) in [
        ("Hypervisor", "hypervisor"),
        ("Type", "type"),
        ("Flavor", "flavor"),
        ("IP", "ip"),
        ("MAC", "mac"),
        ("Bridge", "bridge"),
        ("Network", "network"),
        ("Subnet", "subnet"),
        ("Firewall", "fwgroup"),
        ("VLANs", "vlangroup"),
    ] {
        let value = text(value.get(key));
        if !value.is_empty() {
            vm.details.push((label.to_owned(), value));
        } else if key == "hypervisor" {
            vm.remark = Some("not placed".to_owned());
        }
    }
    vm.details.extend(metadata);
    Ok(vm)
}

pub fn guests(value: &Value) -> Result<Vec<Vm>> {
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Array(all) => all.iter().map(guest).collect(),
        _ => Err(odd("the list of guests")),
    }
}

/// What a refusal means. The stack of the server that comes along is not shown.
pub fn refusal(answer: &Answer) -> Error {
    let told = answer.json().ok().and_then(|body| Some(body.get("message")?.as_str()?.to_owned()));
    let Some(message) = told else { return answer.refusal() };
    let shown = clean(&message, 200);
    match message.as_str() {
        "not empty" => Error::conflict("it still has guests"),
        "CAS failed" => Error::conflict("somebody else changed it, or made it, meanwhile"),
        "metadata key is missing" => Error::not_found("there is no such record"),
        "invalid hypervisor id" => Error::not_found("an id is a UUID, and this is none"),
        m if m.starts_with("100:") => Error::not_found(format_args!("there is no such record: {shown}")),
        m if m.starts_with("101:") => Error::conflict("somebody else changed it meanwhile"),
        m if m.starts_with("105:") => Error::conflict("it is there already"),
        _ => Error::refused(shown),
    }
}

/// Whether a list failed because nothing was ever written to the store: that is an empty list.
pub fn is_empty_store(answer: &Answer, folder: &str) -> bool {
    let told = answer.json().ok().and_then(|body| Some(body.get("message")?.as_str()?.to_owned()));
    let roots = ["(/lochness)".to_owned(), format!("(/lochness/{folder})")];
    told.is_some_and(|m| m.starts_with("100:") && roots.iter().any(|root| m.contains(root)))
}
