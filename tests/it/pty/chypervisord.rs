//! A chypervisord on the real screen: its nodes, one of them, a change, the server gone and back.
use crate::support::{
    fake_lochness::{Face, Lochness, NODE, SUBNET},
    pty::Program,
};
use serde_json::{Value, json};

const OTHER: &str = "0f00dead-97ae-467d-a56e-d0cccbd2adc7";
const GUEST: &str = "00ad4ab2-64c3-43a3-950d-67d5d8908640";

fn record() -> Value {
    let resources = |memory: u64, cpu: u64| json!({"memory": memory, "disk": 4096, "cpu": cpu});
    json!({"ip": "10.0.0.1", "total_resources": resources(2048, 4), "available_resources": resources(512, 1)})
}

/// Two hypervisors, and the program beside them on the screen of the first. `guests`: cguestd is configured too.
fn stage(guests: &str) -> (Lochness, tempfile::TempDir, Program) {
    let lochness = Lochness::new(Face::Etcd);
    lochness.add(NODE, &record());
    lochness.add(OTHER, &record());
    if !guests.is_empty() {
        lochness.place(NODE, guests);
    }
    let home = tempfile::tempdir().unwrap();
    let local = "[[host]]\nname = \"local\"\nbackend = \"qemu\"\nenabled = false\n";
    let (url, more) = (lochness.chypervisord.url(), lochness.cguestd.url());
    let host = format!("[[host]]\nname = \"lab\"\nbackend = \"chypervisord\"\nurl = \"{url}\"\n");
    let more = if guests.is_empty() { String::new() } else { format!("guests_url = \"{more}\"\nfollow_jobs = true\n") };
    std::fs::write(home.path().join("config.toml"), format!("{local}{host}{more}[refresh]\nlist = 1\n")).unwrap();
    let mut program = Program::start(home.path(), &[]);
    program.until_shown("lab 2 nodes");
    program.press("5/abcd\r");
    program.until("one row with its figures", |s| {
        let text = s.contents();
        !text.contains("0f00dead") && text.contains("abcd1234") && text.contains("75 %")
    });
    (lochness, home, program)
}

#[test]
fn nodes_are_seen_changed_lost_and_found_again() {
    let (mut lochness, _home, mut program) = stage("");
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

/// What somebody else writes while a form is open, or between our reading and our writing, is told beside what we wanted,
/// and a person decides.
#[test]
fn a_record_is_edited_and_a_clash_is_decided_by_a_person() {
    let (lochness, _home, mut program) = stage("");
    program.press("e");
    program.until("the form and the warning", |s| {
        s.contents().contains("10.0.0.1") && s.contents().contains("ends its heartbeat daemon")
    });
    // Somebody else sets another address, and gives away memory.
    lochness.store().nodes[0].1["ip"] = "10.0.0.9".into();
    lochness.store().nodes[0].1["available_resources"]["memory"] = 128.into();
    program.press("\x1b[F7\r");
    program.until("both addresses", |s| {
        let text = s.contents();
        text.contains("Changed meanwhile") && text.contains("10.0.0.9") && text.contains("10.0.0.17")
    });
    assert_eq!(lochness.record(NODE)["ip"], "10.0.0.9", "nothing is decided yet");
    lochness.store().conflicts = 1;
    program.press("y");
    program.until_shown("10.0.0.77");
    program.press("y");
    program
        .until("the address in the row", |s| s.contents().lines().any(|l| l.contains("▸") && l.contains("10.0.0.17")));
    let now = lochness.record(NODE);
    assert_eq!(now["available_resources"], json!({"memory": 128, "disk": 4096, "cpu": 1}), "theirs stays");
    assert_eq!(now["total_resources"], record()["total_resources"]);
    program.press("q");
    program.ends(0);
}

#[test]
fn subnets_are_attached_and_taken_off_and_nodes_added_and_removed() {
    let (lochness, _home, mut program) = stage("");
    program.press("\rb");
    program.until_shown("attach another");
    program.press("\r");
    program.until_shown("Another subnet of abcd1234");
    program.press(&format!("{SUBNET}\tbr0\r"));
    program.until_told(&format!("{SUBNET} by br0"));
    assert_eq!(lochness.store().subnets[NODE][SUBNET], "br0");
    program.press("-");
    program.until_shown("Enter detach");
    program.press("\r");
    program.until_told(&format!("Take subnet {SUBNET} off abcd1234 on lab?"));
    program.press("y");
    program.until("no subnet", |s| !s.contents().contains("by br0"));
    assert!(lochness.store().subnets[NODE].is_empty());
    program.press("n");
    program.until_shown("Enter add");
    program.press("\t10.0.0.30\r");
    program.until_shown("lab 3 nodes");
    program.press("/\x1510.0.0.30\r");
    program.until("the new one", |s| s.contents().lines().any(|l| l.contains("▸") && l.contains("10.0.0.30")));
    let new = lochness.store().nodes[0].0.clone();
    program.press("D");
    program.until_shown("Remove a node");
    program.press(&format!("{}\r", &new[..8]));
    program.until_shown("lab 2 nodes");
    assert!(lochness.record(&new).is_null());
    program.press("q");
    program.ends(0);
}

#[test]
fn a_node_with_guests_is_kept_and_its_guests_are_acted_on() {
    let (lochness, _home, mut program) = stage(GUEST);
    program.press("\r");
    program.until("the guest by name", |s| {
        let text = s.contents();
        text.lines().any(|l| l.ends_with("│ web                                  │")) && text.contains(GUEST)
    });
    program.press("D");
    program.until_shown("It has a guest, which has to leave it first: web");
    program.press("abcd1234\r");
    program.until_shown(&format!("it still has a guest: {GUEST}"));
    assert!(!lochness.record(NODE).is_null());
    program.press("1");
    program
        .until("the guest among the machines", |s| s.contents().lines().any(|l| l.contains("▸") && l.contains("web")));
    program.press("s");
    program.until_shown("job 7d2f-1 is done; lochness does not tell whether the guest runs");
    assert_eq!(lochness.store().looks, 3, "new, working, done");
    program.press("+");
    program.until_shown("no service of lochness grows a disk");
    program.press("m");
    program.until_shown("none of its services moves it");
    program.press("v");
    program.until_shown("a guest of lochness has no description");
    program.press("q");
    program.ends(0);
}
