//! The real program in a pseudo terminal: it starts, acts, ends, and gives the terminal back on every way out.
mod chypervisord;
mod fetch;
mod govirthost;
mod iohyve;
mod journey;
mod libvirt;
mod lochness;
mod machine;
mod set_up;
mod sysadm;
mod velocity;
use crate::support::pty::{Program, is_restored};
use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use std::{io::Read as _, time::Duration};

#[test]
fn it_starts_acts_and_quits() {
    let mut program = Program::demo();
    program.until("the first frame", |s| s.alternate_screen() && s.hide_cursor() && s.bracketed_paste());
    program.until_shown("Machines");
    program.until_shown("alpha");
    assert!(program.is_raw());
    program.press("?");
    program.until_shown("Ask the guest to shut down");
    program.press("?");
    program.press("q");
    program.ends(0);
}

#[test]
fn what_something_else_wrote_is_drawn_over() {
    let mut program = Program::demo();
    program.until_shown("desktop-of-the");
    program.scribble(b"\x1b[2Jsomething else");
    program.press("\x0c");
    program.until("the whole screen", |s| {
        let text = s.contents();
        text.contains("desktop-of-the") && text.contains("quit") && !text.contains("something else")
    });
    program.press("q");
    program.ends(0);
}

#[test]
fn signals_end_it_with_the_terminal_restored() {
    use rustix::process::Signal;
    for signal in [Signal::TERM, Signal::HUP, Signal::INT] {
        let program = Program::demo();
        program.until_shown("Machines");
        program.signal(signal);
        program.ends(0);
    }
}

#[test]
fn the_begin_of_a_key_holds_nothing_up_and_swallows_nothing() {
    let mut program = Program::demo();
    program.until_shown("alpha");
    // Alt-[ begins as an arrow key does.
    program.press("\x1b[");
    program.press_until_shown("3", "┌ Tasks");
    program.press("\x1b[");
    program.signal(rustix::process::Signal::TERM);
    program.ends(0);
}

#[test]
fn keys_that_come_faster_than_they_are_read_all_count() {
    let home = tempfile::tempdir().unwrap();
    let mut program = Program::start(home.path(), &["--demo=1000"]);
    program.until_shown("vm00000");
    program.press(&"\x1b[B".repeat(700));
    program.until_shown("▸ vm00700");
    program.press("q");
    program.ends(0);
}

#[test]
fn ctrl_z_gives_the_terminal_back_and_a_continue_takes_it_again() {
    let mut program = Program::demo();
    program.until_shown("alpha");
    program.press("\x1a");
    program.until("the restored screen", is_restored);
    program.stands_still();
    program.signal(rustix::process::Signal::CONT);
    program.until("the screen again", |s| s.alternate_screen() && s.contents().contains("alpha"));
    assert!(program.is_raw());
    program.press("q");
    program.ends(0);
}

#[test]
fn a_stop_from_outside_gives_the_terminal_back_and_a_continue_takes_it_again() {
    use rustix::process::Signal;
    let program = Program::demo();
    program.until_shown("alpha");
    program.signal(Signal::TSTP);
    program.until("the restored screen", is_restored);
    program.stands_still();
    assert!(!program.is_raw());
    program.scribble(b"what a shell writes");
    program.signal(Signal::CONT);
    program.until("the screen again", |s| {
        s.alternate_screen() && s.contents().contains("alpha") && !s.contents().contains("what a shell writes")
    });
    assert!(program.is_raw());
    program.signal(Signal::TERM);
    program.ends(0);
}

/// The secret is not shown, and whatever ends the question, the terminal shows again what is typed.
#[test]
fn a_secret_that_a_command_asks_for_is_not_shown() {
    let ask = || {
        let home = tempfile::tempdir().unwrap();
        let program = Program::start(home.path(), &["call", "alpha", "list", "answer=-", "--demo"]);
        program.until_shown("answer for alpha: ");
        assert!(!program.echoes());
        (home, program)
    };
    let (_home, mut program) = ask();
    program.press("\x03");
    program.until_shown("vmdeck: interrupted: nothing was sent");
    assert!(program.echoes());
    program.ends(130);
    let (_home, program) = ask();
    program.signal(rustix::process::Signal::TERM);
    program.until_shown("interrupted");
    assert!(program.echoes());
    program.ends(130);
    let (_home, mut program) = ask();
    program.press("\x04");
    program.until_shown("vmdeck: no answer was given");
    assert!(program.echoes());
    program.ends(4);
    let (_home, mut program) = ask();
    program.press("hunter2\r");
    program.until("the list", |s| s.contents().contains("web2") && !s.contents().contains("hunter2"));
    assert!(program.echoes());
    program.ends(0);
}

/// A folder whose configuration is the demo with a bug to rehearse.
fn faulty(fault: &str) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let local = "[[host]]\nname = \"local\"\nbackend = \"qemu\"\nenabled = false\n";
    let demo = format!("[[host]]\nname = \"home\"\nbackend = \"demo\"\nfault = \"{fault}\"\n");
    std::fs::write(home.path().join("config.toml"), format!("{local}{demo}")).unwrap();
    home
}

#[test]
fn a_bug_of_the_screen_or_of_the_keys_ends_it_with_the_terminal_restored() {
    for fault in ["screen", "keys"] {
        let home = faulty(fault);
        let mut program = Program::start(home.path(), &[]);
        program.until_shown("web2");
        program.press("j");
        program.until_shown("vmdeck: a bug ended the program");
        assert!(!program.is_raw(), "{fault}");
        program.ends(101);
    }
}

#[test]
fn a_bug_behind_a_host_ends_its_task_and_nothing_else() {
    let home = faulty("start");
    let mut program = Program::start(home.path(), &[]);
    program.until_shown("web2");
    program.press("/web2\r");
    program.until("one row", |s| !s.contents().contains("staging"));
    program.press("s");
    program.until_shown("a bug in vmdeck ended this: rehearsed on the demo");
    assert!(program.is_raw());
    program.press("q");
    program.ends(0);
}

/// Nothing says so here but the terminal itself: whoever led its session may be gone before it.
#[test]
fn a_terminal_that_vanishes_ends_it() {
    let home = tempfile::tempdir().unwrap();
    let pair = native_pty_system().openpty(PtySize { rows: 24, cols: 80, pixel_width: 0, pixel_height: 0 }).unwrap();
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_vmdeck"));
    command.arg("--demo");
    command.env("VMDECK_HOME", home.path());
    let mut child = pair.slave.spawn_command(command).unwrap();
    let mut output = pair.master.try_clone_reader().unwrap();
    let (mut bytes, mut seen) = ([0; 4096], Vec::new());
    while !String::from_utf8_lossy(&seen).contains("Machines") {
        let count = output.read(&mut bytes).unwrap();
        seen.extend_from_slice(bytes.get(..count).unwrap());
    }
    drop((output, pair));
    let (ended, end) = std::sync::mpsc::channel();
    let mut killer = child.clone_killer();
    std::thread::spawn(move || ended.send(child.wait().unwrap()));
    let status = end.recv_timeout(Duration::from_secs(30));
    let _ = killer.kill();
    assert!(status.is_ok(), "it goes on without a terminal");
}
