//! The hosts as chips: ` vmdeck   ● local 3/7   ◌ hv2 connecting   ○ bsd1 down: refused, again in 8 s`.
use super::{
    Theme,
    widget::{cut, put},
};
use crate::{
    app::{App, HostState},
    domain::{Link, Stamp, span},
};
use ratatui::{
    Frame,
    layout::Rect,
    style::Style,
    text::{Line, Span},
};

pub(super) fn render(frame: &mut Frame<'_>, area: Rect, app: &App, theme: &Theme) {
    let mut line = Line::from(Span::styled(" vmdeck ", theme.title));
    let total = app.hosts.len();
    for (i, host) in app.hosts.iter().enumerate() {
        let used = u16::try_from(line.width()).unwrap_or(u16::MAX);
        let left = area.width.saturating_sub(used);
        let more = format!("  + {} more", total - i);
        let (glyph, style, text) = chip(host, app.now(), theme);
        let others = u16::try_from((total - i - 1).min(1) * (more.len() + 2)).unwrap_or(0);
        if left < 14 + others {
            line.push_span(Span::styled(cut(&more, left), theme.dim));
            break;
        }
        line.push_span(Span::raw("  "));
        line.push_span(Span::styled(glyph, style));
        // A chip leaves room for those that follow.
        let rest = u16::try_from(total - i).unwrap_or(1).max(1);
        let room = if rest == 1 { left - 4 } else { (left / rest).max(24).min(left - 4 - others) };
        line.push_span(Span::raw(format!(" {}", cut(&text, room.saturating_sub(1)))));
    }
    put(frame.buffer_mut(), area, &line);
}

/// The mark of a host's link, its style, and what is told of it.
pub(super) fn chip(host: &HostState, now: Stamp, theme: &Theme) -> (&'static str, Style, String) {
    let id = host.id();
    let (fine, plain, style, text) = match &host.link {
        Link::Connecting => ("◌", "~", theme.accent, format!("{id} connecting")),
        Link::Up(c) if c.is_set_up == Some(false) => ("○", "-", theme.warning, format!("{id} is not set up")),
        Link::Up(_) if host.stale.is_some() => ("◍", "!", theme.warning, format!("{id} does not answer")),
        Link::Up(_) if !host.listed => ("●", "*", theme.good, format!("{id} reading")),
        // Such a host does not tell whether its guests run.
        Link::Up(_) if host.keeps_nodes() => {
            let several = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
            let (nodes, guests) = (several(host.nodes().len(), "node"), host.counts().1);
            let guests = if guests > 0 { format!(", {}", several(guests, "guest")) } else { String::new() };
            ("●", "*", theme.good, format!("{id} {nodes}{guests}"))
        }
        Link::Up(_) => {
            let (running, all) = host.counts();
            ("●", "*", theme.good, format!("{id} {running}/{all}"))
        }
        Link::Asks(_) => ("?", "?", theme.warning, format!("{id} asks")),
        Link::Down { error, retry_at } => {
            let again = retry_at.map(|at| again(now, at)).unwrap_or_default();
            ("○", "-", theme.bad, format!("{id} down: {}{again}", reason(&error.message, &host.host.address)))
        }
    };
    (if theme.ascii { plain } else { fine }, style, text)
}

/// What went wrong, without the server's name before it: that stands beside or above, and the reason must not be cut for
/// its sake.
fn reason<'a>(message: &'a str, address: &str) -> &'a str {
    let named = |(shown, _): &(&str, &str)| {
        let server = shown.rsplit_once(':').map_or("", |(server, _)| server);
        !server.is_empty() && !shown.contains(char::is_whitespace) && address.contains(server)
    };
    message.split_once(": ").filter(named).map_or(message, |(_, reason)| reason)
}

/// When the next try comes: `, again in 8 s`.
pub(super) fn again(now: Stamp, at: Stamp) -> String {
    match now.until(at) {
        time if time.is_zero() => ", trying again".to_owned(),
        time if time.as_secs() < 60 => format!(", again in {} s", time.as_secs().max(1)),
        time => format!(", again in {}", span(time)),
    }
}

#[cfg(test)]
mod tests {
    use super::reason;

    #[test]
    fn a_reason_stands_without_the_server_before_it() {
        let told = |message| reason(message, "https://office.example http://[::1]:7");
        assert_eq!(told("office.example:8090: it does not take this password"), "it does not take this password");
        assert_eq!(told("[::1]:7: nothing listens there"), "nothing listens there");
        assert_eq!(told("key: write cert = \"/file\" too"), "key: write cert = \"/file\" too");
        assert_eq!(told("other.example:1: it leads there"), "other.example:1: it leads there");
        assert_eq!(told("refused"), "refused");
    }
}
