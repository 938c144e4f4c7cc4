//! A chypervisord on the real screen: its nodes, one of them, a change, the server gone and back.
use crate::support::{
    fake_lochness::{Face, Lochness, NODE},
    pty::Program,
};
use serde_json::json;

#[test]
fn nodes_are_seen_changed_lost_and_found_again() {
    let mut lochness = Lochness::new(Face::Etcd);
    let resources = |memory: u64, cpu: u64| json!({"memory": memory, "disk": 4096, "cpu": cpu});
    let record =
        json!({"ip": "10.0.0.1", "total_resources": resources(2048, 4), "available_resources": resources(512, 1)});
    lochness.add(NODE, &record);
    lochness.add("0f00dead-97ae-467d-a56e-d0cccbd2adc7", &record);
    let home = tempfile::tempdir().unwrap();
    let local = "[[host]]\nname = \"local\"\nbackend = \"qemu\"\nenabled = false\n";
    let url = lochness.chypervisord.url();
    let host = format!("[[host]]\nname = \"lab\"\nbackend = \"chypervisord\"\nurl = \"{url}\"\n[refresh]\nlist = 1\n");
    std::fs::write(home.path().join("config.toml"), format!("{local}{host}")).unwrap();
    let mut program = Program::start(home.path(), &[]);
    program.until_shown("lab 2 nodes");
    program.press("5/abcd\r");
    program.until("one row with its figures", |s| {
        let text = s.contents();
        !text.contains("0f00dead") && text.contains("abcd1234") && text.contains("75 %")
    });
    program.press("\r");
    program.until_shown("Configuration");
    program.press("c");
    program.until_shown("another key");
    program.press("\r");
    program.until_shown("Another key of abcd1234");
    program.press("guestDiskDir\t/guests\r");
    program.until_shown("guestDiskDir of abcd1234");
    program.until("the key in the details", |s| s.contents().lines().any(|l| l.contains("guestDiskDir /guests")));
    lochness.chypervisord.stop();
    program.until_shown("nothing listens there");
    lochness.chypervisord.start();
    program.until_shown("lab 2 nodes");
    program.press("q");
    program.ends(0);
}
