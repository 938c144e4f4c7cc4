//! Fetching from a real FTP server: plain, with TLS that is asked for, and with TLS from the first byte on.
use super::{fetch_with, image, impatient, names, order};
use crate::support::{ftp::Ftp, qemu::eventually, tls::certificate};
use std::{fs, path::Path, time::Duration};
use tokio_util::sync::CancellationToken;
use vmdeck::{
    domain::{ByteSize, ErrorKind, Progress, Result},
    fetch::{Fetched, Journal, Options, look, resume},
};

/// Options that trust the authority of the tests.
fn trusting() -> Options {
    let patience = Duration::from_secs(20);
    Options { ca: Some(certificate("authority.pem")), tries: 1, stall: patience, ..impatient() }
}

/// Where each transfer began, in order.
fn begun(server: &Ftp, name: &str) -> Vec<u64> {
    let commands = server.commands();
    let retrieves = commands.iter().enumerate().filter(|(_, command)| **command == format!("RETR {name}"));
    let before = |at: usize| at.checked_sub(1).and_then(|before| commands.get(before)?.strip_prefix("REST "));
    retrieves.map(|(at, _)| before(at).map_or(0, |offset| offset.parse().unwrap())).collect()
}

async fn again(folder: &Path) -> (Result<Fetched>, Vec<Progress>) {
    let mut told = Vec::new();
    let done = resume(folder, "a.iso", None, &trusting(), &CancellationToken::new(), |p| told.push(p)).await;
    (done, told)
}

#[tokio::test]
async fn an_image_comes_whole_from_below_the_login() {
    let server = Ftp::serve("");
    let body = image(3_000_000);
    server.put("pub/tiny os.iso", &body, 0);
    let folder = tempfile::tempdir().unwrap();
    let url = server.url("/pub/tiny%20os.iso;type=i");
    let looked = look(&order(&url, None).unwrap(), folder.path(), &trusting()).await.unwrap();
    assert_eq!((looked.size, looked.is_resumable), (Some(ByteSize(3_000_000)), true));
    drop(looked);
    let (done, told) = fetch_with(folder.path(), &url, None, &trusting()).await;
    let done = done.unwrap();
    assert!(fs::read(&done.path).unwrap() == body, "the image is wrong");
    assert_eq!(done.name, "tiny os.iso");
    assert_eq!(told.iter().find_map(|p| p.total), Some(ByteSize(3_000_000)));
    assert_eq!(names(folder.path()), ["tiny os.iso"]);
    let commands = server.commands();
    assert!(commands.iter().any(|c| c == "EPSV") && !commands.iter().any(|c| c == "PASV"), "{commands:?}");
    assert_eq!(commands.iter().filter(|c| c.starts_with("RETR ")).count(), 1, "a look brings no bytes: {commands:?}");
}

#[tokio::test]
async fn tls_is_asked_for_or_there_from_the_first_byte_on() {
    let body = image(1_000_000);
    for (kind, scheme) in [("explicit", "ftpes"), ("implicit", "ftps")] {
        let server = Ftp::serve(&format!("--tls {kind} --cut 1000 --cut 400000"));
        server.put("a.iso", &body, 0);
        server.put("a.iso.sha256", super::sums::sha256(&body).as_bytes(), 0);
        let url = format!("{scheme}://me:s%40cret@127.0.0.1:{}/a.iso", server.port());
        let untrusting = Options { ca: None, ..trusting() };
        let folder = tempfile::tempdir().unwrap();
        let (done, _) = fetch_with(folder.path(), &url, None, &untrusting).await;
        let why = done.unwrap_err().message;
        assert!(why.starts_with("the certificate of 127.0.0.1 is not trusted here (UnknownIssuer)"), "{kind}: {why}");
        assert!(server.commands().iter().all(|c| c.starts_with("AUTH")), "{:?}", server.commands());
        // The list of checksums is read whole; the image breaks, and goes on.
        let options = Options { tries: 3, ..trusting() };
        let (done, _) = fetch_with(folder.path(), &url, None, &options).await;
        let done = done.unwrap();
        assert!(fs::read(&done.path).unwrap() == body, "{kind}: the image is wrong");
        assert_eq!(done.checked.as_deref(), Some("SHA-256 as in a.iso.sha256"));
        assert_eq!(begun(&server, "a.iso"), [0, 400_000], "{kind}");
    }
}

#[tokio::test]
async fn without_tls_nothing_is_sent_where_it_was_asked_for() {
    let server = Ftp::serve("");
    server.put("a.iso", b"iso", 0);
    let folder = tempfile::tempdir().unwrap();
    let url = format!("ftpes://me:s%40cret@127.0.0.1:{}/a.iso", server.port());
    let (done, _) = fetch_with(folder.path(), &url, None, &trusting()).await;
    assert_eq!(done.unwrap_err().message, "the server said 500 (it offers no TLS here)");
    // What was asked is told by the server's process, after its answer.
    eventually("the command", async || !server.commands().is_empty()).await;
    assert_eq!(server.commands(), ["AUTH TLS"]);
}

