//! The machines of all hosts, one row each. Only the rows that are seen are built.
use super::{
    Theme, Viewport, pane,
    state::{is_old, state, up_for},
    tasks::width_of,
    viewport::scrolled,
    widget::{Pen, cut, fit, fit_right},
};
use crate::{
    app::{App, Column, HostState, Machine},
    domain::{ByteSize, Link, clean_line},
    input::Action,
};
use ratatui::{
    Frame,
    layout::Rect,
    style::Style,
    text::Span,
    widgets::{Paragraph, Wrap},
};
use std::fmt::Write as _;
use unicode_width::UnicodeWidthStr as _;

/// How wide the columns are that may be dropped, in the order in which they stand: name and state never are.
struct Layout {
    numbers: [(Column, u16); 4],
    /// Before each of them.
    gap: u16,
    /// The most that the column of the hosts takes.
    host: u16,
}

const WIDE: Layout =
    Layout { numbers: [(Column::Cpu, 5), (Column::Memory, 13), (Column::Disk, 9), (Column::Up, 7)], gap: 2, host: 12 };
/// Where not all of them would fit.
const TIGHT: Layout =
    Layout { numbers: [(Column::Cpu, 5), (Column::Memory, 11), (Column::Disk, 8), (Column::Up, 7)], gap: 1, host: 8 };
/// How wide the columns of names and of states are, and are made in turn where there is room: nothing that is shown moves
/// them.
const NAME_AND_STATE: [(u16, u16); 3] = [(12, 15), (16, 19), (40, 28)];

struct Widths {
    name: u16,
    /// 0: one host, no column.
    host: u16,
    state: u16,
    layout: &'static Layout,
    /// How many of the layout's numbers there is room for.
    numbers: usize,
}

impl Widths {
    fn new(app: &App, width: u16) -> Self {
        let wide = Self::of(&WIDE, app, width);
        if wide.numbers == WIDE.numbers.len() { wide } else { Self::of(&TIGHT, app, width) }
    }

    fn of(layout: &'static Layout, app: &App, width: u16) -> Self {
        let host = match app.hosts.len() {
            0 | 1 => 0,
            _ => width_of(app.hosts.iter().map(|h| h.id().to_string()), 4, layout.host),
        };
        // One column at the right stays free.
        let [(mut name, mut state), wider @ ..] = NAME_AND_STATE;
        let mut left = width.saturating_sub(4 + name + 2 + state + if host > 0 { host + 2 } else { 0 });
        let mut numbers = 0;
        for (_, wide) in layout.numbers {
            if left < wide + layout.gap {
                break;
            }
            left -= wide + layout.gap;
            numbers += 1;
        }
        let mut give = |column: &mut u16, to: u16| {
            let more = left.min(to.saturating_sub(*column));
            *column += more;
            left -= more;
        };
        for (names, states) in wider {
            give(&mut name, names);
            give(&mut state, states);
        }
        Self { name, host, state, layout, numbers }
    }

    /// The cells of the numbers, at the right of their columns.
    fn numbers<'a>(&self, cells: impl Iterator<Item = &'a str>) -> String {
        let mut text = String::new();
        for (cell, (_, width)) in cells.zip(self.layout.numbers).take(self.numbers) {
            text.extend(std::iter::repeat_n(' ', self.layout.gap.into()));
            text.push_str(&fit_right(cell, width));
        }
        text
    }
}

/// The first of `forms` that fits, each of fewer digits than the one before.
fn fitting<const N: usize>(forms: [String; N], width: u16) -> String {
    let mut last = String::new();
    for form in forms {
        last = form;
        if last.width() <= width.into() {
            break;
        }
    }
    last
}

