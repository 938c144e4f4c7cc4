//! From the configuration to a SysAdm server and back, through the same actor as the screen.
use crate::support::{fake_iohyve::Face, fake_sysadm::FakeSysadm, fake_sysadm_world::TOKEN};
use std::path::Path;
use tokio_util::sync::CancellationToken;
use vmdeck::{
    config::{Config, Paths},
    runtime::headless::{self, Call, Streams},
};

/// The exit code, and what was written to stdout and stderr. `password` is a table of the configuration.
async fn call(server: &FakeSysadm, password: &str, line: &str) -> (u8, String, String) {
    let text = format!("[[host]]\nname = \"bsd1\"\nbackend = \"sysadm\"\nurl = \"{}\"\n{password}", server.url());
    let config = Config::parse(Path::new("test.toml"), &text).unwrap();
    let mut words = line.split(' ').map(str::to_owned);
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut streams = Streams { input: &mut "".as_bytes(), out: &mut out, err: &mut err, is_terminal: false };
    let call =
        Call { host: "bsd1".to_owned(), op: words.next().unwrap(), words: words.collect(), json: false, detach: false };
    let paths = Paths::below(Path::new("/nowhere"));
    let code = headless::call(&config, &paths, &call, &mut streams, CancellationToken::new()).await;
    (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

#[tokio::test]
async fn a_call_reads_back_what_the_server_has() {
    let server = FakeSysadm::new(Face::Recorded).await;
    server.world().iohyve.add("web", "10G");
    let program = "password = { command = [\"/bin/sh\", \"-c\", \"echo $0\", \"secret\"] }\n";
    let grown = call(&server, program, "resize-disk vm=web disk=disk0 size=+10G").await;
    assert_eq!(grown, (0, "web disk0: 10 → 20 GiB, read back 20 GiB\n".to_owned(), String::new()));
    assert_eq!(call(&server, program, "start vm=web").await.1, "web is running\n");
    let (code, _, err) = call(&server, program, "power-off vm=web yes=web").await;
    assert_eq!((code, err.contains("SysAdm offers no way to power off")), (3, true), "{err}");
    server.world().iohyve.lies = vec!["renameiso"];
    server.world().iohyve.isos.push("a.iso".to_owned());
    let (code, _, err) = call(&server, program, "rename-image image=a.iso name=b.iso").await;
    assert_eq!((code, err.contains("the host said yes, but it is not there")), (1, true), "{err}");
}

#[tokio::test]
async fn a_server_is_set_up_with_what_it_wants_to_know() {
    let server = FakeSysadm::new(Face::Recorded).await;
    server.world().iohyve.bare();
    server.world().pools = Some(vec!["tank", "zroot"]);
    let password = "password = { command = [\"/bin/echo\", \"secret\"] }\n";
    let (code, out, _) = call(&server, password, "check-setup").await;
    assert_eq!(code, 0);
    for line in ["to install: iohyve setup pool=POOL kmod=1 net=NIC", "set-up wants pool=: one of tank, zroot"] {
        assert!(out.lines().any(|l| l == line), "{line}: {out}");
    }
    let (code, _, err) = call(&server, password, "set-up pool=tank").await;
    assert_eq!((code, err.contains("nic: Network device is needed: one of em0, re0, wlan0")), (2, true), "{err}");
    let done = call(&server, password, "set-up pool=tank nic=em0").await;
    assert_eq!(done, (0, "the host is set up\n".to_owned(), String::new()));
    assert_eq!(server.world().iohyve.home, Some("tank"));
}

#[tokio::test]
async fn a_password_that_cannot_be_had_is_told() {
    let server = FakeSysadm::new(Face::Documented).await;
    let (code, _, err) = call(&server, "password = { command = [\"/bin/false\"] }\n", "list").await;
    assert_eq!((code, err.contains("password: false failed")), (4, true), "{err}");
    let (code, _, err) = call(&server, "", "list").await;
    assert_eq!((code, err.contains("bsd1 asks: Password of root on 127.0.0.1")), (4, true), "{err}");
    assert!(server.world().requests.iter().all(|r| r["name"] != "auth"), "no password was tried");
}

#[tokio::test]
async fn a_token_or_a_key_signs_in_as_well() {
    let server = FakeSysadm::new(Face::Recorded).await;
    server.world().iohyve.add("web", "10G");
    let key = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/sysadm/sign-in.key");
    let ways = [
        format!("token = {{ command = [\"/bin/sh\", \"-c\", \"echo {TOKEN}\"] }}\n"),
        format!("key = \"{}\"\n", key.display()),
    ];
    for way in ways {
        let (code, out, err) = call(&server, &way, "start vm=web").await;
        assert_eq!((code, out.as_str()), (0, "web is running\n"), "{way}: {err}");
    }
    let (code, _, err) = call(&server, "token = { env = \"VMDECK_NO_SUCH_VARIABLE\" }\n", "list").await;
    assert_eq!((code, err.contains("token: the variable VMDECK_NO_SUCH_VARIABLE is not set")), (4, true), "{err}");
}
