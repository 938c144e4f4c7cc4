//! A SysAdm server made ready: what is asked, what is offered, and how it becomes known.
use crate::support::{
    fake_iohyve::Face,
    fake_sysadm::{FakeSysadm, sysadm},
};
use tokio::sync::mpsc;
use vmdeck::{
    backend::{Backend, Call, Disks, Setup, dispatch, prepare, sysadm::Sysadm},
    domain::{ErrorKind, FieldKind, FieldSpec, HostEvent, Reply, Request, Result, Values, Verdict},
};

struct Stage {
    server: FakeSysadm,
    sysadm: Sysadm,
    events: mpsc::Receiver<HostEvent>,
}

impl Stage {
    /// A server that nobody has set up, with these pools.
    async fn bare(face: Face, pools: Option<&[&'static str]>) -> Self {
        let server = FakeSysadm::new(face).await;
        server.world().iohyve.bare();
        server.world().pools = pools.map(<[_]>::to_vec);
        let sysadm = sysadm(&server.url());
        let (sink, events) = mpsc::channel(64);
        assert_eq!(sysadm.connect(sink).await.unwrap().is_set_up, Some(false));
        Self { server, sysadm, events }
    }

    async fn set_up(&self, pairs: &[(&str, &str)]) -> Result<Verdict> {
        let values: Values = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let prepared = prepare(&self.sysadm, Request::SetUp { values }).await?;
        dispatch(&self.sysadm, &prepared, Call::new().0).await?;
        Ok(self.sysadm.look(&prepared.expect).await)
    }

    async fn refused(&self, pairs: &[(&str, &str)], kind: ErrorKind, words: &str) {
        let error = self.set_up(pairs).await.unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.message.contains(words), "{error}");
    }

    /// Whether it was told that the host is ready now.
    fn told(&mut self) -> Vec<Option<bool>> {
        let events = std::iter::from_fn(|| self.events.try_recv().ok());
        let told = events.filter_map(|event| match event {
            HostEvent::Capabilities(now) => Some(now.is_set_up),
            _ => None,
        });
        told.collect()
    }
}

fn choices(field: &FieldSpec) -> Vec<(&str, &str)> {
    let FieldKind::Choice(choices) = &field.kind else { panic!("{field:?}") };
    choices.iter().map(|c| (c.value.as_str(), c.label.as_str())).collect()
}

#[tokio::test]
async fn pools_and_devices_are_those_that_the_server_tells() {
    for face in [Face::Documented, Face::Recorded] {
        let mut stage = Stage::bare(face, Some(&["tank", "zroot"])).await;
        let report = stage.sysadm.check_setup().await.unwrap();
        let [pool, nic] = report.fields.as_slice() else { panic!("{report:?}") };
        assert_eq!(choices(pool), [("tank", "451G free"), ("zroot", "451G free")]);
        let devices = [("em0", "192.168.1.5"), ("re0", "not in use"), ("wlan0", "wireless: it carries no machines")];
        assert_eq!(choices(nic), devices);
        stage.refused(&[("nic", "em0")], ErrorKind::Invalid, "pool: Pool is needed: one of tank, zroot").await;
        stage.refused(&[("pool", "tonk"), ("nic", "em0")], ErrorKind::Invalid, "`tonk`: one of tank, zroot").await;
        assert_eq!(stage.server.count("setup"), 0);
        assert_eq!(stage.told(), []);
        assert_eq!(stage.set_up(&[("pool", "zroot"), ("nic", "em0")]).await.unwrap(), Verdict::Met(None));
        assert_eq!(stage.told(), [Some(true)]);
        let report = stage.sysadm.check_setup().await.unwrap();
        assert!(report.is_ready() && report.command.is_none() && report.fields.is_empty(), "{report:?}");
    }
}

