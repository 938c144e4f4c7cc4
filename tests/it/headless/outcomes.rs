use std::{path::Path, time::Duration};
use tokio_util::sync::CancellationToken;
use vmdeck::{
    config::{Config, Paths},
    domain::{Error, ErrorKind, Reply},
    runtime::headless::{self, Call, Streams, exit_code},
};

const HOSTS: &str = "[[host]]\nname = \"local\"\nbackend = \"qemu\"\nenabled = false\n\
    [[host]]\nname = \"far\"\nbackend = \"lochness\"\nkv = \"http://127.0.0.1:1\"\n";

/// The exit code, and what was written to stdout and stderr.
async fn call(line: &str) -> (u8, String, String) {
    let config = Config::parse(Path::new("test.toml"), HOSTS).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut words = line.split(' ').map(str::to_owned);
    let (host, op) = (words.next().unwrap(), words.next().unwrap());
    let mut words: Vec<_> = words.collect();
    let json = words.last().is_some_and(|word| word == "--json");
    words.truncate(words.len() - usize::from(json));
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut streams =
        Streams { input: &mut "".as_bytes(), out: &mut out, err: &mut err, is_terminal: false, is_person: false };
    let call = Call { host, op, words, json, detach: false };
    let paths = Paths::below(folder.path());
    let code = headless::call(&config, &paths, &call, &mut streams, CancellationToken::new()).await;
    (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

#[test]
fn every_end_has_its_exit_code() {
    let code = |kind| exit_code(&Err(Error::new(kind, "")));
    assert_eq!(exit_code(&Ok(Reply::Done)), 0);
    for (kind, wanted) in [
        (ErrorKind::Refused, 1),
        (ErrorKind::Differs, 1),
        (ErrorKind::NotFound, 1),
        (ErrorKind::Invalid, 2),
        (ErrorKind::Unsupported, 3),
        (ErrorKind::Unreachable, 4),
        (ErrorKind::NeedsAnswer, 4),
        (ErrorKind::Timeout, 5),
        (ErrorKind::Cancelled, 130),
    ] {
        assert_eq!(code(kind), wanted, "{kind:?}");
    }
}

#[tokio::test]
async fn errors_go_to_stderr_and_json_to_stdout() {
    let (code, out, err) = call("far list").await;
    assert_eq!((code, out.as_str()), (4, ""));
    assert_eq!(err, "vmdeck: not connected: 127.0.0.1:1: nothing listens there (connection refused)\n");
    let (code, out, err) = call("moon start vm=a --json").await;
    assert_eq!((code, err.as_str()), (2, ""));
    let told: serde_json::Value = serde_json::from_str(&out).unwrap();
    let sentence = "no host is called `moon`: there is far";
    let wanted = serde_json::json!({
        "host": "moon", "op": "start", "ok": false, "result": null,
        "error": { "kind": "invalid", "message": sentence },
    });
    assert_eq!(told, wanted);
}

#[tokio::test]
async fn hosts_and_machines_have_a_row_each_whatever_their_link() {
    let config = Config::parse(Path::new("test.toml"), HOSTS).unwrap();
    let paths = Paths::below(Path::new("/nowhere"));
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut streams =
        Streams { input: &mut "".as_bytes(), out: &mut out, err: &mut err, is_terminal: false, is_person: false };
    headless::hosts(&config, &paths, Duration::from_secs(3), &mut streams).await;
    headless::machines(&config, &paths, Duration::from_secs(3), &mut streams).await;
    let text = String::from_utf8(out).unwrap();
    let rows: Vec<_> = text.lines().filter(|l| l.starts_with("far ")).collect();
    assert!(rows[0].contains("lochness  http://127.0.0.1:1  down: 127.0.0.1:1: nothing listens there"), "{text}");
    assert!(rows[1].contains("down: 127.0.0.1:1: nothing listens there"), "{text}");
}
