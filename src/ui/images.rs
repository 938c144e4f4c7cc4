//! The images of all hosts, and those on their way.
//!
//! ```text
//! ┌ Images on local · 4 · 12.6 GiB · 73 GiB free ────────────────────────────┐
//! │   NAME                KIND   SIZE      ADDED       CHECKSUM      USED BY │
//! │ ▸ debian-13.iso       ██████▌░░░░░░  42 %  1.6 of 3.7 GiB  0:44          │
//! │   alpine.iso          iso    64 MiB    2026-10-30  not checked   –       │
//! └──────────────────────────────────────────────────────────────────────────┘
//! ```
use super::{
    Theme, hosts, pane,
    widget::{cut, day, fit, fit_right, gauge, wrap},
};
use crate::{
    app::{App, HostState, ImageRow},
    domain::{Image, Link, Partial, Progress, Request, Task, TaskState, clean_line},
    input::Action,
};
use ratatui::{
    Frame,
    layout::Rect,
    text::{Line, Span},
    widgets::Widget,
};
use unicode_width::UnicodeWidthStr as _;

/// The widths of the columns, 0 for those that there is no room for.
struct Columns {
    name: u16,
    host: u16,
    kind: u16,
    size: u16,
    added: u16,
    checked: u16,
    used: u16,
    source: u16,
}

/// The columns of a bar and all figures.
const WITH_BAR: u16 = 58;
/// From this width of the name on, the address has a column.
const NAME: u16 = 44;
const LEAST_SOURCE: u16 = 24;

impl Columns {
    /// What can be read in the details gives way to the name.
    fn new(width: u16, hosts: u16) -> Self {
        let mut columns = Self { name: 0, host: hosts, kind: 5, size: 9, added: 10, checked: 20, used: 16, source: 0 };
        let rest = |c: &Self| width.saturating_sub(2 + c.tail() + if c.host > 0 { c.host + 2 } else { 0 });
        let drops = [
            |c: &mut Self| c.checked = 0,
            |c: &mut Self| c.used = 10,
            |c: &mut Self| c.used = 0,
            |c: &mut Self| c.kind = 0,
            |c: &mut Self| c.added = 0,
        ];
        for drop in drops {
            if rest(&columns) < 28 {
                drop(&mut columns);
            }
        }
        columns.name = rest(&columns).max(8);
        if columns.name >= NAME + 2 + LEAST_SOURCE {
            columns.source = columns.name - NAME - 2;
            columns.name = NAME;
        }
        columns
    }

    /// How wide the names of fetches are, of which the longest has `longest` columns: a bar needs room more than blanks do.
    fn beside_bar(&self, longest: usize) -> u16 {
        let lacking = WITH_BAR.saturating_sub(self.tail());
        let longest = u16::try_from(longest).unwrap_or(u16::MAX);
        self.name.saturating_sub(lacking).max(longest).min(self.name)
    }

    /// How wide a name of `name` columns is beside a text of `told`: as in the other rows, or longer where the text leaves
    /// room for that, or as short as it is where the text does not fit.
    fn beside(&self, name: u16, told: u16) -> u16 {
        match self.tail().checked_sub(told) {
            Some(more) => name.clamp(self.name, self.name + more),
            None => name.min(self.name),
        }
    }

    /// What is right of the name and the host.
    fn tail(&self) -> u16 {
        [self.kind, self.size, self.added, self.checked, self.used, self.source]
            .iter()
            .map(|w| if *w > 0 { w + 2 } else { 0 })
            .sum()
    }
}

