//! Requests to methods, exhaustively; and what must be read before a change can be judged.
use super::{Backend, Call, Console};
use crate::domain::{
    DiskKind, Error, ErrorKind, Expect, NodeExpect, Op, Reply, Request, Result, SizeChange, VmId, check_config_key,
    check_fields, check_unchanged, check_vm_name, clean_line, merge_changes, subnet_fields,
};

/// A request that passed the guards, and what it should bring about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    pub request: Request,
    pub expect: Expect,
}

/// Reads what the guards need and applies them, before anything is changed: a growth must grow, answers must fit
/// their fields, a property's value its rule.
pub async fn prepare<B: Backend>(backend: &B, request: Request) -> Result<Prepared> {
    let mut expect = request.expects();
    let request = match request {
        Request::ResizeDisk { vm, disk, size } => {
            let found = backend.disk(&vm, &disk).await?;
            let found = found.ok_or_else(|| Error::not_found(format_args!("{vm} has no disk called {disk}")))?;
            if found.kind == DiskKind::Cdrom {
                return Err(Error::invalid(format_args!("disk: {disk} is a CD drive: only disks grow")));
            }
            let from = found.virtual_size;
            let from = from.ok_or_else(|| Error::conflict(format_args!("the size of {disk} is unknown")))?;
            let plan = size.plan(from).map_err(|why| Error::invalid(format_args!("size: {why}")))?;
            expect = Expect::DiskSize { vm: vm.clone(), disk: disk.clone(), plan };
            Request::ResizeDisk { vm, disk, size: SizeChange::To(plan.to) }
        }
        Request::AddDisk { vm, values } => {
            let values = check_fields(&backend.add_disk_form(&vm).await?, &values)?;
            let before = backend.disks(&vm).await?.into_iter().map(|d| d.id).collect();
            expect = Expect::NewDisk { vm: vm.clone(), before, named: None };
            Request::AddDisk { vm, values }
        }
        Request::Create { values } => Request::Create { values: check_fields(&backend.create_form().await?, &values)? },
        Request::SetUp { values } => Request::SetUp { values: check_fields(&backend.set_up_form().await?, &values)? },
        Request::SetProperty { vm, name, value } => {
            let properties = backend.properties(&vm).await?;
            let known = || properties.iter().map(|p| p.spec.name).collect::<Vec<_>>().join(", ");
            let property = properties
                .iter()
                .find(|p| p.spec.name == name)
                .ok_or_else(|| Error::invalid(format_args!("no property is called `{name}`: there are {}", known())))?;
            if let Some(why) = &property.read_only {
                return Err(Error::conflict(format_args!("{name} cannot be changed: {why}")));
            }
            property.spec.check(&value).map_err(|why| Error::invalid(format_args!("{name}: {why}")))?;
            Request::SetProperty { vm, name, value }
        }
        Request::Rename { vm, name } => {
            free_name(backend, &name).await?;
            Request::Rename { vm, name }
        }
        Request::Clone { vm, name } => {
            free_name(backend, &name).await?;
            Request::Clone { vm, name }
        }
        Request::TakeSnapshot { vm, name } => {
            check_vm_name(&name).map_err(|why| Error::invalid(format_args!("name: {why}")))?;
            if has_snapshot(backend, &vm, &name).await? {
                return Err(Error::conflict(format_args!("{vm} has a snapshot called {name} already")));
            }
            Request::TakeSnapshot { vm, name }
        }
        Request::RevertSnapshot { vm, snapshot } => {
            known_snapshot(backend, &vm, &snapshot).await?;
            Request::RevertSnapshot { vm, snapshot }
        }
        Request::RemoveSnapshot { vm, snapshot } => {
            known_snapshot(backend, &vm, &snapshot).await?;
            Request::RemoveSnapshot { vm, snapshot }
        }
        Request::Define { vm, before, text } => {
            backend.check_description(&vm, before.as_deref(), &text).await?;
            Request::Define { vm, before, text }
        }
        Request::AddNode { values } => {
            let values = check_fields(&backend.node_form(None).await?, &values)?;
            expect = Expect::Node(NodeExpect::Present(values.get("id").cloned().unwrap_or_default().into()));
            Request::AddNode { values }
        }
        Request::UpdateNode { node, before, values } => {
            let (before, values) = merge_changes(&backend.node_form(Some(&node)).await?, &before, &values)?;
            let touched = values.iter().filter(|(name, value)| before.get(*name) != Some(value));
            let touched = touched.map(|(name, value)| (name.clone(), value.clone())).collect();
            expect = Expect::Node(NodeExpect::Is { node: node.clone(), values: touched });
            Request::UpdateNode { node, before, values }
        }
        Request::SetConfig { node, key, before, value } => {
            check_config_key(&key).map_err(|why| Error::invalid(format_args!("key: {why}")))?;
            if before.is_some() {
                let now = backend.node(&node).await?.config.remove(&key).unwrap_or_default();
                check_unchanged(&key, before.as_deref(), &now, &value)?;
            }
            Request::SetConfig { node, key, before, value }
        }
        Request::SetSubnet { node, subnet, before, bridge } => {
            let values = [("subnet".to_owned(), subnet.clone()), ("bridge".to_owned(), bridge.clone())];
            check_fields(&subnet_fields(), &values.into())?;
            if before.is_some() {
                let now = backend.node(&node).await?.subnets.remove(&subnet).unwrap_or_default();
                check_unchanged("bridge", before.as_deref(), &now, &bridge)?;
            }
            Request::SetSubnet { node, subnet, before, bridge }
        }
        other => other,
    };
    Ok(Prepared { request, expect })
}