pub(super) fn render(frame: &mut Frame<'_>, area: Rect, app: &App, theme: &Theme, viewport: &mut Viewport) {
    let inner = pane::frame_of(frame, area, &title(app, theme), theme);
    let rows = app.listing.rows();
    if rows.is_empty() {
        let text = empty(app);
        frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: false }), inner);
        return;
    }
    let widths = Widths::new(app, inner.width);
    let head = Rect { height: 1.min(inner.height), ..inner };
    frame.render_widget(Span::styled(cut(&heading(&widths), head.width), theme.heading), head);
    let body = Rect { y: inner.y + head.height, height: inner.height - head.height, ..inner };
    let from = scrolled(viewport.machines, app.listing.at(), body.height.into(), rows.len());
    viewport.machines = from;
    for (line, (i, id)) in body.rows().zip(rows.iter().enumerate().skip(from)) {
        let Some(host) = app.hosts.get(&id.0) else { continue };
        let Some(machine) = host.machine(&id.1) else { continue };
        row(Pen::new(frame.buffer_mut(), line), app, (host, machine), i == app.listing.at(), &widths, theme);
        viewport.visible.vms.push(id.clone());
    }
}

/// `Machines 3 of 32 · filter web · sort CPU ▼`.
fn title(app: &App, theme: &Theme) -> String {
    let (shown, all) = (app.listing.rows().len(), app.listing.total());
    let dot = theme.dot;
    let mut title = if shown == all { format!("Machines {all}") } else { format!("Machines {shown} of {all}") };
    if !app.listing.filter.is_empty() {
        let _ = write!(title, " {dot} filter {}", cut(app.listing.filter.text(), 30));
    }
    if app.listing.sort != Column::Name || app.listing.reverse {
        let [up, down] = theme.arrows;
        let way = if app.listing.reverse { down } else { up };
        let _ = write!(title, " {dot} sort {} {way}", app.listing.sort.title());
    }
    title
}

fn heading(widths: &Widths) -> String {
    let mut text = format!("   {}", fit(Column::Name.title(), widths.name));
    if widths.host > 0 {
        let _ = write!(text, "  {}", fit(Column::Host.title(), widths.host));
    }
    let _ = write!(text, "  {}", fit(Column::State.title(), widths.state));
    text.push_str(&widths.numbers(widths.layout.numbers.iter().map(|(column, _)| column.title())));
    text
}

fn row(mut pen: Pen<'_>, app: &App, (host, machine): (&HostState, &Machine), at: bool, widths: &Widths, theme: &Theme) {
    let is_old = is_old(host);
    let plain = if is_old { theme.dim } else { theme.text };
    pen.skip(1);
    pen.fit(if at { theme.marker } else { "" }, 2, Style::new());
    // Blanks have no style: those behind a bold name would be sent again with each arrow key.
    let text = cut(&machine.vm.name, widths.name);
    let used = u16::try_from(text.width()).unwrap_or(widths.name);
    let left = widths.name.saturating_sub(used);
    pen.fit(&text, used, if at { plain.patch(theme.selected) } else { plain });
    let group = machine.vm.group().map(|group| beside(group, left.into(), theme)).unwrap_or_default();
    pen.fit(&group, left, theme.dim);
    if widths.host > 0 {
        pen.skip(2);
        pen.fit(host.id().as_str(), widths.host, plain);
    }
    let (glyph, style, word) = state(app, host, machine, theme);
    let numbers = widths.numbers(cells(app, (host, machine), widths.layout, theme).iter().map(String::as_str));
    // A long state takes the blanks before the first number, all but one.
    let blanks = numbers.len() - numbers.trim_start_matches(' ').len();
    let room = widths.state - 2;
    let word = words_of(&word, room + u16::try_from(blanks.saturating_sub(1)).unwrap_or(0));
    let over = word.width().saturating_sub(room.into());
    pen.skip(2);
    pen.put(glyph, style);
    pen.skip(1);
    pen.fit(&word, room + u16::try_from(over).unwrap_or(0), if is_old { theme.dim } else { style });
    pen.put(numbers.get(over..).unwrap_or_default(), plain);
}

/// The words of `text` that fit whole, and `…` for the rest: half a word or half a number tells something else.
fn words_of(text: &str, width: u16) -> String {
    let text = clean_line(text);
    let shown = cut(&text, width);
    let kept = shown.trim_end_matches('…');
    let is_broken = !text.strip_prefix(kept).is_some_and(|rest| rest.starts_with(' '));
    match kept.rsplit_once(' ') {
        _ if shown == text => shown,
        Some((whole, _)) if is_broken => format!("{whole}…"),
        _ => format!("{}…", kept.trim_end()),
    }
}

