//! A SysAdm server, from the keys of a person to its sockets and back.
use crate::support::{
    fake_iohyve::{Face, event},
    fake_sysadm::FakeSysadm,
    pty::Program,
};
use serde_json::json;

const HOST: &str = "backend = \"sysadm\"\ntls = \"accept-new\"\npassword = { command = [\"/bin/echo\", \"secret\"] }\n";

fn until_row(program: &Program, word: &str) {
    let has = |screen: &vt100::Screen| screen.contents().lines().any(|row| row.contains("web") && row.contains(word));
    program.until(&format!("a row with web and {word}"), has);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_trusted_watched_lost_and_found_again() {
    let server = FakeSysadm::secure(Face::Recorded, "first").await;
    server.world().iohyve.add("web", "10G");
    server.world().iohyve.holds_fetches = true;
    let home = tempfile::tempdir().unwrap();
    let local = "[[host]]\nname = \"local\"\nbackend = \"qemu\"\nenabled = false\n";
    let config = format!("{local}[[host]]\nname = \"bsd1\"\nurl = \"{}\"\n{HOST}", server.url());
    std::fs::write(home.path().join("config.toml"), config).unwrap();
    let mut program = Program::start(home.path(), &[]);
    program.until_told("shows a certificate for the first time");
    assert!(server.world().requests.is_empty(), "nothing was sent before the answer");
    program.press("y");
    until_row(&program, "○ off");
    // A download, watched to its end.
    program.press("2");
    program.until_shown("No images yet");
    program.press("f");
    program.until_shown("Fetch an image to bsd1");
    program.press("http://h/tiny.iso\r");
    let id = loop {
        if let Some(id) = server.world().iohyve.jobs.keys().next() {
            break id.clone();
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    };
    let command = "iohyve fetch http://h/tiny.iso";
    let half = json!({"percent_done": "42% of 5000  kB", "download_rate": "1659  kBps"});
    server.tell(&event(&id, command, "running", half, json!({})));
    program.until("42 %", |s| s.contents().lines().any(|row| row.contains("tiny.iso") && row.contains("42 %")));
    let end = server.world().iohyve.finish(&id, 0);
    for event in &end {
        server.tell(event);
    }
    program.until_shown("tiny.iso fetched");
    // Lost: its rows stay. Back, with another certificate, as after a new start.
    program.press("1");
    until_row(&program, "○ off");
    server.world().is_away = true;
    server.present("second");
    server.cut();
    program.until_told("again in");
    program.until("the row as it was", |s| s.contents().contains("web"));
    server.world().is_away = false;
    program.press("\x12");
    program.until_told("shows ANOTHER certificate than before");
    program.press("y");
    program.until_shown("● bsd1");
    program.press("+");
    program.until_shown("Grow a disk of web on bsd1");
    program.press("10G");
    program.until_shown("10 GiB → 20 GiB");
    program.press("\r");
    program.until_shown("read back 20 GiB");
    assert_eq!(server.world().iohyve.guests["web"].disks[&0], "20G");
    program.press("q");
    program.ends(0);
}