#[tokio::test]
async fn where_asking_is_not_granted_it_is_typed() {
    let mut stage = Stage::bare(Face::Recorded, None).await;
    let report = stage.sysadm.check_setup().await.unwrap();
    assert!(report.fields.iter().all(|f| f.kind == FieldKind::Text && f.help.contains("type it")), "{report:?}");
    stage.refused(&[("pool", "tank;reboot"), ("nic", "em0")], ErrorKind::Invalid, "pool: `tank;reboot`").await;
    stage.refused(&[("pool", "tank"), ("nic", "-net")], ErrorKind::Invalid, "nic: `-net`").await;
    assert_eq!(stage.server.count("setup"), 0);
    assert_eq!(stage.set_up(&[("pool", "tank"), ("nic", "em0")]).await.unwrap(), Verdict::Met(None));
    assert_eq!(stage.told(), [Some(true)]);
}

#[tokio::test]
async fn a_yes_to_what_was_not_set_up_is_seen_and_it_can_be_done_again() {
    let mut stage = Stage::bare(Face::Recorded, Some(&["tank"])).await;
    // The pool goes between the choice and the setting up.
    stage.server.world().iohyve.lies = vec!["setup"];
    let lie = stage.set_up(&[("pool", "tank"), ("nic", "em0")]).await.unwrap_err();
    assert!(lie.message.contains("said yes, but tank has no place for iohyve"), "{lie}");
    // Another one did as much by hand, and the server believes it.
    stage.server.world().iohyve.is_set_up = true;
    let report = stage.sysadm.check_setup().await.unwrap();
    assert!(!report.is_ready() && report.command.is_some(), "{report:?}");
    assert!(report.items[0].detail.contains("no pool has a place for it"), "{report:?}");
    stage.server.world().iohyve.lies.clear();
    assert_eq!(stage.set_up(&[("nic", "em0")]).await.unwrap(), Verdict::Met(None));
    assert_eq!(stage.told(), [Some(true)]);
}

#[tokio::test]
async fn a_server_that_others_set_up_says_so_when_it_is_read_again() {
    let mut stage = Stage::bare(Face::Recorded, Some(&["tank"])).await;
    stage.sysadm.inventory(false).await.unwrap();
    assert_eq!(stage.told(), []);
    stage.server.world().iohyve.is_set_up = true;
    stage.sysadm.inventory(false).await.unwrap();
    stage.sysadm.inventory(false).await.unwrap();
    assert_eq!(stage.told(), [Some(true)], "once");
    let asked = stage.server.count("issetup");
    stage.sysadm.inventory(false).await.unwrap();
    assert_eq!(stage.server.count("issetup"), asked, "a server that is ready is not asked each time");
    // By hand, without the line that the server looks for: its machines show it.
    let mut stage = Stage::bare(Face::Recorded, None).await;
    stage.server.world().iohyve.add("web", "1G");
    stage.sysadm.inventory(false).await.unwrap();
    assert_eq!(stage.told(), [Some(true)]);
    assert!(stage.sysadm.check_setup().await.unwrap().is_ready());
}

#[tokio::test]
async fn a_new_disk_may_be_typed_into_a_pool_too() {
    let server = FakeSysadm::new(Face::Recorded).await;
    server.world().iohyve.add("web", "1G");
    server.world().pools = None;
    let sysadm = sysadm(&server.url());
    sysadm.connect(mpsc::channel(64).0).await.unwrap();
    let fields = sysadm.add_disk_form(&"web".into()).await.unwrap();
    assert_eq!((fields[1].name, &fields[1].kind), ("pool", &FieldKind::Text));
    let values = [("size", "2G"), ("pool", "tank")].map(|(k, v)| (k.to_owned(), v.to_owned()));
    let add = prepare(&sysadm, Request::AddDisk { vm: "web".into(), values: values.into() }).await.unwrap();
    assert_eq!(dispatch(&sysadm, &add, Call::new().0).await.unwrap(), Reply::DiskAdded("disk1".into()));
}
