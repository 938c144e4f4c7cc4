use vmdeck::{
    domain::{ByteSize, Request, SizeChange},
    runtime::headless::{Asked, parse},
};

fn asked(line: &str) -> Result<Asked, String> {
    let mut words = line.split(' ').map(str::to_owned);
    let op = words.next().unwrap();
    parse(&op, &words.collect::<Vec<_>>(), &mut "hunter2\n".as_bytes()).map_err(|e| e.message)
}

fn request(line: &str) -> Request {
    asked(line).unwrap().request
}

#[test]
fn words_become_requests() {
    let size = SizeChange::By(ByteSize(10 << 30));
    assert_eq!(
        request("resize-disk vm=web disk=disk0 size=+10G"),
        Request::ResizeDisk { vm: "web".into(), disk: "disk0".into(), size }
    );
    let Request::Create { values } = request("create vm=web config.cpus=2 extra=a=b") else { panic!() };
    assert_eq!(
        values.into_iter().collect::<Vec<_>>(),
        [("cpus", "2"), ("extra", "a=b"), ("name", "web")].map(|(k, v)| { (k.to_owned(), v.to_owned()) })
    );
    assert_eq!(request("delete vm=web keep-disks=no yes=web"), Request::Delete { vm: "web".into(), keep_disks: false });
    assert_eq!(
        request("fetch-image url=https://host/x.iso?a=b"),
        Request::FetchImage { url: "https://host/x.iso?a=b".into(), name: None }
    );
    let url = format!("https://host/x.img.xz#sha512={}&unpack", "a".repeat(128));
    assert_eq!(
        request(&format!("fetch-image url=https://host/x.img.xz sha512={} unpack=yes name=y.img", "A".repeat(128))),
        Request::FetchImage { url, name: Some("y.img".into()) }
    );
    assert_eq!(asked("list answer=-").unwrap().answer.unwrap().expose(), "hunter2");
}

#[test]
fn a_wrong_word_is_named_with_what_would_be_right() {
    for (line, sentence) in [
        (
            "lst",
            "no operation is called `lst`: did you mean `list`? `vmdeck call --help` tells all operations, their words and \
             the options.",
        ),
        ("frobnicate vm=web", "no operation is called `frobnicate`: `vmdeck call --help` tells all operations"),
        ("start web", "`web`: write key=value"),
        ("start", "start needs vm=...: write start vm=MACHINE"),
        ("resize-disk vm=a", "resize-disk needs size=...: write resize-disk vm=MACHINE disk=DISK size=20G|+10G"),
        ("add-disk vm=a", "add-disk needs size=...: write add-disk vm=MACHINE [size=20G] [FIELD=VALUE ...]"),
        ("start vm=web force=yes", "start takes vm: `force` is none of them"),
        ("start vm=a vm=b", "`vm` is given twice"),
        ("list vm=a", "list takes nothing: `vm` is none of them"),
        ("create vm=a cpus=2 config.cpus=3", "`cpus` is given twice"),
        ("create vm=a config.name=b", "name: the name is given by vm="),
        ("delete vm=web yes=web", "delete needs keep-disks=yes or keep-disks=no"),
        ("power-off vm=web", "to power off web may lose something: add yes=web"),
        ("power-off vm=web yes=db", "yes=db does not name web: nothing was done"),
        ("delete vm=web keep-disks=maybe yes=web", "keep-disks: `maybe` is neither yes nor no"),
        ("resize-disk vm=web disk=d size=-5G", "size: `-5G` would shrink the disk: disks only grow"),
        ("fetch-image url=http://h/x sha256=12", "sha256: `sha256=12`: a SHA-256 has 64 hexadecimal digits"),
        ("fetch-image url=http://h/x unpack=1", "unpack: `1` is neither yes nor no"),
        (
            "fetch-image url=",
            "url: it is empty: an address begins with https://, http://, ftp://, ftps://, ftpes:// or file://, or is the \
             path of a file",
        ),
        ("fetch-image url=x.iso login=-", "login: write user:password"),
        ("list answer=hunter2", "answer: a secret does not belong here"),
    ] {
        let told = asked(line).unwrap_err();
        assert!(told.starts_with(sentence), "{line}: {told}");
    }
}
