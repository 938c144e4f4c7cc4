//! Every outcome of a call, on machines in memory; and the real program's way there.
use crate::support::program::vmdeck;
use serde_json::{Value, json};
use std::path::Path;
use tokio_util::sync::CancellationToken;
use vmdeck::{
    config::{Config, Paths},
    runtime::headless::{self, Call, Streams},
};

const G: u64 = 1 << 30;

const HOSTS: &str = "[[host]]\nname = \"local\"\nbackend = \"qemu\"\nenabled = false\n\
    [[host]]\nname = \"home\"\nbackend = \"demo\"\n\
    [[host]]\nname = \"small\"\nbackend = \"demo\"\nscene = \"lab\"\nwithout = [\"pause\", \"resize-disk\"]\n";

/// The exit code, and what was written to stdout and stderr.
async fn call(line: &str, is_terminal: bool) -> (u8, String, String) {
    let config = Config::parse(Path::new("test.toml"), HOSTS).unwrap();
    let mut words = line.split(' ').map(str::to_owned);
    let (host, op) = (words.next().unwrap(), words.next().unwrap());
    let (options, words): (Vec<_>, _) = words.partition(|word| word == "--json");
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut streams =
        Streams { input: &mut "".as_bytes(), out: &mut out, err: &mut err, is_terminal, is_person: false };
    let call = Call { host, op, words, json: !options.is_empty(), detach: false };
    let paths = Paths::below(Path::new("/nowhere"));
    let code = headless::call(&config, &paths, &call, &mut streams, CancellationToken::new()).await;
    (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

#[tokio::test(start_paused = true)]
async fn what_was_read_back_is_said() {
    for (line, said) in [
        ("home start vm=web2", "web2 is running\n"),
        ("home resize-disk vm=web2 disk=disk0 size=+1G", "web2 disk0: 20 → 21 GiB, read back 21 GiB\n"),
        ("home power-off vm=web1 yes=web1", "web1 is off\n"),
        ("home reset vm=web1 yes=web1", "reset web1: done\n"),
        ("home set-property vm=web2 name=cpus value=4", "cpus of web2 is 4\n"),
        ("home set-property vm=web1 name=cpus value=4", "cpus of web1 is 4 at the next start; until then it is 2\n"),
        ("home delete vm=web2 keep-disks=no yes=web2", "web2 is gone\n"),
    ] {
        assert_eq!(call(line, false).await, (0, said.to_owned(), String::new()), "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn lists_are_columns() {
    let (code, out, err) = call("home list", false).await;
    assert_eq!((code, err.as_str()), (0, ""));
    let mut lines = out.lines();
    assert_eq!(lines.next(), Some("NAME      STATE                 CPUS  MEMORY  DISK     UP"));
    assert!(lines.any(|line| line == "web2      off                   2     2 GiB   20 GiB   –"), "{out}");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_is_told_on_stderr_with_its_exit_code() {
    for (line, wanted, sentence) in [
        ("home resize-disk vm=web2 disk=disk0 size=10G", 2, "size: 10 GiB is smaller than 20 GiB: disks only grow"),
        ("home power-off vm=web1", 2, "to power off web1 may lose something: add yes=web1"),
        ("home start vm=nope", 1, "no machine is called nope"),
        ("home start vm=web1", 1, "start web1: it is running already"),
        ("home resize-disk vm=web2 disk=disk7 size=+1G", 1, "web2 has no disk called disk7"),
        ("small pause vm=db", 3, "pause: this demo does without"),
        ("small resize-disk vm=db disk=disk0 size=+1G", 3, "resize-disk: this demo does without"),
        ("home fetch-image url=https://x/a-broken", 1, "the connection was lost at 61 %"),
    ] {
        let (code, out, err) = call(line, false).await;
        assert_eq!((code, out.as_str(), err), (wanted, "", format!("vmdeck: {sentence}\n")), "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn json_has_one_shape() {
    let (code, out, err) = call("home resize-disk vm=web2 disk=disk0 size=+1G --json", false).await;
    assert_eq!((code, err.as_str()), (0, ""));
    let result = json!({ "vm": "web2", "disk": "disk0", "from": 20 * G, "to": 21 * G });
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(told, json!({ "host": "home", "op": "resize-disk", "ok": true, "result": result, "error": null }));
    let (code, out, err) = call("small pause vm=db --json", false).await;
    assert_eq!((code, err.as_str()), (3, ""));
    let error = json!({ "kind": "unsupported", "message": "pause: this demo does without" });
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(told, json!({ "host": "small", "op": "pause", "ok": false, "result": null, "error": error }));
    let (_, out, _) = call("home list --json", false).await;
    let told: Value = serde_json::from_str(&out).unwrap();
    let vms = told["result"].as_array().unwrap();
    let web2 = vms.iter().find(|vm| vm["name"] == "web2").unwrap();
    let wanted = json!({
        "id": "web2", "name": "web2", "state": "off", "remark": null, "cpus": 2, "memory": 2 * G, "disk": 20 * G,
        "started": null, "details": {},
    });
    assert_eq!(*web2, wanted);
}

#[tokio::test(start_paused = true)]
async fn json_of_a_change_has_what_was_read_back() {
    for (line, path, wanted) in [
        ("start vm=web2", "/state", json!("running")),
        ("pause vm=web1", "/state", json!("paused")),
        ("power-off vm=web1 yes=web1", "/state", json!("off")),
        ("create vm=new memory=1G disk=4G", "/name", json!("new")),
        (
            "set-property vm=web2 name=cpus value=4",
            "",
            json!({ "name": "cpus", "value": "4", "current": null, "read_only": null }),
        ),
        (
            "set-property vm=web1 name=cpus value=4",
            "",
            json!({ "name": "cpus", "value": "4", "current": "2", "read_only": null }),
        ),
        ("add-disk vm=web2 size=4G", "/size", json!(4 * G)),
        ("eject-image vm=web1", "/0/id", json!("disk0")),
        ("list-disks vm=web1", "/0/stays", json!(false)),
        ("delete vm=web2 keep-disks=no yes=web2", "", Value::Null),
    ] {
        let (code, out, err) = call(&format!("home {line} --json"), false).await;
        assert_eq!((code, err.as_str()), (0, ""), "{line}");
        let told: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(told["result"].pointer(path), Some(&wanted), "{line}: {out}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_way_to_a_console_is_told() {
    let (code, out, _) = call("home open-console vm=web1", false).await;
    assert!(code == 0 && out.starts_with('/') && out.lines().count() == 1, "{out:?}");
    let (_, out, _) = call("home open-console vm=web1 --json", false).await;
    let told: Value = serde_json::from_str(&out).unwrap();
    assert!(told["result"]["socket"].as_str().is_some_and(|path| path.starts_with('/')), "{out}");
}

#[tokio::test(start_paused = true)]
async fn a_fetch_tells_how_far_it_is() {
    let line = "home fetch-image url=https://host/netinst.iso name=new.iso";
    let (code, out, _) = call(&format!("{line} --json"), false).await;
    assert_eq!(code, 0);
    let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (end, progress) = lines.split_last().unwrap();
    assert_eq!((&end["ok"], &end["result"]["name"]), (&json!(true), &json!("new.iso")));
    assert!(progress.len() > 10, "{out}");
    let done = |line: &Value| line["progress"]["done"].as_u64().unwrap();
    assert!(progress.windows(2).all(|two| done(&two[0]) < done(&two[1])), "{out}");
    assert!(progress.iter().all(|line| line["progress"]["total"] == end["result"]["size"]), "{out}");
    // A person sees one line that changes, a pipe only the end.
    let (_, out, _) = call(line, true).await;
    assert!(out.matches("\r\x1b[K").count() > 10 && out.contains("MiB/s") && out.contains(" %"), "{out:?}");
    let (_, out, _) = call(line, false).await;
    assert_eq!((out.lines().count(), out.contains('\x1b')), (1, false), "{out:?}");
}

#[tokio::test]
async fn the_program_itself_keeps_to_it() {
    let home = tempfile::tempdir().unwrap();
    let (grown, shrunk, asked) = tokio::join!(
        vmdeck(home.path(), "--demo call alpha resize-disk vm=web2 disk=disk0 size=+1G --json"),
        vmdeck(home.path(), "call alpha resize-disk vm=web2 disk=disk0 size=1G --demo"),
        vmdeck(home.path(), "call alpha power-off vm=web1 --demo"),
    );
    assert_eq!((grown.code, &grown.json()["result"]["to"]), (0, &json!(21 * G)), "{grown:?}");
    assert_eq!((shrunk.code, shrunk.out.as_str()), (2, ""), "{shrunk:?}");
    assert_eq!(asked.err, "vmdeck: to power off web1 may lose something: add yes=web1\n");
    std::fs::write(home.path().join("config.toml"), HOSTS).unwrap();
    let (listed, missing, table) = tokio::join!(
        vmdeck(home.path(), "call home list"),
        vmdeck(home.path(), "call small pause vm=db"),
        vmdeck(home.path(), ""),
    );
    assert!(listed.code == 0 && listed.out.contains("\nweb2 "), "{listed:?}");
    assert_eq!((missing.code, missing.err.as_str()), (3, "vmdeck: pause: this demo does without\n"), "{missing:?}");
    assert!(table.code == 0 && table.out.contains("\nhome ") && table.out.contains("\nsmall "), "{table:?}");
}
