use super::{CHANGE, Iohyve, names, values};
use crate::{
    backend::Properties,
    domain::{Error, Property, Result, VmId},
};

impl Properties for Iohyve {
    async fn properties(&self, vm: &VmId) -> Result<Vec<Property>> {
        names::check(vm.as_str())?;
        let (row, _) = self.row(vm).await?;
        let mut found = values::read_all(&self.read(&["getall", vm.as_str()]).await?);
        found.insert("description".to_owned(), row.description);
        Ok(values::properties(&found))
    }

    async fn set_property(&self, vm: &VmId, name: &str, value: &str) -> Result<()> {
        names::check(vm.as_str())?;
        let (key, value) = values::written(name, value)?;
        let (_, others) = self.row(vm).await?;
        names::check_meant(vm.as_str(), &others, self.version())?;
        let output = self.shell.run(&["set", vm.as_str(), &format!("{key}={value}")], CHANGE).await?;
        if output.is_success() { Ok(()) } else { Err(Error::refused(super::command::words(&output))) }
    }
}
