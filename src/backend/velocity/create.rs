//! A new machine. A server that refuses one halfway keeps what is left of it in its list for ever, so all that it looks
//! at is looked at here before.
use super::{
    Velocity,
    client::Said,
    connect::{CREATE, described},
    images::{LIST, name},
    locked,
    wire::{HostNic, Medium},
};
use crate::{
    domain::{ByteSize, Choice, Error, ErrorKind, FieldKind, FieldSpec, Result, Values, VmId},
    transport::http::Method,
};
use serde_json::{Value, json};
use std::sync::Arc;

/// The sizes of a screen that are offered: width, height, points per inch.
const SCREENS: [(&str, u32, u32, u32); 4] = [
    ("1024x768", 1024, 768, 80),
    ("1280x800", 1280, 800, 80),
    ("1920x1080", 1920, 1080, 80),
    ("2560x1440", 2560, 1440, 110),
];
/// What a list of the host's NICs needs.
const NICS: &str = "velocity.nic.list";
const NONE: &str = "none";
const NAT: &str = "nat";

/// What the form offers, and what its answers are compared with.
struct Offer {
    catalogue: Arc<super::catalogue::Catalogue>,
    /// Each medium with its name and the group that has it.
    media: Vec<(String, i64, Medium)>,
    nics: Vec<HostNic>,
}

fn bridge(nic: &HostNic) -> String {
    if nic.identifier.is_empty() { format!("bridge-{}", nic.nicid) } else { format!("bridge-{}", nic.identifier) }
}

impl Offer {
    fn fields(&self) -> Vec<FieldSpec> {
        let groups = &self.catalogue.groups;
        let may = |gid: i64| groups.may(gid, CREATE);
        let names: Vec<_> =
            groups.iter().filter(|g| may(g.gid)).map(|g| Choice::new(&groups.name(g.gid), "")).collect();
        let usable = || self.media.iter().filter(|(_, gid, _)| may(*gid));
        let with_media = usable().map(|(_, gid, _)| groups.name(*gid)).next();
        let first = with_media.or_else(|| names.first().map(|choice| choice.value.clone())).unwrap_or_default();
        let media = |name: &'static str, label: &'static str, is_iso: bool| {
            let own = || usable().filter(|(.., medium)| medium.is_iso() == is_iso);
            let choice =
                |(name, gid, medium): &(String, i64, Medium)| Choice::new(name, &medium.kind).within(groups.name(*gid));
            let what = if is_iso { "image" } else { "disk" };
            let nothing = match own().next() {
                _ if !groups.may_anywhere(LIST) => format!("this user sees no media ({LIST} in no group)"),
                Some(_) => {
                    format!("this group has no {what}: choose another group, or upload one to the server for it")
                }
                None => format!("no group has an uploaded {what}: upload one to the server first, or do without"),
            };
            FieldSpec::new(name, label, FieldKind::Choice(own().map(choice).collect())).chosen_by("group", nothing)
        };
        let modes = [
            Choice::new("virtio", ""),
            Choice::new("usb", ""),
            Choice::new("block", "documented; servers of today refuse it"),
        ];
        let nat = [Choice::new(NAT, "behind the host's address"), Choice::new(NONE, "")];
        let nics = nat.into_iter().chain(self.nics.iter().map(|nic| Choice::new(&bridge(nic), &described(nic))));
        let bridged = match (self.nics.is_empty(), groups.may_anywhere(NICS)) {
            (false, _) => "a bridge joins the network of that NIC of the host",
            (true, true) => "the server lends no NIC of its host: no bridges",
            (true, false) => "this user sees no NICs of the host (velocity.nic.list in no group): no bridges",
        };
        let screens = SCREENS.iter().map(|(name, ..)| Choice::new(name, "")).chain([Choice::new(NONE, "")]);
        let size = FieldKind::Size { least: ByteSize(1 << 20), most: ByteSize(1 << 45) };
        vec![
            FieldSpec::new("name", "Name", FieldKind::VmName),
            FieldSpec::new("group", "Group", FieldKind::Choice(names)).default(first).help("whose media it may use"),
            FieldSpec::new("cpus", "CPUs", FieldKind::Number { least: 1, most: 256 })
                .default("2")
                .help("a machine with more than its Mac has is never loaded"),
            FieldSpec::new("memory", "Memory", size).default("4G").help("whole MiB"),
            media("disk", "Disk", false).optional().help("a medium of the group"),
            FieldSpec::new("mode", "Attached by", FieldKind::Choice(modes.to_vec())).default("virtio"),
            media("image", "Image", true).optional().help("read-only, by USB"),
            FieldSpec::new("network", "Network", FieldKind::Choice(nics.collect())).default(NAT).help(bridged),
            FieldSpec::new("screen", "Screen", FieldKind::Choice(screens.collect())).default("1280x800"),
            FieldSpec::new("rosetta", "Rosetta", FieldKind::Flag).default("no").help("runs programs for x86"),
            FieldSpec::new("autostart", "Autostart", FieldKind::Flag).default("no").help("with the server"),
        ]
    }

