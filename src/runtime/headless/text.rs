//! Replies as text: columns for people, one row a line.
use crate::domain::{
    Amount, Disk, Error, ErrorKind, Expect, Fetches, FieldKind, FieldSpec, Image, JobId, Node, Property, Reply,
    Request, Snapshot, Stamp, Values, Vm, clean, clean_line, span,
};
use unicode_width::UnicodeWidthStr;

/// Rows in columns that are as wide as their widest cell; the last is not padded. A row that ends before others do ends
/// with a sentence, which may run on below their columns.
pub(super) fn columns(rows: &[Vec<String>]) -> String {
    let whole = rows.iter().map(Vec::len).max().unwrap_or_default();
    let mut widths: Vec<usize> = Vec::new();
    for row in rows {
        for (i, cell) in row.iter().enumerate() {
            if i + 1 == row.len() && row.len() < whole {
                break;
            }
            match widths.get_mut(i) {
                Some(width) => *width = (*width).max(cell.width()),
                None => widths.push(cell.width()),
            }
        }
    }
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (i, cell) in row.iter().enumerate() {
            let width = widths.get(i).copied().unwrap_or_default();
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.width()) + 2));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn cells<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.into_iter().map(|cell| clean_line(cell).into_owned()).collect()
}

fn size(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "–".to_owned(), |b| crate::domain::ByteSize(b).to_string())
}

/// The cells of a machine: name, state, CPUs, memory, disk, time up.
pub(super) fn machine(vm: &Vm) -> Vec<String> {
    let state = match &vm.remark {
        Some(remark) => format!("{} ({remark})", vm.power().name()),
        None => vm.power().name().to_owned(),
    };
    let cpus = vm.cpus.map_or_else(|| "–".to_owned(), |n| n.to_string());
    let up = vm.started.map_or_else(|| "–".to_owned(), |at| span(crate::transport::now().since(at)));
    cells([&vm.name, &state, &cpus, &size(vm.memory), &size(vm.disk), &up])
}

pub(super) const MACHINE: [&str; 6] = ["NAME", "STATE", "CPUS", "MEMORY", "DISK", "UP"];

fn table<T, const N: usize>(head: [&str; N], items: &[T], row: impl Fn(&T) -> Vec<String>) -> String {
    let rows: Vec<_> = std::iter::once(cells(head)).chain(items.iter().map(row)).collect();
    columns(&rows)
}

/// What a field takes, in a few words.
fn asked(field: &FieldSpec) -> String {
    match &field.kind {
        FieldKind::Choice(choices) => field.one_of(choices),
        _ => field.help.to_owned(),
    }
}

fn disk(disk: &Disk) -> Vec<String> {
    let dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "–".to_owned());
    let (virtual_size, real) = (size(disk.virtual_size.map(|s| s.0)), size(disk.real_size.map(|s| s.0)));
    let (id, note) = (disk.id.to_string(), disk.pending.clone().unwrap_or_default());
    cells([&id, &virtual_size, &real, &dash(&disk.format), &dash(&disk.bus), &dash(&disk.medium), &note])
}

fn image(image: &Image) -> Vec<String> {
    let partial = image.partial.as_ref().map(ToString::to_string);
    let checked = partial.or_else(|| image.checked.clone()).unwrap_or_else(|| "not checked".to_owned());
    let dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "–".to_owned());
    let (kind, source) = (dash(&image.kind), dash(&image.source));
    let day = image.added.and_then(|at| jiff::Timestamp::from_millisecond(i64::try_from(at.0).ok()?).ok());
    let day = day.map_or_else(|| "–".to_owned(), |at| at.to_zoned(jiff::tz::TimeZone::system()).date().to_string());
    let users = if image.used_by.is_empty() { "–".to_owned() } else { image.used_by.join(", ") };
    cells([&image.name, &kind, &size(image.size.map(|s| s.0)), &day, &checked, &users, &source])
}

const NODE: [&str; 7] = ["NODE", "NAME", "ADDRESS", "ALIVE", "CPUS", "MEMORY", "STORAGE"];

fn node(node: &Node) -> Vec<String> {
    let dash = || "–".to_owned();
    let amount =
        |amount: Option<Amount>| amount.map_or_else(dash, |a| format!("{}/{}", a.used.number_beside(a.total), a.total));
    let alive = node.is_alive.map_or_else(dash, |is| if is { "yes" } else { "no" }.to_owned());
    let cpus = match (node.cpus_used, node.cpus) {
        (Some(used), Some(all)) => format!("{used}/{all}"),
        (_, all) => all.map_or_else(dash, |n| n.to_string()),
    };
    let address = node.address.clone().unwrap_or_else(dash);
    let (id, memory, storage) = (node.id.to_string(), amount(node.memory), amount(node.storage));
    cells([&id, &node.name, &address, &alive, &cpus, &memory, &storage])
}

