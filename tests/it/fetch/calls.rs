//! Fetches without a screen: begun, left to themselves, found again.
use super::image;
use crate::support::{
    fetches::{HALF, Rig, halting},
    http::{Http, answer},
    program::vmdeck,
    qemu::eventually,
    tls::certificate,
};
use serde_json::Value;
use std::{
    fs,
    io::{self, Write},
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio_util::sync::CancellationToken;
use vmdeck::{
    backend::{Call as Following, Images},
    config::{Config, Paths},
    domain::{ByteSize, ErrorKind, Partial},
    fetch::is_live,
    runtime::headless::{self, Call, Streams},
};

/// What was written, readable meanwhile.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<u8>>>);

impl Heard {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Heard {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_fetch_is_left_to_itself_and_followed_by_its_name() {
    let (server, gate) = halting(&image(400_000));
    let rig = Rig::new();
    let home = rig.0.path("");
    let url = server.url("/a.iso");
    let begun = vmdeck(&home, &format!("call local fetch-image url={url} --detach")).await;
    let follow = "a.iso is being fetched: `vmdeck call local resume-fetch image=a.iso` follows it, cancel-fetch \
                  image=a.iso ends it\n";
    assert_eq!((begun.code, begun.out.as_str(), begun.err.as_str()), (0, follow, ""));
    assert!(is_live(&rig.folder(), "a.iso"), "it went with who began it");
    let again = vmdeck(&home, "call local resume-fetch image=a.iso --detach --json").await;
    assert_eq!(again.json()["result"], serde_json::json!({ "job": "a.iso" }));
    let listed = vmdeck(&home, "call local list-fetches").await;
    assert!(listed.out.contains("under way") && listed.out.contains(&url), "{}", listed.out);

    let part = rig.folder().join("a.iso.part");
    eventually("half of it", async || fs::metadata(&part).is_ok_and(|meta| meta.len() == HALF as u64)).await;
    let paused = vmdeck(&home, "call local pause-fetch image=a.iso").await;
    assert_eq!(paused.code, 0, "{paused:?}");
    eventually("the pause", async || !is_live(&rig.folder(), "a.iso")).await;
    let listed = vmdeck(&home, "call local list-fetches --json").await.json();
    assert_eq!(
        (&listed["result"]["open"][0]["running"], &listed["result"]["past"]),
        (&false.into(), &Value::Array(vec![]))
    );

    gate.open();
    let done = vmdeck(&home, "call local resume-fetch image=a.iso --wait --json").await;
    let (lines, last) = (done.jsons(), done.json());
    // It may be told, too, while the server is still being asked.
    let is_right = |total: &Value| total.is_null() || *total == 400_000;
    assert!(lines.iter().rev().skip(1).all(|line| is_right(&line["progress"]["total"])), "{}", done.out);
    assert_eq!((done.code, &last["ok"], &last["result"]["size"]), (0, &true.into(), &400_000.into()), "{}", done.out);
    let listed = vmdeck(&home, "call local list-fetches --json").await.json();
    let ended = &listed["result"]["past"][0];
    assert_eq!((&ended["name"], &ended["ok"], &ended["source"]), (&"a.iso".into(), &true.into(), &url.into()));
    assert_eq!(ended["received"], 400_000 - HALF, "what was gone on with was not fetched again");
}

#[tokio::test]
async fn an_interrupt_leaves_it_running_with_the_command_to_watch_it() {
    let (server, _) = halting(&image(400_000));
    let rig = Rig::new();
    let folder = rig.folder();
    let text = format!(
        "[[host]]\nname = \"local\"\nbackend = \"qemu\"\n[fetch]\nworker = \"{}\"\n",
        env!("CARGO_BIN_EXE_vmdeck")
    );
    let config = Config::parse(Path::new("test.toml"), &text).unwrap();
    let (out, mut err) = (Heard::default(), Vec::new());
    let mut streams = Streams {
        input: &mut "".as_bytes(),
        out: &mut out.clone(),
        err: &mut err,
        is_terminal: true,
        is_person: false,
    };
    let words = vec![format!("url={}", server.url("/a.iso"))];
    let call = Call { host: "local".into(), op: "fetch-image".into(), words, json: false, detach: false };
    let interrupt = CancellationToken::new();
    let paths = Paths::below(&rig.0.path(""));
    let half = || fs::metadata(folder.join("a.iso.part")).is_ok_and(|meta| meta.len() == HALF as u64);
    let told = headless::call(&config, &paths, &call, &mut streams, interrupt.clone());
    let ctrl_c = async {
        eventually("half of it", async || half()).await;
        eventually("the word of it", async || out.text().contains("146")).await;
        interrupt.cancel();
    };
    let (code, ()) = tokio::join!(told, ctrl_c);
    let err = String::from_utf8(err).unwrap();
    assert_eq!(code, 130, "{err}");
    assert!(err.contains("`vmdeck call local resume-fetch image=a.iso` follows it"), "{err}");
    assert!(is_live(&folder, "a.iso"), "it was ended");
}

#[tokio::test]
async fn what_is_configured_reaches_the_process_that_fetches() {
    let server = Http::secure("signed", |path| match path {
        "/a.iso" => answer("200 OK", "", &vec![7; 100_000]),
        _ => answer("404 Not Found", "", b""),
    });
    let rig = Rig::new();
    let words = format!("call local fetch-image url={}", server.url("/a.iso"));
    let said = vmdeck(&rig.home(), &words).await;
    assert!(said.err.contains("is not trusted here (UnknownIssuer): `ca` in [fetch] names a file"), "{said:?}");
    let authority = certificate("authority.pem");
    let text = format!("[fetch]\nca = \"{}\"\nrate = \"200K\"\n", authority.display());
    fs::write(rig.home().join("config.toml"), text).unwrap();
    let watch = vmdeck::transport::Stopwatch::start();
    let said = vmdeck(&rig.home(), &words).await;
    assert_eq!(said.code, 0, "{said:?}");
    assert!(watch.elapsed() >= Duration::from_millis(250), "it came in {:?}", watch.elapsed());
}

#[tokio::test]
async fn only_a_fetch_can_be_left() {
    let home = tempfile::tempdir().unwrap();
    let told = vmdeck(home.path(), "call local list --detach").await;
    assert_eq!(
        (told.code, told.err.as_str()),
        (2, "vmdeck: --detach: list is waited for, only a fetch goes on by itself\n")
    );
    let told = vmdeck(home.path(), "call local resume-fetch image=a.iso").await;
    assert_eq!((told.code, told.err.as_str()), (1, "vmdeck: a.iso is not being fetched\n"));
    let told = vmdeck(home.path(), "call local list-fetches").await;
    assert_eq!((told.code, told.out.as_str()), (0, "no fetches yet: fetch-image url=... begins one\n"));
}

#[tokio::test]
async fn what_came_to_nothing_is_kept_with_its_reason() {
    let (server, _) = halting(&image(400_000));
    let rig = Rig::new();
    let qemu = rig.another();
    let missing = server.url("/b.img");
    let why = qemu.fetch_image(&missing, None, Following::new().0).await.unwrap_err();
    let url = server.url("/a.iso");
    let (call, progress) = Following::new();
    let cancel = call.cancel.clone();
    let ended = tokio::join!(qemu.fetch_image(&url, None, call), async {
        eventually("half of it", async || progress.borrow().done.is_some_and(|done| done.0 == HALF as u64)).await;
        cancel.cancel();
    });
    assert_eq!(ended.0.unwrap_err().kind, ErrorKind::Cancelled);
    eventually("the note", async || qemu.fetches().await.unwrap().past.len() == 2).await;
    let past = qemu.fetches().await.unwrap().past;
    assert_eq!((past[1].name.as_str(), past[1].why.as_ref()), ("b.img", Some(&why.message)));
    assert_eq!((past[0].name.as_str(), past[0].why.as_deref()), ("a.iso", Some("cancelled")));
    assert_eq!(past[0].received, ByteSize(HALF as u64));
}

#[tokio::test]
async fn what_is_not_what_its_checksum_says_is_told_apart_and_can_be_removed() {
    let (server, may) = halting(&image(4_000));
    may.open();
    let rig = Rig::new();
    let qemu = rig.another();
    let url = format!("{}#sha256={}", server.url("/a.iso"), "0".repeat(64));
    let why = qemu.fetch_image(&url, None, Following::new().0).await.unwrap_err();
    assert!(why.message.contains("kept apart as a.iso.mismatch"), "{why}");
    let past = async || qemu.fetches().await.unwrap().past;
    eventually("its note", async || past().await.len() == 1).await;
    assert_eq!(past().await[0].received, ByteSize(4_000), "as much as lies there came");
    let listed = qemu.images().await.unwrap();
    assert_eq!((listed.len(), &listed[0].partial), (1, &Some(Partial::Wrong)));
    assert!(qemu.rename_image("a.iso.mismatch", "b.iso").await.is_err(), "it would be an image then");
    qemu.remove_image("a.iso.mismatch").await.unwrap();
    assert_eq!(qemu.images().await.unwrap(), []);
}