pub(super) fn render(frame: &mut Frame<'_>, area: Rect, app: &App, first: &mut usize, theme: &Theme) {
    let inside = pane::frame_of(frame, area, &title(app), theme);
    let inner = Rect { x: inside.x + 1, width: inside.width.saturating_sub(2), ..inside };
    let rows = app.image_rows();
    if rows.is_empty() {
        empty(frame, inner, app, theme);
        return;
    }
    let several = app.image_hosts().nth(1).is_some();
    let hosts = rows.iter().map(|r| r.host().to_string().chars().count()).max().unwrap_or(0).clamp(4, 14);
    let columns = Columns::new(inner.width, if several { u16::try_from(hosts).unwrap_or(14) } else { 0 });
    heading(&columns, theme).render(Rect { height: 1, ..inner }, frame.buffer_mut());
    let body = Rect { y: inner.y + 1, height: inner.height.saturating_sub(1), ..inner };
    let selected = app.image_selected(&rows).map_or(0, |(at, _)| at);
    let room = usize::from(body.height).max(1);
    *first = (*first).min(selected).max((selected + 1).saturating_sub(room)).min(rows.len().saturating_sub(room));
    let names =
        rows.iter().filter_map(|row| if let ImageRow::Fetch(task) = row { Some(fetched(task).width()) } else { None });
    let wide = columns.beside_bar(names.max().unwrap_or(0));
    for ((index, row), place) in rows.iter().enumerate().skip(*first).zip(body.rows()) {
        let line = match row {
            ImageRow::Fetch(task) => fetch(task, index == selected, (&columns, wide), app, theme),
            ImageRow::Image(host, image) => self::image(host, image, index == selected, &columns, app, theme),
        };
        line.render(place, frame.buffer_mut());
    }
}

/// `Images on local · 4 · 12.6 GiB · 73 GiB free`.
fn title(app: &App) -> String {
    let (count, size) = app.image_sum();
    let one = app.image_room();
    let mut parts = vec![match one {
        Some(host) => format!("Images on {}", host.id()),
        None => "Images".to_owned(),
    }];
    if app.image_hosts().any(|h| h.images.is_some()) {
        parts.push(count.to_string());
        parts.extend(size.map(|size| size.to_string()));
    }
    if let Some((one, free)) = one.and_then(|one| Some((one, one.storage_free()?))) {
        let as_of = hosts::as_of(app, one).map(|as_of| format!(" {as_of}"));
        parts.push(format!("{free} free{}", as_of.unwrap_or_default()));
    }
    parts.join(" · ")
}

fn heading<'a>(columns: &Columns, theme: &Theme) -> Line<'a> {
    let cell = |name: &str, width: u16| if width > 0 { format!("  {}", fit(name, width)) } else { String::new() };
    let text = [
        format!("  {}", fit("NAME", columns.name)),
        cell("HOST", columns.host),
        cell("KIND", columns.kind),
        format!("  {}", fit_right("SIZE", columns.size)),
        cell("ADDED", columns.added),
        cell("CHECKSUM", columns.checked),
        cell("USED BY", columns.used),
        cell("SOURCE", columns.source),
    ]
    .concat();
    Line::styled(text, theme.dim)
}

/// The marker, the name, and the host where there are several.
fn head<'a>(name: &str, host: &str, is_selected: bool, columns: &Columns, theme: &Theme) -> Vec<Span<'a>> {
    let (mark, style) = if is_selected { (theme.marker, theme.selected) } else { (" ", theme.text) };
    let mut spans =
        vec![Span::styled(format!("{mark} "), theme.accent), Span::styled(fit(&clean_line(name), columns.name), style)];
    if columns.host > 0 {
        spans.push(Span::styled(format!("  {}", fit(host, columns.host)), theme.dim));
    }
    spans
}

/// What a fetch brings.
fn fetched(task: &Task) -> &str {
    task.title.strip_prefix("fetch ").unwrap_or(&task.title)
}