#[tokio::test]
async fn a_password_is_sent_and_never_told() {
    let server = Ftp::serve("");
    server.put("a.iso", b"iso", 0);
    let folder = tempfile::tempdir().unwrap();
    let with = |password: &str| format!("ftp://me:{password}@127.0.0.1:{}/a.iso", server.port());
    let (done, told) = fetch_with(folder.path(), &with("s%40cret-but-wrong"), None, &trusting()).await;
    let error = done.unwrap_err();
    assert_eq!(error.message, "the server said 530: it wants another user and password, or does not let anybody in");
    let (done, more) = fetch_with(folder.path(), &with("s%40cret"), None, &trusting()).await;
    done.unwrap();
    assert!(server.commands().iter().any(|c| c == "PASS s@cret"));
    let all = format!("{error:?} {told:?} {more:?}");
    assert!(!all.contains("cret"), "{all}");
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let server = Ftp::serve("");
    let folder = tempfile::tempdir().unwrap();
    let (done, _) = fetch_with(folder.path(), &server.url("/pub/a.iso"), None, &trusting()).await;
    let error = done.unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
    assert!(error.message.starts_with("the server said 550 No such file or directory:"), "{error}");
    server.put("a.iso", b"", 0);
    let (done, _) = fetch_with(folder.path(), &server.url("/a.iso"), None, &trusting()).await;
    assert_eq!(done.unwrap_err().message, "the server sent an empty file");
    let (done, _) = fetch_with(folder.path(), "ftp://127.0.0.1:1/a.iso", None, &trusting()).await;
    assert!(done.unwrap_err().message.starts_with("127.0.0.1 cannot be reached: "));
    assert!(names(folder.path()).is_empty(), "{:?}", names(folder.path()));
}

#[tokio::test]
async fn a_connection_that_breaks_is_taken_up_where_it_was() {
    let server = Ftp::serve("--cut 100000 --cut 0 --cut 50000");
    let body = image(300_000);
    server.put("a.iso", &body, 0);
    let folder = tempfile::tempdir().unwrap();
    let options = Options { tries: 5, ..trusting() };
    let (done, told) = fetch_with(folder.path(), &server.url("/a.iso"), None, &options).await;
    assert!(fs::read(done.unwrap().path).unwrap() == body, "the image is wrong");
    assert_eq!(begun(&server, "a.iso"), [0, 100_000, 100_000, 150_000]);
    assert!(told.iter().any(|p| p.note.as_ref().is_some_and(|n| n.contains("again in 1 s"))), "{told:?}");
}

/// Fetches from a server that breaks after 100,000 bytes; then something is changed, and it is gone on with.
async fn after(words: &str, change: impl FnOnce(&Ftp, &[u8])) -> (Vec<u8>, Vec<u64>, Vec<Progress>) {
    let server = Ftp::serve(&format!("--cut 100000 {words}"));
    let body = image(300_000);
    server.put("a.iso", &body, 0);
    let folder = tempfile::tempdir().unwrap();
    let (done, _) = fetch_with(folder.path(), &server.url("/a.iso"), None, &trusting()).await;
    done.unwrap_err();
    assert_eq!(Journal::read(folder.path(), "a.iso").unwrap().unwrap().done, 100_000);
    change(&server, &body);
    let (done, told) = again(folder.path()).await;
    (fs::read(done.unwrap().path).unwrap(), begun(&server, "a.iso"), told)
}

#[tokio::test]
async fn a_changed_file_is_fetched_from_the_beginning() {
    let other = image(300_007).split_off(7);
    let (found, begun, told) = after("", |server, _| server.put("a.iso", &other, 60)).await;
    assert!(found == other, "wrong bytes were taken");
    assert_eq!(begun, [0, 0]);
    let notes: Vec<_> = told.iter().filter_map(|p| p.note.as_deref()).collect();
    assert!(notes.contains(&"it has changed at the server: from the beginning"), "{notes:?}");
}

#[tokio::test]
async fn servers_that_know_less_are_served_as_well() {
    let body = image(300_000);
    // Without a time, the size alone does not tell whether it is the same.
    for (lacks, begins) in
        [("EPSV", vec![0, 100_000]), ("MDTM", vec![0, 0]), ("SIZE", vec![0, 0]), ("REST", vec![0, 0])]
    {
        let (found, begun, _) = after(&format!("--lacks {lacks}"), |_, _| {}).await;
        assert!(found == body, "without {lacks} the image is wrong");
        assert_eq!(begun, begins, "without {lacks}");
    }
}

#[tokio::test]
async fn a_stall_is_noticed() {
    let server = Ftp::serve("--halt 100000");
    server.put("a.iso", &image(300_000), 0);
    let folder = tempfile::tempdir().unwrap();
    let options = Options { stall: Duration::from_secs(1), ..trusting() };
    let (done, _) = fetch_with(folder.path(), &server.url("/a.iso"), None, &options).await;
    assert!(done.unwrap_err().message.starts_with("nothing came for 1 s"));
    assert_eq!(Journal::read(folder.path(), "a.iso").unwrap().unwrap().done, 100_000);
}

#[tokio::test]
async fn an_address_of_ipv6_is_asked_as_well() {
    let server = Ftp::serve("--host ::1");
    server.put("a.iso", b"iso", 0);
    let folder = tempfile::tempdir().unwrap();
    let (done, _) = fetch_with(folder.path(), &format!("ftp://[::1]:{}/a.iso", server.port()), None, &trusting()).await;
    assert_eq!(fs::read(done.unwrap().path).unwrap(), b"iso");
}