/// A machine's group behind its name, where more than a letter or two of it can be read.
fn beside(group: &str, left: usize, theme: &Theme) -> String {
    let text = format!(" {} {}", theme.dot, clean_line(group));
    match u16::try_from(left) {
        Ok(room) if left > 5 || text.width() <= left => cut(&text, room),
        _ => String::new(),
    }
}

fn cells(app: &App, (host, machine): (&HostState, &Machine), layout: &Layout, theme: &Theme) -> [String; 4] {
    let [_, (_, memory_width), (_, disk_width), _] = layout.numbers;
    let dash = if theme.ascii { "-" } else { "–" };
    let unknown = || dash.to_owned();
    let vm = &machine.vm;
    let figures = machine.figures.as_deref().copied().filter(|_| !is_old(host)).unwrap_or_default();
    let memory = match (figures.memory.map(ByteSize), vm.memory.map(ByteSize)) {
        (Some(used), Some(total)) => fitting(
            [
                format!("{}/{total}", used.number_beside(total)),
                format!("{}/{total}", used.whole_beside(total)),
                format!("{}/{}", used.whole_beside(total), total.whole()),
            ],
            memory_width,
        ),
        (None, Some(total)) => format!("{dash}/{total}"),
        (Some(used), None) => used.to_string(),
        (None, None) => unknown(),
    };
    [
        figures.cpu.map_or_else(unknown, |c| format!("{c:.0} %")),
        memory,
        vm.disk.map(ByteSize).map_or_else(unknown, |d| fitting([d.to_string(), d.whole()], disk_width)),
        up_for(app, host, machine).unwrap_or_else(unknown),
    ]
}

/// What to press where there is nothing to show.
fn empty(app: &App) -> String {
    let key = |action| app.settings.keymap.first(action);
    if !app.listing.filter.is_empty() {
        let text = cut(app.listing.filter.text(), 40);
        return format!("\n No machine matches `{text}`.  {} drop the filter", key(Action::Back));
    }
    if let Some(host) = app.not_set_up() {
        let why = host.capabilities().and_then(|c| c.check(crate::domain::Op::Create).err());
        let why = why.map(|w| format!(": {}", crate::domain::clean_line(w))).unwrap_or_default();
        return format!("\n {} is not set up{why}.  {} set it up", host.id(), key(Action::SetUpHere));
    }
    if !app.hosts.iter().any(|h| h.listed) {
        return match app.hosts.is_empty() {
            true => format!("\n No host is configured: {}", app.settings.config_path),
            false if app.hosts.iter().all(|host| matches!(host.link, Link::Down { .. })) => {
                format!("\n No host answers.  {} try again", key(Action::Refresh))
            }
            false => "\n Waiting for the first host to answer.".to_owned(),
        };
    }
    let pairs = [(Action::NewMachine, "new machine"), (Action::Fetch, "fetch an ISO"), (Action::Help, "help")];
    let pairs = pairs.into_iter().filter(|(action, _)| app.refusal(*action).is_none());
    let keys = pairs.map(|(action, what)| format!("{} {what}", key(action))).collect::<Vec<_>>().join("   ");
    format!(
        "\n No machines yet.  {keys}\n\n config: {}\n vmdeck --demo shows machines that are not there, to try things out.",
        app.settings.config_path
    )
}

#[cfg(test)]
mod tests {
    use super::words_of;

    #[test]
    fn of_a_state_whole_words_are_shown() {
        for (text, shown) in [
            ("watched by others", "watched by…"),
            ("installing 42 %", "installing…"),
            ("starting 42 %", "starting 42 %"),
            ("shutting down 4 %", "shutting…"),
            ("inaccessibilities", "inaccessibil…"),
            ("guest crashed now", "guest…"),
            ("guest in panic now", "guest in…"),
        ] {
            assert_eq!(words_of(text, 13), shown);
        }
        assert_eq!(words_of("guest a panic now", 8), "guest a…");
    }
}
