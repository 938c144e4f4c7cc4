//! An application with two hosts that keep hypervisors, as they would have told of them.
use super::fleet::{NOW, tell};
use serde_json::Value;
use vmdeck::{
    app::{App, Settings},
    domain::{Amount, ByteSize, Capabilities, Host, HostEvent, Inventory, Link, Node, NodeReport, OPS, Op, OpSet, Vm},
};

const G: u64 = 1 << 30;
pub(crate) const HEARTBEAT: &str = "A change of a live node's record ends its heartbeat daemon.";

/// The identity of the `n`th of them.
pub(crate) fn id(n: u32) -> String {
    format!("{n:08x}-97ae-467d-a56e-d0cccbd2adc7")
}

fn amount(used: u64, total: u64) -> Amount {
    Amount { used: ByteSize(used * G), total: ByteSize(total * G) }
}

/// One whose resources follow from its number.
pub(crate) fn node(n: u32) -> Node {
    let part = u64::from(n % 11);
    Node {
        id: id(n).as_str().into(),
        name: id(n),
        address: Some(format!("10.0.{}.{}", n / 250, n % 250 + 1)),
        cpus: Some(64),
        cpus_used: Some(n % 65),
        memory: Some(amount(part * 6, 64)),
        storage: Some(amount(part * 400, 4000)),
        details: vec![("Netmask".to_owned(), "255.255.0.0".to_owned()), ("rack".to_owned(), format!("r{}", n % 3))],
        ..Node::default()
    }
}

/// `many` nodes behind the first host, three behind the second, which tells whether they are alive.
pub(crate) fn racks(many: u32) -> App {
    let host = |id: &str, backend| Host { id: id.into(), backend, address: format!("http://{id}:17000"), peer: None };
    let mut app = App::new(Settings::default(), vec![host("lab", "chypervisord"), host("store", "lochness")]);
    app.set_now(NOW);
    let ops: Vec<Op> = OPS.iter().map(|row| row.op).collect();
    let capabilities = Capabilities {
        ops: OpSet::of(&ops),
        cautions: vec![(Op::UpdateNode, HEARTBEAT.into())],
        ..Capabilities::default()
    };
    let mut dead = Node { is_alive: Some(false), ..node(5002) };
    // What was never told is no empty machine.
    (dead.cpus, dead.memory, dead.storage, dead.address) = (None, None, None, None);
    let named = Node { is_alive: Some(true), name: "rack 2, \u{65e5}\u{672c}\u{1b}[2J".to_owned(), ..node(5001) };
    let full = Node { is_alive: Some(true), memory: Some(amount(63, 64)), cpus_used: Some(64), ..node(5000) };
    for (host, nodes) in [("lab", (0..many).map(node).collect()), ("store", vec![full, named, dead])] {
        tell(&mut app, host, HostEvent::Link(Link::Up(Box::new(capabilities.clone()))));
        let inventory = Inventory { nodes: Some(nodes), vms: Some(vec![]), ..Inventory::default() };
        tell(&mut app, host, HostEvent::Inventory(inventory));
    }
    app
}

/// What hangs on the first node: of its guests one has a record.
pub(crate) fn report() -> NodeReport {
    let texts = |all: Value| serde_json::from_value(all).unwrap();
    NodeReport {
        node: node(0),
        config: texts(serde_json::json!({"guestDiskDir": "/mistify/guests", "empty": "a\u{1b}b"})),
        subnets: texts(serde_json::json!({"c6430cba-648a-41aa-aee4-b59dacfc790d": "br0"})),
        guests: vec!["aaaa".into(), "bbbb".into()],
    }
}

/// With that report, and the record of a guest.
pub(crate) fn reported(many: u32) -> App {
    let mut app = racks(many);
    tell(&mut app, "lab", HostEvent::Vm(Box::new(Vm { id: "aaaa".into(), ..Vm::named("web") })));
    tell(&mut app, "lab", HostEvent::Node(Box::new(report())));
    app
}
