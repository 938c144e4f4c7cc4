//! The first hour of a person with the program, on one real host: by keys alone, each step as the screen shows it.
use crate::support::{
    guests::{TINY, iso},
    http::{Http, answer},
    pty::Program,
    qemu::World,
};
use std::fs;

fn until_row(program: &Program, word: &str) {
    let has = |screen: &vt100::Screen| screen.contents().lines().any(|row| row.contains("web") && row.contains(word));
    program.until(&format!("a row with web and {word}"), has);
}

#[tokio::test(flavor = "multi_thread")]
async fn from_nothing_to_a_grown_disk() {
    let world = World::new();
    fs::write(world.path("config.toml"), "[[host]]\nname = \"local\"\naccel = \"tcg\"\n").unwrap();
    let server = Http::serve(|_| answer("200 OK", "", &iso(TINY)));
    let mut program = Program::start(&world.path(""), &[]);
    program.until_shown("No machines yet");

    // A machine: what the form offers gives way to what is typed.
    program.press("n");
    program.until_shown("New machine on local");
    program.until_shown("Memory");
    program.press("web\t1\t32M\t1M\r");
    until_row(&program, "○ off");

    // A CD to install it from.
    program.press("f");
    program.until_shown("Fetch an image to local");
    program.press(&server.url("/tiny.iso"));
    program.until_shown("42 KiB");
    program.press("\r");
    program.until_shown("tiny.iso fetched, 42 KiB");
    assert!(fs::read(world.path("images/tiny.iso")).unwrap() == iso(TINY));

    program.press("i");
    program.until_shown("Install web on local from");
    program.until_shown("▸ tiny.iso");
    program.press("\r");
    until_row(&program, "● running");
    world.hear("web", "TINYBOOT-READY").await;

    program.press("c");
    program.until_shown("Serial console of web on local · Ctrl-] leaves");
    program.until_shown("TINYBOOT-READY");
    program.press("hello");
    program.until_shown("hello");
    program.press("\x1d");
    until_row(&program, "● running");

    // Grown while it runs, then stopped by its guest.
    program.press("+");
    program.until_shown("Grow a disk of web on local");
    program.press("1M");
    program.until_shown("1 MiB → 2 MiB");
    program.press("\r");
    program.until_shown("read back 2 MiB");
    program.press("S");
    program.until_shown("Shut down web on local?");
    program.press("y");
    until_row(&program, "○ off");
    assert!(fs::read_to_string(world.place("web").serial_log()).unwrap().contains("TINYBOOT-OFF"));

    // And off: grown once more, started, and its plug pulled.
    program.press("+");
    program.until_shown("Grow a disk of web on local");
    program.press("1M");
    program.until_shown("2 MiB → 3 MiB");
    program.press("\r");
    program.until_shown("read back 3 MiB");
    program.press("s");
    until_row(&program, "● running");
    program.press("X");
    program.until_shown("ower off");
    program.press("y");
    until_row(&program, "○ off");
    assert_eq!(world.place("web").alive(), None);
    program.press("q");
    program.ends(0);
}
