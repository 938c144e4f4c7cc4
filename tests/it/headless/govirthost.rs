//! From the configuration to a govirthost and back, through the same actor as the screen.
use crate::support::fake_govirthost::FakeGovirthost;
use std::path::Path;
use tokio_util::sync::CancellationToken;
use vmdeck::{
    backend::govirthost::wire::Build,
    config::{Config, Paths},
    runtime::headless::{self, Call, Streams},
};

/// The exit code, and what was written to stdout and stderr.
async fn call(server: &FakeGovirthost, line: &str, input: &str) -> (u8, String, String) {
    let text = format!("[[host]]\nname = \"lab\"\nbackend = \"govirthost\"\nurl = \"{}\"\n", server.web.url());
    let config = Config::parse(Path::new("test.toml"), &text).unwrap();
    let mut words = line.split(' ').map(str::to_owned);
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut streams = Streams { input: &mut input.as_bytes(), out: &mut out, err: &mut err, is_terminal: false };
    let call =
        Call { host: "lab".to_owned(), op: words.next().unwrap(), words: words.collect(), json: false, detach: false };
    let paths = Paths::below(Path::new("/nowhere"));
    let code = headless::call(&config, &paths, &call, &mut streams, CancellationToken::new()).await;
    (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

#[tokio::test]
async fn a_description_goes_through_other_programs_and_back() {
    let server = FakeGovirthost::new(Build::Last);
    server.world().add("web", "shutoff");
    let (code, told, err) = call(&server, "show-description vm=web", "").await;
    assert!(code == 0 && told == server.world().guests["web"].kept, "{told}{err}");
    let edited = told.replace(">1</vcpu>", ">3</vcpu>");
    assert_eq!(call(&server, "define vm=web text=-", &edited).await.1, "web is as it was described\n");
    assert!(server.world().guests["web"].kept.contains(">3</vcpu>"));
    let (code, _, err) = call(&server, "define vm=web text=-", "<domain").await;
    assert!(code == 2 && err.contains("no XML"), "{err}");
    let (code, _, err) = call(&server, "define vm=web text=web.xml", "").await;
    assert!(code == 2 && err.contains("write text=@file or text=-"), "{err}");
    assert_eq!(server.changes(), 1);
}

#[tokio::test]
async fn a_move_wants_a_yes_and_says_what_was_seen() {
    let server = FakeGovirthost::new(Build::First);
    server.world().add("web", "running");
    let (code, _, err) = call(&server, "migrate vm=web to=lab2.example", "").await;
    assert!(code == 2 && err.contains("add yes=web") && server.changes() == 0, "{err}");
    let (code, out, err) = call(&server, "migrate vm=web to=lab2.example yes=web", "").await;
    assert_eq!((code, out.as_str()), (0, "web runs here no more\n"), "{err}");
    let (code, _, err) = call(&server, "resize-disk vm=web disk=vda size=+1G", "").await;
    assert!(code == 3 && err.contains("virsh blockresize"), "{err}");
}