/// `wide`: the columns of the name.
fn fetch<'a>(task: &Task, is_selected: bool, (columns, wide): (&Columns, u16), app: &App, theme: &Theme) -> Line<'a> {
    let name = fetched(task);
    if let TaskState::Failed(error) | TaskState::Unknown(error) = &task.state {
        return failed(task, name, &error.message, is_selected, columns, theme);
    }
    let mut spans = head(name, &task.host.to_string(), is_selected, &Columns { name: wide, ..*columns }, theme);
    let room = (columns.name - wide + columns.tail()).saturating_sub(2);
    let none = Progress::default();
    spans.push(Span::raw("  "));
    match &task.state {
        TaskState::Queued => spans.push(Span::styled("waits for its turn", theme.dim)),
        TaskState::Looking(why) => spans.push(Span::styled(cut(&clean_line(why), room), theme.warning)),
        _ => {
            let progress = task.progress().unwrap_or(&none);
            let text = words(progress, room);
            let bar = room.saturating_sub(u16::try_from(text.chars().count()).unwrap_or(room) + 2).min(20);
            if bar >= 5 {
                let seconds = app.now().since(task.begun).as_secs();
                spans.extend(gauge(progress, bar, seconds, theme));
                spans.push(Span::raw("  "));
            }
            spans.push(Span::styled(text, theme.text));
        }
    }
    Line::from(spans)
}

/// Why it came to nothing: the sentence gets all the room that the name does not need, where it needs that.
fn failed<'a>(task: &Task, name: &str, message: &str, is_selected: bool, columns: &Columns, theme: &Theme) -> Line<'a> {
    let name = clean_line(name);
    // The address stands in the story: here the reason counts.
    let reason = match &task.request {
        Some(Request::FetchImage { url, .. }) => message.strip_prefix(url).and_then(|rest| rest.strip_prefix(": ")),
        _ => None,
    };
    let reason = reason.unwrap_or(message);
    let count = |text: &str| u16::try_from(text.width()).unwrap_or(u16::MAX);
    let wide = columns.beside(count(&name), count(reason).saturating_add(4));
    let room = (columns.name + columns.tail()).saturating_sub(wide + 4);
    let mut spans = head(&name, task.host.as_str(), is_selected, &Columns { name: wide, ..*columns }, theme);
    let (mark, style) = super::tasks::mark(task, theme);
    spans.extend([Span::raw("  "), Span::styled(mark, style), Span::styled(format!(" {}", cut(reason, room)), style)]);
    Line::from(spans)
}

/// As much of the figures as there is room for: the share goes last.
fn words(progress: &Progress, room: u16) -> String {
    let percent = progress.percent().map(|p| format!("{p:>3} %")).unwrap_or_default();
    // What is said has a reason: no bytes come now.
    let figures = progress.note.as_deref().map_or_else(|| progress.figures(), |note| clean_line(note).into_owned());
    let parts: Vec<&str> = figures.split("  ").collect();
    // Bytes, rate, time left: from the left they are told again by the share.
    let fewer = (0..=parts.len()).map(|skip| {
        let some = parts.iter().skip(skip).copied();
        std::iter::once(percent.as_str()).chain(some).filter(|p| !p.is_empty()).collect::<Vec<_>>().join("  ")
    });
    let fits = |text: &String| text.chars().count() <= usize::from(room) && !text.is_empty();
    fewer.into_iter().find(fits).unwrap_or_else(|| cut(&figures, room))
}

/// What is wrong with it, with all the room that the name does not need.
fn not_whole<'a>(
    host: &HostState,
    image: &Image,
    partial: &Partial,
    is_selected: bool,
    columns: &Columns,
    app: &App,
    theme: &Theme,
) -> Line<'a> {
    let ([_, mark, _], key) = (theme.verdict(), app.settings.keymap.first(Action::ImageRemove));
    let (style, text) = match partial {
        Partial::Coming => (theme.dim, partial.to_string()),
        Partial::Wrong => (theme.bad, format!("{mark} {partial}, {key} removes it")),
        Partial::Left(_) => (theme.bad, format!("{mark} not whole, {key} removes it")),
    };
    let name = clean_line(&image.name);
    let count = |text: &str| u16::try_from(text.width()).unwrap_or(u16::MAX);
    let wide = columns.beside(count(&name), count(&text).saturating_add(2));
    let room = (columns.name + columns.tail()).saturating_sub(wide + 2);
    let mut spans = head(&name, host.id().as_str(), is_selected, &Columns { name: wide, ..*columns }, theme);
    spans.push(Span::styled(format!("  {}", cut(&text, room)), style));
    Line::from(spans)
}

