//! From the configuration to a Velocity server and back, through the same actor as the screen.
use crate::support::{
    fake_velocity::{Face, FakeVelocity},
    program::vmdeck_in,
};
use std::path::Path;
use tokio_util::sync::CancellationToken;
use vmdeck::{
    config::{Config, Paths},
    runtime::headless::{self, Call, Streams},
};

/// The exit code, and what was written to stdout and stderr.
async fn call(server: &FakeVelocity, line: &str) -> (u8, String, String) {
    let password = "password = { command = [\"/bin/sh\", \"-c\", \"echo $0\", \"secret\"] }\n";
    let url = server.web.url();
    let text = format!("[[host]]\nname = \"office\"\nbackend = \"velocity\"\nurl = \"{url}\"\n{password}");
    let config = Config::parse(Path::new("test.toml"), &text).unwrap();
    let mut words = line.split(' ').map(str::to_owned);
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut streams =
        Streams { input: &mut "".as_bytes(), out: &mut out, err: &mut err, is_terminal: false, is_person: false };
    let call = Call {
        host: "office".to_owned(),
        op: words.next().unwrap(),
        words: words.collect(),
        json: false,
        detach: false,
    };
    let paths = Paths::below(Path::new("/nowhere"));
    let code = headless::call(&config, &paths, &call, &mut streams, CancellationToken::new()).await;
    (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

#[tokio::test]
async fn a_call_says_what_was_read_back_and_why_something_cannot_be() {
    let server = FakeVelocity::new(Face::Head);
    server.world().add("web", "STOPPED");
    server.world().slowness = 1;
    assert_eq!(call(&server, "start vm=web").await, (0, "web is running\n".to_owned(), String::new()));
    let (code, out, _) = call(&server, "list").await;
    assert!(code == 0 && out.contains("web") && out.contains("running"), "{out}");
    let (code, _, err) = call(&server, "resize-disk vm=web disk=disk.img size=+1G").await;
    assert!(code == 3 && err.contains("Velocity grows no media: make a larger one there"), "{err}");
    let (code, out, err) = call(&server, "create vm=new group=lab disk=disk.img").await;
    assert!(code == 0 && out.contains("until then it cannot be used"), "{out}{err}");
}

#[tokio::test]
async fn no_proxy_stands_before_loopback_and_no_secret_in_the_log() {
    let server = FakeVelocity::new(Face::Head);
    server.world().add("web", "STOPPED");
    let home = tempfile::tempdir().unwrap();
    let password = "password = { env = \"OFFICE\" }\n";
    let url = server.web.url();
    let text = format!("[[host]]\nname = \"office\"\nbackend = \"velocity\"\nurl = \"{url}\"\n{password}");
    std::fs::write(home.path().join("config.toml"), text).unwrap();
    // Nobody listens there.
    let proxy = "http://127.0.0.1:1";
    let env = [("http_proxy", proxy), ("all_proxy", proxy), ("VMDECK_LOG", "trace"), ("OFFICE", "secret")];
    let said = vmdeck_in(home.path(), "call office list", &env).await;
    assert!(said.code == 0 && said.out.contains("web"), "{said:?}");
    let logs = std::fs::read_dir(home.path().join("state")).unwrap().flatten();
    let log: String = logs.filter_map(|file| std::fs::read_to_string(file.path()).ok()).collect();
    assert!(log.contains("/v/vm/list"), "{log}");
    for secret in ["secret", "KEY-", "authkey"] {
        assert!(!log.contains(secret), "{secret} stands in the log:\n{log}");
    }
}
