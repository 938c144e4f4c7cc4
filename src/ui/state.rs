//! What is known of a machine's state: the same mark, word and style in the table and beside it.
use super::{
    Theme,
    widget::{as_of, power, uptime},
};
use crate::{
    app::{App, HostState, Machine},
    domain::{Link, Op, PowerState, Progress, Task, TaskState},
};
use ratatui::style::Style;

/// What is done to a machine, what it is, or how old the knowledge is.
pub(super) fn state(app: &App, host: &HostState, machine: &Machine, theme: &Theme) -> (&'static str, Style, String) {
    if let Some((since, _)) = &host.stale {
        return ("?", theme.dim, as_of(*since, app.now(), &app.settings.zone));
    }
    let vm = &machine.vm;
    if let Some(task) = app.tasks.of(host.id(), &vm.id)
        && let Some(word) = doing(task)
    {
        let (glyph, _) = power(theme, PowerState::Starting);
        return (glyph, theme.accent, word);
    }
    let word = vm.remark.clone().unwrap_or_else(|| vm.power().name().to_owned());
    let (shown, word) = match (machine.old_power, machine.says_why_unknown) {
        (true, true) => (PowerState::Unknown, word),
        (true, false) => (PowerState::Unknown, format!("was {word}")),
        (false, _) => (vm.power(), word),
    };
    let (glyph, style) = power(theme, shown);
    (glyph, style, word)
}

/// What a task is doing to its machine, in a word.
fn doing(task: &Task) -> Option<String> {
    let word = match task.op {
        Op::Start => "starting",
        Op::ShutDown => "shutting down",
        Op::PowerOff => "powering off",
        Op::Reset => "resetting",
        Op::Reboot => "restarting",
        Op::Save => "saving",
        Op::Migrate => "moving",
        Op::Clone => "copying",
        Op::Delete => "deleting",
        Op::Install => "installing",
        _ => return None,
    };
    match (&task.state, task.progress().and_then(Progress::percent)) {
        (TaskState::Running(_), Some(percent)) => Some(format!("{word} {percent} %")),
        _ => Some(word.to_owned()),
    }
}

/// Whether what is known of a host's machines is of some time ago.
pub(super) fn is_old(host: &HostState) -> bool {
    host.stale.is_some() || !matches!(host.link, Link::Up(_))
}

/// How long it is up, where that is known: also of one that is on and whose state nobody tells.
pub(super) fn up_for(app: &App, host: &HostState, machine: &Machine) -> Option<String> {
    let is_off = machine.vm.power() == PowerState::Off && !machine.old_power;
    let started = machine.vm.started.filter(|_| !is_off && !is_old(host))?;
    Some(uptime(app.now(), started))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        app::{Message, Settings},
        domain::{Host, HostEvent, Inventory, Request, Stamp, TaskId, Vm},
    };

    fn tell(app: &mut App, event: HostEvent) {
        app.update(Message::Host("here".into(), event));
    }

    fn app() -> App {
        let host = Host { id: "here".into(), backend: "demo", address: String::new(), peer: None };
        let mut app = App::new(Settings::default(), vec![host]);
        let ops = crate::domain::OPS.iter().map(|row| row.op).collect::<Vec<_>>();
        let can = crate::domain::Capabilities { ops: crate::domain::OpSet::of(&ops), ..Default::default() };
        tell(&mut app, HostEvent::Link(Link::Up(Box::new(can))));
        list(&mut app, Some(PowerState::Off), None);
        app
    }

    /// The host lists `web` with this state and remark.
    fn list(app: &mut App, power: Option<PowerState>, remark: Option<&str>) {
        let web = Vm { power, remark: remark.map(str::to_owned), started: Some(Stamp(0)), ..Vm::named("web") };
        tell(app, HostEvent::Inventory(Inventory { vms: Some(vec![web]), ..Inventory::default() }));
    }

    fn shown(app: &App) -> (&'static str, Style, String) {
        let (host, machine) = app.selected().unwrap();
        state(app, host, machine, &Theme::new(true, false))
    }

    fn word(app: &App) -> String {
        shown(app).2
    }

    #[test]
    fn was_stands_before_what_was_known_and_a_remark_that_nothing_is_known_stands_alone() {
        let theme = Theme::new(true, false);
        let unknown = |word: &str| ("?", theme.warning, word.to_owned());
        let mut app = app();
        list(&mut app, Some(PowerState::Blocked), Some("disk full"));
        list(&mut app, None, None);
        assert_eq!(shown(&app), unknown("was disk full"));
        for remark in ["no answer", "watched by others"] {
            list(&mut app, None, Some(remark));
            assert_eq!(shown(&app), unknown(remark));
        }
        list(&mut app, None, None);
        assert_eq!(shown(&app), unknown("was blocked"));
        list(&mut app, None, Some("no answer"));
        tell(&mut app, HostEvent::Power("web".into(), PowerState::Running));
        assert_eq!(shown(&app), ("●", theme.good, "running".to_owned()), "the remark stood for what was unknown");
        list(&mut app, Some(PowerState::Running), Some("boot loop"));
        assert_eq!(shown(&app), ("●", theme.good, "boot loop".to_owned()));
    }

    #[test]
    fn how_long_it_is_up_is_told_unless_it_is_known_to_be_off() {
        let mut app = app();
        let up = |app: &App| app.selected().and_then(|(host, machine)| up_for(app, host, machine));
        assert_eq!(up(&app), None);
        // Off as it was known; on by now, since somebody watches it.
        list(&mut app, None, Some("watched by others"));
        assert_eq!(up(&app).as_deref(), Some("<1m"));
        list(&mut app, Some(PowerState::Unknown), None);
        assert_eq!(up(&app).as_deref(), Some("<1m"));
        let error = crate::domain::Error::refused("no");
        tell(&mut app, HostEvent::Stale { since: Stamp(0), error });
        assert_eq!(up(&app), None);
    }

    #[test]
    fn a_machine_that_something_is_done_to_shows_that_and_how_far_it_is() {
        let mut app = app();
        assert_eq!(word(&app), "off");
        let effects = app.update(Message::Key("s".parse().unwrap()));
        assert!(
            effects.iter().any(|effect| matches!(effect, crate::app::Effect::Call { request: Request::Start(_), .. }))
        );
        assert_eq!(word(&app), "starting");
        app.update(Message::TaskProgress(TaskId(1), Progress::bytes(42, Some(100))));
        assert_eq!(word(&app), "starting 42 %");
        app.update(Message::TaskState(TaskId(1), TaskState::Looking("looking whether web runs".to_owned())));
        assert_eq!(word(&app), "starting");
        app.update(Message::TaskEnded(TaskId(1), Err(crate::domain::Error::refused("no"))));
        assert_eq!(word(&app), "off");
        app.update(Message::Key("e".parse().unwrap()));
        assert_eq!(word(&app), "off", "what is only read is no state");
    }
}
