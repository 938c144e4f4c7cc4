use crate::input::KeyMap;
use jiff::tz::TimeZone;

/// What the configuration says about the application: plain values.
#[derive(Clone, Debug)]
pub struct Settings {
    pub keymap: KeyMap,
    /// Only ASCII characters in borders and marks.
    pub ascii: bool,
    /// Ring the terminal's bell when a task that took long has ended.
    pub bell: bool,
    /// Have the terminal show a notice (OSC 9) then.
    pub notice: bool,
    /// Where the configuration is, or would be, for the first screen.
    pub config_path: String,
    /// The zone of the times on the screen.
    pub zone: TimeZone,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            keymap: KeyMap::default(),
            ascii: false,
            bell: false,
            notice: false,
            config_path: String::new(),
            zone: TimeZone::UTC,
        }
    }
}
