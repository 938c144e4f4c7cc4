//! The serial console between a terminal and a guest, both in memory but for the socket.
use std::path::Path;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    net::UnixListener,
    task::JoinHandle,
};
use vmdeck::runtime::{Left, attach};

/// A person before the console of `web1`: what they type into, what they see, and how it ended.
#[expect(clippy::disallowed_methods, reason = "the test joins it")]
fn person(folder: &Path) -> (DuplexStream, DuplexStream, JoinHandle<Left>) {
    let (socket, history) = (folder.join("serial"), folder.join("serial.log"));
    let (typing, input) = duplex(1024);
    let (output, seeing) = duplex(64 * 1024);
    let attached = tokio::spawn(async move { attach("web1", &socket, Some(&history), input, output).await.unwrap() });
    (typing, seeing, attached)
}

async fn until(seeing: &mut DuplexStream, text: &str) -> String {
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains(text) {
        let byte = seeing.read_u8().await.unwrap_or_else(|_| panic!("`{text}` never came: {seen:?}"));
        seen.push(byte);
    }
    String::from_utf8(seen).unwrap()
}

#[tokio::test]
async fn history_then_both_ways_then_detached() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("serial.log"), "booted\r\n\x1b[6nlogin: ").unwrap();
    let listener = UnixListener::bind(folder.path().join("serial")).unwrap();
    let (mut typing, mut seeing, attached) = person(folder.path());
    let entry = until(&mut seeing, "login: ").await;
    assert!(entry.contains("Serial console of web1 · Ctrl-] leaves"), "{entry}");
    assert!(!entry.contains("\x1b[6n"), "a question in the log is not asked again");
    let (mut guest, _) = listener.accept().await.unwrap();
    typing.write_all(b"root\r").await.unwrap();
    let mut heard = [0; 5];
    guest.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"root\r");
    guest.write_all(b"\x1b]0;evil\x07\x1b[?1000hPassword: ").await.unwrap();
    assert_eq!(until(&mut seeing, "Password: ").await, "\x1b[?1000hPassword: ");
    typing.write_all(b"x\x1dy").await.unwrap();
    assert_eq!(attached.await.unwrap(), Left::Detached);
    let mut rest = Vec::new();
    guest.read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest, b"x", "what is typed after the key that detaches goes nowhere");
    assert!(until(&mut seeing, "\x1b[?1000l").await.contains("\x1b[r"), "the guest's modes are undone");
}

#[tokio::test]
async fn a_machine_that_goes_off_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(folder.path().join("serial")).unwrap();
    let (mut typing, mut seeing, attached) = person(folder.path());
    drop(listener.accept().await.unwrap());
    until(&mut seeing, "web1 went off · any key returns").await;
    typing.write_all(b" ").await.unwrap();
    assert_eq!(attached.await.unwrap(), Left::WentOff);
}

#[tokio::test]
async fn the_second_waits_for_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(folder.path().join("serial")).unwrap();
    let (mut first, mut first_seeing, _attached) = person(folder.path());
    let (_guest, _) = listener.accept().await.unwrap();
    until(&mut first_seeing, "leaves").await;
    let (_second, mut seeing, _waiting) = person(folder.path());
    until(&mut seeing, "Another vmdeck is attached to the console of web1").await;
    first.write_all(b"\x1d").await.unwrap();
    listener.accept().await.unwrap();
}
