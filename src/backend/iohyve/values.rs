//! The settings that iohyve keeps of a machine, and how it writes each.
use super::sizes;
use crate::domain::{ByteSize, Choice, Error, FieldKind, FieldSpec, Property, Result};
use std::collections::BTreeMap;

/// Reads `YES`, `true`, `1` and their opposites.
pub(in crate::backend) fn yes(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "yes" | "true" | "1" => Some(true),
        "no" | "false" | "0" => Some(false),
        _ => None,
    }
}

/// How iohyve writes a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// One word.
    Word,
    /// Any text.
    Text,
    Number,
    Memory,
    /// `1` and `0`.
    Bit,
    /// `YES` and `NO`.
    Yes,
    Loader,
    /// Words that are kept with `_` between them.
    Words,
}

/// Our name, iohyve's name, the name on the screen, its form.
const KNOWN: &[(&str, &str, &str, Form)] = &[
    ("description", "description", "Description", Form::Text),
    ("cpus", "cpu", "CPUs", Form::Number),
    ("memory", "ram", "Memory", Form::Memory),
    ("autostart", "boot", "Autostart", Form::Bit),
    ("persist", "persist", "Restarts after a reboot", Form::Bit),
    ("loader", "loader", "Loader", Form::Loader),
    ("os", "os", "Operating system", Form::Word),
    ("firmware", "fw", "Firmware", Form::Word),
    ("tap", "tap", "Network taps", Form::Word),
    ("network", "net", "Network device", Form::Word),
    ("console", "con", "Console", Form::Word),
    ("arguments", "bargs", "bhyve arguments", Form::Words),
    ("utc", "utc", "Clock in UTC", Form::Yes),
    ("template", "template", "Template", Form::Yes),
    ("vnc", "vnc", "VNC", Form::Yes),
    ("vnc-address", "vnc_ip", "VNC address", Form::Word),
    ("vnc-width", "vnc_w", "VNC width", Form::Number),
    ("vnc-height", "vnc_h", "VNC height", Form::Number),
    ("vnc-wait", "vnc_wait", "VNC waits", Form::Yes),
    ("vnc-tablet", "vnc_tablet", "VNC tablet", Form::Yes),
];

impl Form {
    fn kind(self) -> FieldKind {
        match self {
            Self::Word | Self::Text | Self::Words => FieldKind::Text,
            Self::Number => FieldKind::Number { least: 1, most: 65_535 },
            Self::Memory => FieldKind::Size { least: ByteSize(1 << 20), most: ByteSize(1 << 46) },
            Self::Bit | Self::Yes => FieldKind::Flag,
            Self::Loader => {
                FieldKind::Choice(["bhyveload", "grub-bhyve", "uefi"].map(|name| Choice::new(name, "")).to_vec())
            }
        }
    }

    fn read(self, value: &str) -> String {
        match self {
            Self::Bit | Self::Yes => match yes(value) {
                Some(yes) => if yes { "yes" } else { "no" }.to_owned(),
                None => value.to_owned(),
            },
            _ => value.to_owned(),
        }
    }

    fn written(self, name: &str, value: &str) -> Result<String> {
        let is_yes = value == "yes";
        Ok(match self {
            Self::Bit => if is_yes { "1" } else { "0" }.to_owned(),
            Self::Yes => if is_yes { "YES" } else { "NO" }.to_owned(),
            Self::Memory => sizes::sent(value.parse().map_err(|why| Error::invalid(format_args!("{name}: {why}")))?),
            Self::Word if value.contains(char::is_whitespace) => {
                return Err(Error::invalid(format_args!("{name}: iohyve cuts it at the first blank: write one word")));
            }
            Self::Text if value.contains("VMM") => {
                return Err(Error::invalid(format_args!(
                    "{name}: with `VMM` in it the machine vanishes from the list"
                )));
            }
            Self::Words => value.split_whitespace().collect::<Vec<_>>().join("_"),
            _ => value.to_owned(),
        })
    }
}

/// Whether iohyve's value is the one that was asked for: it writes sizes and blanks in its own way.
pub(in crate::backend) fn is_same(found: &str, wanted: &str) -> bool {
    let plain = |text: &str| text.trim().replace(' ', "_");
    let sizes = || found.parse::<ByteSize>().ok().zip(wanted.parse::<ByteSize>().ok());
    plain(found) == plain(wanted) || sizes().is_some_and(|(a, b)| a == b)
}

/// What `iohyve getall` writes: a line of its own, then `name   value`.
pub(in crate::backend) fn read_all(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().skip_while(|line| line.starts_with("Getting"));
    let pairs = lines.filter_map(|line| line.trim().split_once(char::is_whitespace));
    pairs.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect()
}

/// The settings that are known, of all that there are.
pub(in crate::backend) fn properties(values: &BTreeMap<String, String>) -> Vec<Property> {
    let property = |(name, key, label, form): &(&'static str, &str, &'static str, Form)| {
        let value = form.read(values.get(*key)?);
        let spec = FieldSpec::new(name, label, form.kind());
        let spec = if matches!(form, Form::Text | Form::Words) { spec.optional() } else { spec };
        Some(Property { spec, value, current: None, read_only: None })
    };
    KNOWN.iter().filter_map(property).collect()
}

/// iohyve's own name of the setting `name`, and the value as iohyve writes it.
pub(in crate::backend) fn written(name: &str, value: &str) -> Result<(&'static str, String)> {
    let known = KNOWN.iter().find(|(own, ..)| *own == name);
    let (_, key, _, form) = known.ok_or_else(|| Error::invalid(format_args!("no property is called {name}")))?;
    Ok((key, form.written(name, value)?))
}
