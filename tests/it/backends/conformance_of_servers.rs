//! Conformance of what is spoken to over a network, each with a server of our own.
use super::conformance::{World, check, check_made};
use crate::support::{
    fake_govirthost::{BUILDS, FakeGovirthost, govirthost},
    fake_iohyve::Face,
    fake_sysadm::{FakeSysadm, sysadm},
    fake_velocity::{FACES, FakeVelocity, velocity},
};
use vmdeck::domain::Values;

#[tokio::test]
async fn sysadm_conforms_with_both_faces_over_both_transports() {
    for (face, is_rest) in [Face::Documented, Face::Recorded].into_iter().flat_map(|face| [(face, false), (face, true)])
    {
        let server = if is_rest { FakeSysadm::rest(face, None).await } else { FakeSysadm::new(face).await };
        let create = Values::from([("disk".to_owned(), "8M".to_owned())]);
        let url = "file:///iso/x.iso".to_owned();
        check(sysadm(&server.url()), &World { create, grows_off: true, url }).await;
        assert!(server.world().iohyve.guests.is_empty());
    }
}

#[tokio::test]
async fn govirthost_conforms_in_both_builds() {
    for build in BUILDS {
        let server = FakeGovirthost::new(build);
        let create = Values::from([("disk".to_owned(), "/images/conform.qcow2".to_owned())]);
        let world = World { create, grows_off: true, url: String::new() };
        check(govirthost(&server.web.url()), &world).await;
        assert!(server.world().guests.is_empty() && !server.world().is_stuck);
    }
}

#[tokio::test]
async fn velocity_conforms_in_all_its_generations() {
    for face in FACES {
        let server = FakeVelocity::new(face);
        server.world().slowness = 2;
        let answers = [("group", "lab"), ("disk", "disk.img"), ("image", "debian.iso"), ("network", "bridge-en0")];
        let create = answers.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let world = World { create, grows_off: true, url: String::new() };
        check_made(velocity(&server.web.url()), &world, || server.restart()).await;
        assert_eq!(server.world().guests[&1].state, "STOPPED");
    }
}
