//! Hosts of libvirt on the command line.
use crate::support::{
    guests::TINY,
    libvirt::Daemon,
    libvirt_pair::{Disk, Pair},
    program::vmdeck,
    sshd::Sshd,
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

#[tokio::test(flavor = "multi_thread")]
async fn what_ssh_asks_is_told_and_answered_from_a_file() {
    let daemon = Daemon::new().await;
    let sshd = Sshd::before(&daemon).await;
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("config.toml"), sshd.host("lab")).unwrap();
    let said = vmdeck(home.path(), "call lab list").await;
    assert_eq!(said.code, 4, "{said:?}");
    assert!(said.err.contains("lab asks: [127.0.0.1]:") && said.err.contains("ED25519 SHA256:"), "{said:?}");
    assert!(said.err.contains("(answer yes or no with answer=@file or answer=-)"), "{said:?}");
    // What is meant for another question is no answer to this one.
    fs::write(home.path().join("answer"), "open sesame\n").unwrap();
    let other = vmdeck(home.path(), &format!("call lab list answer=@{}", home.path().join("answer").display())).await;
    assert_eq!((other.code, &other.err), (4, &said.err));
    fs::write(home.path().join("answer"), "yes\n").unwrap();
    let said = vmdeck(home.path(), &format!("call lab list answer=@{}", home.path().join("answer").display())).await;
    assert_eq!((said.code, said.out.trim()), (0, "NAME  STATE  CPUS  MEMORY  DISK  UP"), "{said:?}");
    assert_eq!(vmdeck(home.path(), "call lab list").await.code, 0, "ssh remembers the key");
    // Nothing of what was asked by is left.
    assert_eq!(fs::read_dir(home.path().join("run/ssh")).unwrap().count(), 0);
}
