use super::{Page, graphs::Graphs};
use crate::{
    app::{App, HostState, Machine},
    domain::{ByteSize, Vm, clean_line},
    ui::{
        Theme,
        state::{is_old, state, up_for},
    },
};
use ratatui::text::{Line, Span};

/// How many machines are looked at for whether their host tells what they send and receive.
const LOOKED_AT: usize = 50;

/// What it is and what it does now. What is not known is `–`.
pub(super) fn page(app: &App, host: &HostState, machine: &Machine, width: u16, theme: &Theme) -> Page {
    let mut page = Page::default();
    let graphs = Graphs::new(app, machine, width, theme);
    let vm = &machine.vm;
    let (glyph, style, word) = state(app, host, machine, theme);
    let word = clean_line(&word);
    page.line(Line::from(vec![
        Span::styled(format!("{:<12} ", "State"), theme.dim),
        Span::styled(format!("{glyph} {word}"), style),
    ]));
    let unknown = || "–".to_owned();
    let size = |bytes: Option<u64>| bytes.map_or_else(unknown, |b| ByteSize(b).to_string());
    let rate = |bytes: Option<u64>| bytes.map_or_else(unknown, |b| format!("{}/s", ByteSize(b)));
    page.pair(theme, "Up for", &up_for(app, host, machine).unwrap_or_else(unknown), width);
    let (problems, others): (Vec<_>, Vec<_>) = vm.details.iter().partition(|(label, _)| label == Vm::PROBLEM);
    for (label, why) in problems {
        page.pair(theme, label, &clean_line(why), width);
    }
    page.gap();
    let figures = machine.figures.as_deref().copied().filter(|_| !is_old(host)).unwrap_or_default();
    let cpu = figures.cpu.map_or_else(unknown, |share| format!("{share:.0} %"));
    let cpus = match vm.cpus {
        None => unknown(),
        Some(1) => "1 CPU".to_owned(),
        Some(n) => format!("{n} CPUs"),
    };
    let memory = match (figures.memory, vm.memory) {
        (Some(used), Some(all)) => format!("{} of {}", ByteSize(used).number_beside(ByteSize(all)), ByteSize(all)),
        (None, Some(all)) => format!("– of {}", ByteSize(all)),
        (used, None) => size(used),
    };
    graphs.figure(&mut page, theme, "CPU", &format!("{cpu} of {cpus}"));
    page.pair(theme, "Memory", &memory, width);
    page.pair(theme, "Disks", &size(vm.disk), width);
    // The lines are the same for all machines of a host, so that little is sent on the way from one to the next.
    page.gap();
    graphs.figure(&mut page, theme, "Disk read", &rate(figures.disk_read));
    graphs.figure(&mut page, theme, "Disk write", &rate(figures.disk_write));
    if host
        .machines()
        .take(LOOKED_AT)
        .any(|m| m.figures.as_ref().is_some_and(|f| f.net_in.is_some() || f.net_out.is_some()))
    {
        page.pair(theme, "Received", &rate(figures.net_in), width);
        page.pair(theme, "Sent", &rate(figures.net_out), width);
    }
    if !others.is_empty() {
        page.gap();
    }
    for (label, value) in others {
        let value = if value.is_empty() { unknown() } else { clean_line(value).into_owned() };
        page.pair(theme, &clean_line(label), &value, width);
    }
    graphs.rest(&mut page, theme);
    page
}
