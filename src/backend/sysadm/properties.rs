//! The settings of a machine: by the class where the server still has them, else by commands of the dispatcher.
use super::{
    Sysadm,
    allowed::Way,
    jobs::{OWN, State},
    missing, names,
    values::{self, read_all},
    wire,
};
use crate::{
    backend::Properties,
    domain::{Error, ErrorKind, Op, Property, Result, VmId, clean_line},
};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

impl Sysadm {
    /// All that iohyve keeps of a machine.
    async fn values(&self, vm: &VmId) -> Result<BTreeMap<String, String>> {
        let (row, _) = self.row(vm).await?;
        names::check(vm.as_str())?;
        let session = self.session()?;
        let mut values = match session.facts.properties {
            Way::Class => {
                let answer = self.iohyve("getprops", &[("name", vm.as_str())]).await?;
                let found = answer.get(vm.as_str()).and_then(Value::as_object).ok_or_else(|| wire::odd("getprops"))?;
                found.iter().filter_map(|(k, v)| Some((k.clone(), wire::text_of(Some(v))?))).collect()
            }
            Way::Commands => read_all(&self.run(&format!("iohyve getall {vm}")).await?),
            Way::No(why) => return Err(Error::unsupported(Op::ListProperties, why)),
        };
        // A machine that has gone meanwhile is answered with an error text, taken for settings.
        if !["cpu", "ram"].iter().any(|key| values.contains_key(*key)) {
            return Err(missing(vm));
        }
        // The class cuts it at the first blank.
        values.insert("description".to_owned(), row.description);
        Ok(values)
    }

    /// Runs a command through the dispatcher and returns what it wrote.
    async fn run(&self, command: &str) -> Result<String> {
        let link = self.session()?.link.clone();
        let id = format!("{OWN}{}", uuid::Uuid::new_v4());
        let mut state = self.jobs.claim().take(&id);
        let args = Map::from_iter([("action".to_owned(), json!("run")), (id, json!(command))]);
        self.call("rpc", "dispatcher", Value::Object(args)).await?;
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

impl Properties for Sysadm {
    async fn properties(&self, vm: &VmId) -> Result<Vec<Property>> {
        self.check(Op::ListProperties)?;
        let values = self.values(vm).await?;
        Ok(values::properties(&values))
    }

    async fn set_property(&self, vm: &VmId, name: &str, value: &str) -> Result<()> {
        self.check(Op::SetProperty)?;
        names::check(vm.as_str())?;
        let (key, value) = values::written(name, value)?;
        let session = self.session()?;
        match session.facts.properties {
            Way::Class => self.iohyve("setprop", &[("name", vm.as_str()), (key, &value)]).await.map(drop),
            Way::Commands if value.contains(['"', '\\']) => {
                Err(Error::invalid(format_args!("{name}: the server takes neither \" nor \\ in a command")))
            }
            Way::Commands => self.run(&format!("iohyve set {vm} \"{key}={value}\"")).await.map(drop),
            Way::No(why) => Err(Error::unsupported(Op::SetProperty, why)),
        }
    }
}