/// A new name of a machine: right, and nobody's.
async fn free_name<B: Backend>(backend: &B, name: &str) -> Result<()> {
    check_vm_name(name).map_err(|why| Error::invalid(format_args!("name: {why}")))?;
    match backend.find(&name.into()).await {
        Ok(_) => Err(Error::conflict(format_args!("there is a machine called {name} already"))),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

async fn has_snapshot<B: Backend>(backend: &B, vm: &VmId, name: &str) -> Result<bool> {
    Ok(backend.snapshots(vm).await?.iter().any(|snapshot| snapshot.name == name))
}

async fn known_snapshot<B: Backend>(backend: &B, vm: &VmId, name: &str) -> Result<()> {
    if has_snapshot(backend, vm, name).await? {
        return Ok(());
    }
    let name = clean_line(name);
    Err(Error::not_found(format_args!("{vm} has no snapshot called {name}")))
}

/// Calls the method that `request` names. A [`Request::ResizeDisk`] must have gone through [`prepare`], whose
/// `expect` carries the plan.
pub async fn dispatch<B: Backend>(backend: &B, prepared: &Prepared, call: Call) -> Result<Reply> {
    let done = |()| Reply::Done;
    let told = |told: Option<String>| told.map_or(Reply::Done, Reply::Remark);
    match &prepared.request {
        Request::List => Ok(Reply::Vms(backend.inventory(false).await?.vms.unwrap_or_default())),
        Request::Show(vm) => backend.find(vm).await.map(|vm| Reply::Vm(Box::new(vm))),
        Request::Start(vm) => backend.start(vm).await.map(done),
        Request::ShutDown(vm) => backend.shut_down(vm).await.map(done),
        Request::PowerOff(vm) => backend.power_off(vm).await.map(done),
        Request::Reset(vm) => backend.reset(vm).await.map(done),
        Request::Reboot(vm) => backend.reboot(vm).await.map(|told| told.map_or(Reply::Done, Reply::Taken)),
        Request::Save(vm) => backend.save(vm, call).await.map(done),
        Request::Pause(vm) => backend.pause(vm).await.map(done),
        Request::Resume(vm) => backend.resume(vm).await.map(done),
        Request::Migrate { vm, to, copy_disks } => backend.migrate(vm, to, *copy_disks, call).await.map(told),
        Request::Create { values } => backend.create(values, call).await.map(done),
        Request::Rename { vm, name } => backend.rename(vm, name).await.map(done),
        Request::Clone { vm, name } => backend.clone_machine(vm, name, call).await.map(done),
        Request::Delete { vm, keep_disks } => backend.delete(vm, *keep_disks).await.map(told),
        Request::Install { vm, image } => backend.install(vm, image).await.map(told),
        Request::InsertImage { vm, image } => backend.insert_image(vm, image).await.map(done),
        Request::EjectImage { vm } => backend.eject_image(vm).await.map(done),
        Request::ListDisks(vm) => backend.disks(vm).await.map(Reply::Disks),
        Request::AddDisk { vm, values } => backend.add_disk(vm, values, call).await.map(Reply::DiskAdded),
        Request::ResizeDisk { vm, disk, .. } => match &prepared.expect {
            Expect::DiskSize { plan, .. } => backend.resize_disk(vm, disk, *plan).await.map(done),
            _ => Err(Error::invalid("the size was not compared with the disk's")),
        },
        Request::RemoveDisk { vm, disk, delete } => backend.remove_disk(vm, disk, *delete).await.map(told),
        Request::ListSnapshots(vm) => backend.snapshots(vm).await.map(Reply::Snapshots),
        Request::TakeSnapshot { vm, name } => backend.take_snapshot(vm, name).await.map(done),
        Request::RevertSnapshot { vm, snapshot } => backend.revert_snapshot(vm, snapshot).await.map(done),
        Request::RemoveSnapshot { vm, snapshot } => backend.remove_snapshot(vm, snapshot).await.map(done),
        Request::ListProperties(vm) => backend.properties(vm).await.map(Reply::Properties),
        Request::SetProperty { vm, name, value } => backend.set_property(vm, name, value).await.map(done),
        Request::ShowDescription(vm) => backend.description(vm).await.map(Reply::Description),
        Request::CheckDescription { vm, before, text } => {
            backend.check_description(vm, Some(before), text).await.map(done)
        }
        Request::Define { vm, text, .. } => backend.define(vm, text).await.map(done),
        Request::OpenConsole(vm) => Ok(match backend.open_console(vm).await? {
            Console::Unix { socket, history } => Reply::Console { socket, history },
            Console::Program { program, leave } => Reply::ConsoleProgram { line: program.shown(), leave },
        }),
        Request::ListImages => backend.images().await.map(Reply::Images),
        Request::ProbeImage { url } => backend.probe_image(url).await.map(Reply::Probed),
        Request::FetchImage { url, name } => backend.fetch_image(url, name.as_deref(), call).await.map(Reply::Fetched),
        Request::PauseFetch { image } => backend.pause_fetch(image).await.map(done),
        Request::CancelFetch { image } => backend.cancel_fetch(image).await.map(done),
        Request::ResumeFetch { image } => backend.resume_fetch(image, call).await.map(Reply::Fetched),
        Request::ListFetches => backend.fetches().await.map(Reply::Fetches),
        Request::RenameImage { image, name } => backend.rename_image(image, name).await.map(done),
        Request::RemoveImage { image } => backend.remove_image(image).await.map(done),
        Request::ListNodes => Ok(Reply::Nodes(backend.inventory(false).await?.nodes.unwrap_or_default())),
        Request::ShowNode(node) => backend.node(node).await.map(|report| Reply::Node(Box::new(report))),
        Request::AddNode { values } => backend.add_node(values).await.map(done),
        Request::UpdateNode { before, values, .. } if before == values => Ok(Reply::Done),
        Request::UpdateNode { node, before, values } => backend.update_node(node, before, values).await.map(done),
        Request::RemoveNode(node) => backend.remove_node(node).await.map(done),
        Request::SetConfig { node, key, before, value } => {
            backend.set_config(node, key, before.as_deref(), value).await.map(done)
        }
        Request::SetSubnet { node, subnet, before, bridge } => {
            backend.set_subnet(node, subnet, before.as_deref(), bridge).await.map(done)
        }
        Request::RemoveSubnet { node, subnet } => backend.remove_subnet(node, subnet).await.map(done),
        Request::NodeForm(node) => backend.node_form(node.as_ref()).await.map(Reply::Form),
        Request::CheckSetup => backend.check_setup().await.map(Reply::Setup),
        Request::SetUp { values } => backend.set_up(values, call).await.map(done),
        Request::Form { op, vm } => match (op, vm) {
            (Op::Create, _) => backend.create_form().await.map(Reply::Form),
            (Op::SetUp, _) => backend.set_up_form().await.map(Reply::Form),
            (Op::AddDisk, Some(vm)) => backend.add_disk_form(vm).await.map(Reply::Form),
            _ => Err(Error::invalid(format_args!("{} asks for no form", op.name()))),
        },
    }
}
