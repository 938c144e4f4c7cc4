//! Applications as their hosts would have told of themselves: three hosts, one of them down.
use std::borrow::Cow;
use vmdeck::{
    app::{App, Effect, Message, Settings},
    domain::{
        Amount, ByteSize, Cancel, Capabilities, Error, ErrorKind, Figures, Host, HostEvent, Inventory, Link, Node, OPS,
        Op, OpSet, PowerState, Stamp, Vm,
    },
};

/// 2026-11-21 14:02:11 UTC.
pub(crate) const NOW: Stamp = Stamp(1_795_269_731_000);
const G: u64 = 1 << 30;

pub(crate) fn vm(name: &str, power: PowerState) -> Vm {
    Vm {
        power: Some(power),
        cpus: Some(2),
        memory: Some(2 * G),
        disk: Some(20 * G),
        started: power.is_alive().then_some(Stamp(NOW.0 - 273_600_000)),
        ..Vm::named(name)
    }
}

fn host(id: &str, backend: &'static str, address: &str) -> Host {
    Host { id: id.into(), backend, address: address.to_owned(), peer: None }
}

/// One host that has not answered yet.
pub(crate) fn waiting() -> App {
    let settings = Settings { config_path: "~/.config/vmdeck/config.toml".to_owned(), ..Settings::default() };
    let mut app = App::new(settings, vec![host("local", "qemu", "~/.local/share/vmdeck/machines")]);
    app.set_now(NOW);
    app
}

/// What a host offers: everything but consoles and records of nodes, and resets want care.
pub(crate) fn offers() -> Capabilities {
    let all: Vec<Op> = OPS.iter().map(|row| row.op).collect();
    Capabilities {
        ops: OpSet::of(&all).without(Op::OpenConsole).without(Op::ShowNode),
        cancel: Cancel::Sure,
        missing: vec![(Op::OpenConsole, Cow::Borrowed("this host has no serial lines"))],
        cautions: vec![(Op::Reset, Cow::Borrowed("This host resets all machines of that name."))],
        version: "QEMU 10.0.2".to_owned(),
        is_set_up: Some(true),
        ..Capabilities::default()
    }
}

pub(crate) fn tell(app: &mut App, host: &str, event: HostEvent) -> Vec<Effect> {
    app.update(Message::Host(host.into(), event))
}

pub(crate) fn up(app: &mut App, host: &str, vms: Vec<Vm>) {
    let storage = Amount { used: ByteSize(27 * G), total: ByteSize(100 * G) };
    let memory = Amount { used: ByteSize(6 * G), total: ByteSize(24 * G) };
    let node = Node {
        id: host.into(),
        name: host.to_owned(),
        cpus: Some(8),
        load: Some(0.4),
        memory: Some(memory),
        storage: Some(storage),
        ..Node::default()
    };
    tell(app, host, HostEvent::Link(Link::Up(Box::new(offers()))));
    let inventory = Inventory { nodes: Some(vec![node]), vms: Some(vms), images: Some(Vec::new()) };
    tell(app, host, HostEvent::Inventory(inventory));
}

/// `local`, set up and without machines.
pub(crate) fn empty() -> App {
    let mut app = waiting();
    up(&mut app, "local", Vec::new());
    app
}

/// `local` with four machines, `hv2` with three, `bsd1` down since 13:58 with one.
pub(crate) fn fleet() -> App {
    let hosts = vec![
        host("local", "qemu", "~/.local/share/vmdeck/machines"),
        host("hv2", "libvirt", "qemu+ssh://hv2/system"),
        host("bsd1", "sysadm", "wss://bsd1:12150"),
    ];
    let mut app = App::new(Settings::default(), hosts);
    app.set_now(Stamp(NOW.0 - 240_000));
    up(&mut app, "bsd1", vec![vm("testguest", PowerState::Running)]);
    app.set_now(NOW);
    let local = vec![
        vm("web1", PowerState::Running),
        vm("web2", PowerState::Off),
        vm("web10", PowerState::Paused),
        vm("build", PowerState::Starting),
    ];
    up(&mut app, "local", local);
    let mail = Vm { remark: Some("disk full".to_owned()), ..vm("old-mail", PowerState::Blocked) };
    let hostile = vm("evil\x1b[31m\u{202e}\r\nname", PowerState::Off);
    let wide = vm("日本語の名前がとても長いのでここで切られるはずです", PowerState::Running);
    up(&mut app, "hv2", vec![mail, hostile, wide]);
    let error = Error::new(ErrorKind::Unreachable, "connection refused");
    let retry_at = Some(Stamp(NOW.0 + 8_000));
    tell(&mut app, "bsd1", HostEvent::Link(Link::Down { error, retry_at }));
    let figures = Figures { cpu: Some(12.2), memory: Some(1_288_490_188), ..Figures::default() };
    tell(&mut app, "local", HostEvent::Figures(vec![("web1".into(), figures)]));
    select(&mut app, "web1");
    app
}

/// The names of the rows, from the top.
pub(crate) fn names(app: &App) -> Vec<String> {
    app.listing.rows().iter().map(|(_, vm)| vm.to_string()).collect()
}

pub(crate) fn selected(app: &App) -> String {
    app.selected().map(|(_, machine)| machine.vm.name.clone()).unwrap_or_default()
}

pub(crate) fn select(app: &mut App, name: &str) {
    press(app, "home");
    for _ in 0..app.listing.rows().len() {
        if selected(app) == name {
            return;
        }
        press(app, "down");
    }
    panic!("no machine is called {name}");
}

/// Presses keys, named as in the configuration, with blanks between. What is watched is left out.
pub(crate) fn press(app: &mut App, keys: &str) -> Vec<Effect> {
    let effects = keys.split_whitespace().flat_map(|key| app.update(Message::Key(key.parse().unwrap())));
    effects.filter(|e| !matches!(e, Effect::Watch { .. })).collect()
}
