//! The store of lochness on the real screen: its nodes, one that dies, a change, the store gone and back.
use crate::support::{etcd::Etcd, fake_lochness::NODE, pty::Program};
use serde_json::json;

const OTHER: &str = "0f00dead-97ae-467d-a56e-d0cccbd2adc7";

#[tokio::test(flavor = "multi_thread")]
async fn nodes_are_seen_to_die_changed_lost_and_found_again() {
    let mut etcd = Etcd::new().await;
    let resources = |memory: u64, cpu: u64| json!({"memory": memory, "disk": 4096, "cpu": cpu});
    let record =
        json!({"ip": "10.0.0.1", "total_resources": resources(2048, 4), "available_resources": resources(512, 1)});
    etcd.add(NODE, &record).await;
    etcd.add(OTHER, &record).await;
    etcd.beat(OTHER, "600").await;
    let home = tempfile::tempdir().unwrap();
    let local = "[[host]]\nname = \"local\"\nbackend = \"qemu\"\nenabled = false\n";
    let host = format!("[[host]]\nname = \"lab\"\nbackend = \"lochness\"\nkv = \"{}\"\n", etcd.url());
    std::fs::write(home.path().join("config.toml"), format!("{local}{host}")).unwrap();
    let mut program = Program::start(home.path(), &[]);
    program.until_shown("lab 2 nodes");
    program.press("5");
    let both = |s: &vt100::Screen, one: &str, other: &str| s.contents().contains(one) && s.contents().contains(other);
    program.until("one alive, one dead", |s| both(s, "● 0f00dead", "○ abcd1234"));
    // No key is pressed from here to its death.
    etcd.beat(NODE, "600").await;
    program.until("both alive", |s| both(s, "● 0f00dead", "● abcd1234"));
    etcd.beat(NODE, "1").await;
    program.until("its death", |s| both(s, "● 0f00dead", "○ abcd1234"));
    program.press("/abcd\r");
    program.until("one row", |s| !s.contents().contains("0f00dead") && s.contents().contains("75 %"));
    program.press("\r");
    program.until_shown("Configuration");
    program.press("c");
    program.until_shown("another key");
    program.press("\r");
    program.until_shown("Another key of abcd1234");
    program.press("guestDiskDir\t/guests\r");
    program.until_shown("guestDiskDir of abcd1234");
    program.until("the key in the details", |s| s.contents().lines().any(|l| l.contains("guestDiskDir /guests")));
    assert_eq!(etcd.get(&format!("hypervisors/{NODE}/config/guestDiskDir")).await.as_deref(), Some("/guests"));
    // Somebody else writes the same key while its form is open.
    program.press("c");
    program.until_shown("another key");
    program.press("\r");
    program.until_shown("guestDiskDir of abcd1234 on lab");
    etcd.put(&format!("hypervisors/{NODE}/config/guestDiskDir"), "/theirs").await;
    program.until("their value in the details", |s| s.contents().contains("guestDiskDir /theirs"));
    program.press("\x1b[F7\r");
    program.until("both sides", |s| {
        let text = s.contents();
        text.contains("Changed meanwhile") && text.contains("is now /theirs") && text.contains("/guests7")
    });
    program.press("y");
    program.until("ours by choice", |s| s.contents().contains("guestDiskDir /guests7"));
    etcd.stop();
    program.until_shown("nothing listens there");
    etcd.start().await;
    program.until_shown("lab 2 nodes");
    program.press("q");
    program.ends(0);
}
