//! Hosts of libvirt on the command line.
use crate::support::{
    guests::TINY,
    libvirt_pair::{Disk, Pair},
    program::vmdeck,
};
use std::fs;
use vmdeck::domain::PowerState;

#[tokio::test(flavor = "multi_thread")]
async fn a_move_names_a_host_of_the_configuration_which_is_looked_at() {
    let pair = Pair::new(TINY, Disk::Volume).await;
    let home = pair.home();
    let moved = async |words: &str| vmdeck(home.path(), &format!("call lab migrate vm=web yes=web {words}")).await;
    let said = moved("to=lab").await;
    assert!(said.code == 2 && said.err.contains("to: lab is the host that web is on"), "{said:?}");
    let said = moved("to=lab2").await;
    assert!(said.code == 1 && said.err.contains("copy them along"), "{said:?}");
    assert_eq!(pair.both().await, (Some(PowerState::Running), None));
    let said = moved("to=lab2 copy-disks=yes").await;
    assert_eq!((said.code, said.out.trim()), (0, "web runs on lab2"), "{said:?}");
    assert_eq!(pair.both().await, (None, Some(PowerState::Running)));

    // Without a peer_uri, lab is known to this computer alone.
    let config = home.path().join("config.toml");
    let text = fs::read_to_string(&config).unwrap();
    let without: Vec<_> = text.lines().filter(|line| !line.starts_with("peer_uri")).collect();
    fs::write(&config, without.join("\n")).unwrap();
    let said = vmdeck(home.path(), "call lab2 migrate vm=web yes=web to=lab").await;
    assert!(said.code == 2 && said.err.contains("known to this computer alone: give it a peer_uri"), "{said:?}");
}