fn image<'a>(
    host: &HostState,
    image: &Image,
    is_selected: bool,
    columns: &Columns,
    app: &App,
    theme: &Theme,
) -> Line<'a> {
    if let Some(partial) = &image.partial {
        return not_whole(host, image, partial, is_selected, columns, app, theme);
    }
    let mut spans = head(&image.name, &host.id().to_string(), is_selected, columns, theme);
    let unknown = || "–".to_owned();
    let size = image.size.map_or_else(unknown, |s| s.to_string());
    let added = image.added.map_or_else(unknown, |at| day(at, &app.settings.zone));
    let checked = image.checked.as_deref().map_or_else(|| "not checked".to_owned(), |c| clean_line(c).into_owned());
    let used = match image.used_by.is_empty() {
        true => unknown(),
        false => clean_line(&image.used_by.join(", ")).into_owned(),
    };
    if columns.kind > 0 {
        let kind = image.kind.as_deref().map_or_else(unknown, |kind| clean_line(kind).into_owned());
        spans.push(Span::styled(format!("  {}", fit(&kind, columns.kind)), theme.dim));
    }
    spans.push(Span::styled(format!("  {}", fit_right(&size, columns.size)), theme.text));
    if columns.added > 0 {
        spans.push(Span::styled(format!("  {}", fit(&added, columns.added)), theme.dim));
    }
    if columns.checked > 0 {
        let style = if image.checked.is_some() { theme.good } else { theme.dim };
        spans.push(Span::styled(format!("  {}", fit(&checked, columns.checked)), style));
    }
    if columns.used > 0 {
        let style = if image.used_by.is_empty() { theme.dim } else { theme.text };
        spans.push(Span::styled(format!("  {}", fit(&used, columns.used)), style));
    }
    if columns.source > 0 {
        let source = image.source.as_deref().map_or_else(unknown, |source| clean_line(source).into_owned());
        spans.push(Span::styled(format!("  {}", fit(&source, columns.source)), theme.dim));
    }
    match host.stale {
        Some(_) => Line::from(spans).style(theme.dim),
        None => Line::from(spans),
    }
}

/// What to press, or why nothing is known.
fn empty(frame: &mut Frame<'_>, area: Rect, app: &App, theme: &Theme) {
    let hosts: Vec<&HostState> = app.image_hosts().collect();
    let fetch = app.settings.keymap.first(Action::ImageFetch);
    let text = match hosts.as_slice() {
        [] => "No host is configured.".to_owned(),
        [one] if one.images.is_none() => match &one.link {
            Link::Up(capabilities) => match capabilities.check(crate::domain::Op::ListImages) {
                Err(why) => format!("{} shows no images: {why}.", one.id()),
                Ok(()) => "Reading the images.".to_owned(),
            },
            Link::Connecting => "Connecting.".to_owned(),
            Link::Asks(_) => format!("{} waits for an answer.", one.id()),
            Link::Down { error, .. } => format!("{} is down: {error}", one.id()),
        },
        hosts if hosts.iter().all(|h| h.images.is_none()) => "The images of no host are known yet.".to_owned(),
        _ => format!("No images yet.  {fetch} fetches one from a server, or takes a file"),
    };
    for (line, row) in wrap(&text, area.width).into_iter().zip(area.rows().skip(1)) {
        Line::styled(line, theme.dim).render(row, frame.buffer_mut());
    }
}
