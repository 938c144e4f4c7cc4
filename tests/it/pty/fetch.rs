//! Fetches that outlive the screen they were begun on, however that ends.
use crate::support::{
    fetches::{Rig, half_of_it, halting, killed, processes},
    http::Http,
    pty::Program,
    qemu::eventually,
};
use rustix::process::Signal;
use std::{fs, path::Path};
use vmdeck::fetch::is_live;

fn image() -> Vec<u8> {
    (0..400_000_u32).map(|n| u8::try_from(n * 7 % 251).unwrap()).collect()
}

fn shows_row(program: &Program, words: &'static str) {
    let has = |screen: &vt100::Screen| {
        screen.contents().lines().any(|row| row.contains("a.iso") && words.split('|').all(|word| row.contains(word)))
    };
    program.until(&format!("a row of a.iso with {words}"), has);
}

/// The library of a new program on the same folders.
fn library(rig: &Rig) -> Program {
    let mut program = Program::start(&rig.home(), &[]);
    program.until_shown("Machines");
    program.press("2");
    program.until_shown("Images");
    program
}

/// Begins the fetch by the keys of a person; returns when half of it is there.
async fn begun(rig: &Rig, server: &Http) -> Program {
    let mut program = library(rig);
    program.until_shown("● local");
    program.press("f");
    program.until_shown("Fetch an image to local");
    program.press(&format!("http://me:hunter2@127.0.0.1:{}/a.iso", server.port()));
    program.until_shown("390.6 KiB");
    program.press("\r");
    half_of_it(&rig.folder()).await;
    shows_row(&program, "146.5 of 390.6 KiB");
    program
}

/// Whether any file below `folder` holds `word`; files come and go meanwhile.
fn holds(folder: &Path, word: &[u8]) -> bool {
    fs::read_dir(folder).unwrap().flatten().any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            return holds(&path, word);
        }
        path.is_file() && fs::read(path).is_ok_and(|text| text.windows(word.len()).any(|part| part == word))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fetch_outlives_its_screen_however_that_ends() {
    let (server, gate) = halting(&image());
    let rig = Rig::new();
    let folder = rig.folder();
    let mut program = begun(&rig, &server).await;
    let fetch = processes(&folder, "a.iso");
    assert_eq!(fetch.len(), 1);
    program.press("q");
    program.ends(0);
    let ends: [fn(&Program); 3] =
        [Program::hang_up, |program| program.signal(Signal::KILL), |program| program.signal(Signal::TERM)];
    for end in ends {
        let program = library(&rig);
        shows_row(&program, "146.5 of 390.6 KiB|37 %");
        end(&program);
        program.until_closed();
        assert_eq!(processes(&folder, "a.iso"), fetch, "another process, or none");
        assert!(is_live(&folder, "a.iso"));
    }
    let program = library(&rig);
    shows_row(&program, "146.5 of 390.6 KiB|37 %");
    gate.open();
    shows_row(&program, "390.6 KiB|not checked");
    assert!(fs::read(folder.join("a.iso")).unwrap() == image(), "the image is wrong");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_fetch_is_shown_as_interrupted_and_one_key_resumes_it() {
    let (server, gate) = halting(&image());
    let rig = Rig::new();
    let folder = rig.folder();
    crate::support::fetches::begun(&rig, &server.url("/a.iso")).await;
    killed(&folder).await;
    gate.open();
    let mut program = library(&rig);
    shows_row(&program, "interrupted");
    program.press("R");
    eventually("the image", async || folder.join("a.iso").exists()).await;
    shows_row(&program, "390.6 KiB|not checked");
    assert!(fs::read(folder.join("a.iso")).unwrap() == image(), "the image is wrong");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_in_an_address_is_never_shown_or_kept() {
    let (server, gate) = halting(&image());
    let rig = Rig::new();
    let folder = rig.folder();
    let program = begun(&rig, &server).await;
    let is_silent = |screen: &vt100::Screen| !screen.contents().contains("hunter2");
    program.until("a screen without the password", is_silent);
    let [fetch] = processes(&folder, "a.iso")[..] else { panic!("no process") };
    for file in ["cmdline", "environ"] {
        let words = fs::read(format!("/proc/{fetch}/{file}")).unwrap();
        assert!(!words.windows(7).any(|part| part == b"hunter2"), "{file}");
    }
    assert!(!holds(&rig.home(), b"hunter2"), "a file holds the password");
    gate.open();
    eventually("the image", async || folder.join("a.iso").exists()).await;
    program.until("the last screen", is_silent);
    assert!(!holds(&rig.home(), b"hunter2"), "a file holds the password");
    let other = library(&rig);
    shows_row(&other, "390.6 KiB|not checked");
    assert!(!holds(&rig.home(), b"hunter2"), "a file holds the password");
}