fn property(property: &Property) -> Vec<String> {
    let waits = property.current.as_deref().map(|now| if now.is_empty() { "nothing" } else { now });
    let waits = waits.map(|now| format!("now {now}; from the next start")).unwrap_or_default();
    cells([property.spec.name, &property.value.replace('\n', " "), &waits])
}

/// `2026-11-21 19:58`, here.
fn minute(at: Stamp) -> String {
    let at = jiff::Timestamp::from_millisecond(i64::try_from(at.0).unwrap_or(0)).unwrap_or_default();
    at.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string()
}

fn snapshot(snapshot: &Snapshot) -> Vec<String> {
    let dash = || "–".to_owned();
    let taken = snapshot.taken.map_or_else(dash, minute);
    let state = snapshot.power.map_or_else(dash, |power| power.name().to_owned());
    let note = if snapshot.is_current { "current" } else { "" };
    cells([&snapshot.name, &taken, &state, &size(snapshot.size.map(|s| s.0)), note, &snapshot.description])
}

fn fetches(all: &Fetches) -> String {
    let open = all.open.iter().map(|f| cells(["now", &f.name, "", &f.outcome(), &f.source]));
    let past = all
        .past
        .iter()
        .map(|past| cells([&minute(past.ended), &past.title(), &past.figures(), &past.outcome(), &past.source]));
    let rows: Vec<_> = open.chain(past).collect();
    if rows.is_empty() {
        return "no fetches yet: fetch-image url=... begins one\n".to_owned();
    }
    columns(&std::iter::once(cells(["ENDED", "NAME", "HOW MUCH", "RESULT", "SOURCE"])).chain(rows).collect::<Vec<_>>())
}

/// That the host goes on with a fetch, and the commands to watch and to end it.
pub(super) fn goes_on(host: &str, job: &JobId) -> String {
    let name = clean_line(job.as_str());
    let (host, word) = (quoted(host), quoted(&format!("image={name}")));
    format!("{name} is being fetched: `vmdeck call {host} resume-fetch {word}` follows it, cancel-fetch {word} ends it")
}

