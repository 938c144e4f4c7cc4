//! The settings of a machine: by the class where the server still has them, else by commands of the dispatcher.
use super::{Sysadm, jobs::State, names, session::Way, sizes, wire};
use crate::{
    backend::Properties,
    domain::{ByteSize, Choice, Error, ErrorKind, FieldKind, FieldSpec, Op, Property, Result, VmId, clean_line},
};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

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
    ("arguments", "bargs", "Arguments of bhyve", Form::Words),
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
            Self::Bit | Self::Yes => match wire::yes(Some(&Value::from(value))) {
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
pub(super) fn is_same(found: &str, wanted: &str) -> bool {
    let plain = |text: &str| text.trim().replace(' ', "_");
    let sizes = || found.parse::<ByteSize>().ok().zip(wanted.parse::<ByteSize>().ok());
    plain(found) == plain(wanted) || sizes().is_some_and(|(a, b)| a == b)
}

impl Sysadm {
    /// All that iohyve keeps of a machine.
    async fn values(&self, vm: &VmId) -> Result<BTreeMap<String, String>> {
        let (row, _) = self.row(vm).await?;
        names::check(vm.as_str())?;
        let (_, facts) = self.session()?;
        let mut values = match facts.properties {
            Way::Class => {
                let answer = self.iohyve("getprops", &[("name", vm.as_str())]).await?;
                let found = answer.get(vm.as_str()).and_then(Value::as_object).ok_or_else(|| wire::odd("getprops"))?;
                found.iter().filter_map(|(k, v)| Some((k.clone(), wire::text_of(Some(v))?))).collect()
            }
            Way::Commands => read_all(&self.run(&format!("iohyve getall {vm}")).await?),
            Way::No(why) => return Err(Error::unsupported(Op::ListProperties, why)),
        };
        // The class cuts it at the first blank.
        values.insert("description".to_owned(), row.description);
        Ok(values)
    }

    /// Runs a command through the dispatcher and returns what it wrote.
    async fn run(&self, command: &str) -> Result<String> {
        let (link, _) = self.session()?;
        let id = format!("vmdeck-{}", uuid::Uuid::new_v4());
        let mut state = self.jobs.claim().take(&id);
        let args = Map::from_iter([("action".to_owned(), json!("run")), (id, json!(command))]);
        link.call("rpc", "dispatcher", Value::Object(args)).await?;
        loop {
            if let State::Ended(end) = state.borrow_and_update().clone() {
                return match end.code {
                    Some(0) => Ok(end.log),
                    _ => Err(Error::refused(format_args!("{}: {}", clean_line(command), end.words()))),
                };
            }
            tokio::select! {
                changed = state.changed() => changed.map_err(|_| wire::odd("dispatcher"))?,
                () = link.lost() => return Err(Error::new(ErrorKind::Unreachable, "the connection is gone")),
            }
        }
    }
}

/// What `iohyve getall` writes: a line of its own, then `name   value`.
fn read_all(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().skip_while(|line| line.starts_with("Getting"));
    let pairs = lines.filter_map(|line| line.trim().split_once(char::is_whitespace));
    pairs.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect()
}

impl Properties for Sysadm {
    async fn properties(&self, vm: &VmId) -> Result<Vec<Property>> {
        let values = self.values(vm).await?;
        let property = |(name, key, label, form): &(&'static str, &str, &'static str, Form)| {
            let value = form.read(values.get(*key)?);
            let spec = FieldSpec::new(name, label, form.kind());
            let spec = if matches!(form, Form::Text | Form::Words) { spec.optional() } else { spec };
            Some(Property { spec, value, current: None, read_only: None })
        };
        Ok(KNOWN.iter().filter_map(property).collect())
    }

    async fn set_property(&self, vm: &VmId, name: &str, value: &str) -> Result<()> {
        names::check(vm.as_str())?;
        let known = KNOWN.iter().find(|(own, ..)| *own == name);
        let (_, key, _, form) = known.ok_or_else(|| Error::invalid(format_args!("no property is called {name}")))?;
        let value = form.written(name, value)?;
        let (_, facts) = self.session()?;
        match facts.properties {
            Way::Class => self.iohyve("setprop", &[("name", vm.as_str()), (key, &value)]).await.map(drop),
            Way::Commands if value.contains(['"', '\\']) => {
                Err(Error::invalid(format_args!("{name}: the server takes neither \" nor \\ in a command")))
            }
            Way::Commands => self.run(&format!("iohyve set {vm} \"{key}={value}\"")).await.map(drop),
            Way::No(why) => Err(Error::unsupported(Op::SetProperty, why)),
        }
    }
}