    /// A medium by its name, if it is of this group.
    fn medium(&self, field: &str, wanted: &str, gid: i64) -> Result<Option<&Medium>> {
        if wanted.is_empty() {
            return Ok(None);
        }
        let found = self.media.iter().find(|(name, of, _)| name == wanted && *of == gid);
        let elsewhere = || {
            let group = self.catalogue.groups.name(gid);
            Error::invalid(format_args!("{field}: {wanted} is no medium of the group {group}"))
        };
        found.map(|(.., medium)| Some(medium)).ok_or_else(elsewhere)
    }

    /// The request, for both names that a list of media has.
    fn request(&self, values: &Values) -> Result<(i64, Value)> {
        let value = |key: &str| values.get(key).map(String::as_str).unwrap_or_default();
        let wrong = |what: &str| Error::invalid(format_args!("{what}: `{}` is none of the choices", value(what)));
        let gid = self.catalogue.groups.named(value("group")).ok_or_else(|| wrong("group"))?;
        // A server that is sent a negative number is gone: both are at least 1 here.
        let cpus: u32 = value("cpus").parse().map_err(|_| wrong("cpus"))?;
        let memory: ByteSize = value("memory").parse().map_err(|why| Error::invalid(format_args!("memory: {why}")))?;
        if cpus == 0 || memory.0 < 1 << 20 || !memory.0.is_multiple_of(1 << 20) {
            return Err(Error::invalid(format_args!("memory: `{}`: a number of whole MiB", value("memory"))));
        }
        let attached = |medium: &Medium, mode: &str, read_only: bool| json!({"mid": medium.mid, "mode": mode, "readonly": read_only || medium.is_read_only});
        let disk = self.medium("disk", value("disk"), gid)?;
        let image = self.medium("image", value("image"), gid)?;
        let disk = disk.map(|medium| attached(medium, &value("mode").to_uppercase(), false));
        let media: Vec<_> = disk.into_iter().chain(image.map(|medium| attached(medium, "USB", true))).collect();
        let nic = match value("network") {
            NONE => None,
            NAT => Some(json!({"type": "NAT"})),
            other => {
                let nic = self.nics.iter().find(|nic| bridge(nic) == other).ok_or_else(|| wrong("network"))?;
                Some(json!({"type": "BRIDGE", "host": nic.nicid}))
            }
        };
        let screen = SCREENS.iter().find(|(name, ..)| *name == value("screen"));
        let screen = screen.map(|(_, w, h, ppi)| json!({"name": "screen", "width": w, "height": h, "ppi": ppi}));
        let body = json!({
            "name": value("name"),
            "gid": gid,
            "cpus": cpus,
            "memory_mib": memory.0 >> 20,
            "displays": screen.into_iter().collect::<Vec<_>>(),
            "media": media,
            "disks": media,
            "nics": nic.into_iter().collect::<Vec<_>>(),
            "rosetta": value("rosetta") == "yes",
            "autostart": value("autostart") == "yes",
        });
        Ok((gid, body))
    }
}

impl Velocity {
    async fn offer(&self) -> Result<Offer> {
        let session = self.session()?;
        let catalogue = self.read_catalogue(None).await?;
        let (by_group, nics) =
            tokio::join!(self.media_by_group(&catalogue), session.client.read("/v/nic/list", json!({})));
        let by_group = by_group?;
        let all = locked(&session.media).clone();
        let of_group = |(gid, media): (i64, Vec<Medium>)| {
            media.into_iter().map(|medium| (name(&medium, &all), gid, medium)).collect::<Vec<_>>()
        };
        let media = by_group.into_iter().flat_map(of_group).collect();
        let nics = nics.and_then(|answer| super::wire::nics(&answer)).unwrap_or_else(|_| session.nics.clone());
        Ok(Offer { catalogue, media, nics })
    }

    pub(super) async fn form(&self) -> Result<Vec<FieldSpec>> {
        Ok(self.offer().await?.fields())
    }

    /// Makes a machine, sent once: a name is free in its group, and all that the request names is there.
    pub(super) async fn make(&self, values: &Values) -> Result<()> {
        let offer = self.offer().await?;
        let (gid, body) = offer.request(values)?;
        let wanted = values.get("name").cloned().unwrap_or_default();
        let is_called_so = offer.catalogue.entries.contains_key(&VmId::from(wanted.as_str()));
        if is_called_so || offer.catalogue.has(gid, &wanted) {
            return Err(Error::conflict(format_args!("a machine is called {wanted} already")));
        }
        let session = self.session()?;
        match session.client.ask(Method::PUT, "/v/vm/efi", body).await? {
            Said::Yes(_) => Ok(()),
            Said::No(refusal) => {
                let error = refusal.error("/v/vm/efi");
                // What is left of it cannot be deleted: then the person should know.
                let left = self.read_catalogue(None).await.is_ok_and(|catalogue| catalogue.has(gid, &wanted));
                if !left {
                    return Err(error);
                }
                let why = format_args!(
                    "{}; the server kept a part of {wanted} all the same, which Velocity cannot delete: take another name",
                    error.message
                );
                Err(Error::new(ErrorKind::Differs, why))
            }
        }
    }
}