/// A word of a command line as a shell takes it.
fn quoted(text: &str) -> String {
    let is_plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "._-+=~:@%,".contains(c));
    if is_plain { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// Why it failed; and what next, where a guest that was asked to shut down does not.
pub(super) fn failed(host: &str, request: Option<&Request>, error: &Error) -> String {
    match (request, error.kind) {
        (Some(Request::ShutDown(vm)), ErrorKind::Timeout | ErrorKind::Differs) => {
            let vm = clean_line(vm.as_str());
            let [host, vm, yes] = [host, &format!("vm={vm}"), &format!("yes={vm}")].map(quoted);
            format!("{error}; `vmdeck call {host} power-off {vm} {yes}` powers it off without asking its guest")
        }
        _ => error.to_string(),
    }
}

/// What is to be said when the host did what `request` asks for: its own words, or what was read back.
pub(super) fn done(request: &Request, told: &Reply) -> String {
    match (request.expects(), told) {
        (met @ Expect::PropertyIs { .. }, Reply::Remark(when)) => format!("{met} {}\n", clean_line(when)),
        (met @ Expect::Gone(_), Reply::Remark(left)) => format!("{met}; {}\n", clean_line(left)),
        (Expect::Nothing, Reply::Done) if request.is_change() => format!("{}: done\n", request.title()),
        (met, Reply::Done) if request.is_change() => format!("{met}\n"),
        _ => reply(told),
    }
}

/// What `reply` says, with line ends; empty where there is nothing to say.
pub(super) fn reply(reply: &Reply) -> String {
    match reply {
        // The command that follows it stands in what the caller says.
        Reply::Done | Reply::GoesOn(_) => String::new(),
        Reply::Vms(vms) => table(MACHINE, vms, machine),
        Reply::Vm(vm) => {
            let mut text = table(MACHINE, std::slice::from_ref(&**vm), machine);
            let told = |value: &'_ str| if value.is_empty() { "–".to_owned() } else { value.to_owned() };
            let details: Vec<_> = vm.details.iter().map(|(label, value)| cells([label, &told(value)])).collect();
            text.push_str(&columns(&details));
            text
        }
        Reply::Disks(disks) => table(["DISK", "SIZE", "ON HOST", "FORMAT", "BUS", "MEDIUM", ""], disks, disk),
        Reply::Snapshots(all) => table(["SNAPSHOT", "TAKEN", "STATE", "SIZE", "", ""], all, snapshot),
        Reply::Properties(all) => table(["NAME", "VALUE", ""], all, property),
        Reply::Images(images) => {
            table(["NAME", "KIND", "SIZE", "ADDED", "CHECKSUM", "USED BY", "SOURCE"], images, image)
        }
        Reply::Form(fields) => table(["NAME", "DEFAULT", "HELP"], fields, |f| cells([f.name, &f.default, f.help])),
        Reply::Setup(report) => {
            let rows = report.items.iter().map(|item| {
                let mark = match (item.present, item.required) {
                    (true, _) => "ok",
                    (false, true) => "missing",
                    (false, false) => "not there",
                };
                cells([&item.name, mark, &item.detail])
            });
            let text = columns(&rows.collect::<Vec<_>>());
            let command = report.command_with(&Values::new()).map(|c| format!("to install: {}", clean_line(&c)));
            let fields = report.fields.iter().map(|f| format!("set-up wants {}=: {}", f.name, asked(f)));
            let lines = command.into_iter().chain(fields).chain(report.obstacle.clone()).chain(report.caution.clone());
            lines.fold(text, |text, line| text + &line + "\n")
        }
        Reply::Fetches(all) => fetches(all),
        Reply::Probed(prospect) => {
            let name = prospect.name.clone().unwrap_or_else(|| "–".to_owned());
            let free = prospect.free.map_or_else(|| "–".to_owned(), |free| free.to_string());
            let mut rows = vec![
                cells(["name", &name]),
                cells(["file", &prospect.figures()]),
                cells(["checksum", &prospect.check()]),
                cells(["free", &free]),
            ];
            rows.extend(prospect.obstacle().map(|why| cells(["but", &why])));
            columns(&rows)
        }
        Reply::Nodes(nodes) => table(NODE, nodes, node),
        Reply::Node(report) => {
            let mut text = table(NODE, std::slice::from_ref(&report.node), node);
            let pair = |(label, value): (&String, &String)| cells([label, value]);
            text.push_str(&columns(&report.node.details.iter().map(|(l, v)| cells([l, v])).collect::<Vec<_>>()));
            for (title, all) in [("CONFIG", &report.config), ("SUBNET", &report.subnets)] {
                if !all.is_empty() {
                    let head = cells([title, if title == "CONFIG" { "VALUE" } else { "BRIDGE" }]);
                    let rows: Vec<_> = std::iter::once(head).chain(all.iter().map(pair)).collect();
                    text.push_str(&columns(&rows));
                }
            }
            let guests: Vec<_> = report.guests.iter().map(|guest| cells([&guest.to_string()])).collect();
            if !guests.is_empty() {
                text.push_str("GUEST\n");
            }
            text.push_str(&columns(&guests));
            text
        }
        // Its lines stay lines: it may be written to a file and defined again.
        Reply::Description(text) => {
            text.lines().fold(String::new(), |text, line| text + &clean(line, usize::MAX) + "\n")
        }
        Reply::Console { socket, .. } => format!("{}\n", socket.display()),
        Reply::ConsoleProgram { line, .. } => format!("{}\n", clean(line, usize::MAX)),
        Reply::DiskAdded(_) | Reply::Resized { .. } | Reply::Fetched(_) | Reply::Remark(_) | Reply::Taken(_) => {
            reply.sentence().map(|sentence| format!("{sentence}\n")).unwrap_or_default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_does_not_widen_the_columns_it_runs_below() {
        let rows = [&["HOST", "NAME", "STATE"][..], &["a", "web", "off"], &["lab", "down: it cannot be reached"]];
        let rows: Vec<_> = rows.iter().map(|row| row.iter().map(|cell| (*cell).to_owned()).collect()).collect();
        let told = "HOST  NAME  STATE\na     web   off\nlab   down: it cannot be reached\n";
        assert_eq!(columns(&rows), told);
    }

    #[test]
    fn a_guest_that_does_not_shut_down_can_be_powered_off() {
        let error = |kind| Error::new(kind, "the host said yes, but it is running");
        let asked = Request::ShutDown("web".into());
        let told = failed("local", Some(&asked), &error(ErrorKind::Differs));
        let next = "; `vmdeck call local power-off vm=web yes=web` powers it off without asking its guest";
        assert_eq!(told, format!("the host said yes, but it is running{next}"));
        let words = ["vm=web", "yes=web"].map(str::to_owned);
        let parsed = super::super::parse("power-off", &words, &mut "".as_bytes()).unwrap();
        assert_eq!(parsed.request, Request::PowerOff("web".into()));
        assert!(failed("local", Some(&asked), &error(ErrorKind::Timeout)).contains(next));
        let wide = failed("a b", Some(&Request::ShutDown("it's".into())), &error(ErrorKind::Timeout));
        assert!(wide.contains(r"`vmdeck call 'a b' power-off 'vm=it'\''s' 'yes=it'\''s'`"), "{wide}");
        let refused = error(ErrorKind::Refused);
        for (request, error) in
            [(Some(&asked), &refused), (Some(&Request::Pause("web".into())), &refused), (None, &refused)]
        {
            assert_eq!(failed("local", request, error), refused.message);
        }
    }
}
