use crate::{
    domain::{PowerState, Stamp, span},
    ui::Theme,
};
use ratatui::style::Style;

/// The mark and the style of a power state.
pub(crate) fn power(theme: &Theme, state: PowerState) -> (&'static str, Style) {
    let (glyph, ascii, style) = match state {
        PowerState::Running => ("●", "*", theme.good),
        PowerState::Off => ("○", "-", theme.dim),
        PowerState::Starting => ("◐", ">", theme.accent),
        PowerState::Stopping => ("◑", "<", theme.warning),
        PowerState::Paused => ("‖", "=", theme.warning),
        PowerState::Blocked => ("!", "!", theme.bad),
        PowerState::Unknown => ("?", "?", theme.warning),
    };
    (if theme.ascii { ascii } else { glyph }, style)
}

/// How long a machine has run, in minutes at the finest: what changes each second is sent each second.
pub(crate) fn uptime(now: Stamp, started: Stamp) -> String {
    match now.since(started) {
        time if time.as_secs() < 60 => "<1m".to_owned(),
        time if time.as_secs() < 600 => format!("{}m", time.as_secs() / 60),
        time => span(time),
    }
}
