use super::parse;

/// The message for `text`, without the file's name.
fn mistake(text: &str) -> String {
    let error = parse(text).unwrap_err().to_string();
    error.strip_prefix("c.toml:").unwrap().to_owned()
}

fn host(lines: &str) -> String {
    mistake(&format!("[[host]]\nname = \"h\"\n{lines}\n"))
}

#[test]
fn unknown_names_are_told_with_the_nearest() {
    assert_eq!(
        mistake("[ui]\nascii = true\ntehme = \"dark\""),
        "3: nothing is called `tehme` in [ui]: did you mean `theme`?"
    );
    assert_eq!(mistake("\n[fecth]\nrate = \"1M\""), "2: nothing is called `fecth` here: did you mean `fetch`?");
    assert_eq!(
        mistake("[refresh]\nzzz = 1"),
        "2: nothing is called `zzz` in [refresh]: there are figures, graphs, list"
    );
    assert_eq!(
        mistake("[[host]]\nname = \"local\"\naccell = \"kvm\""),
        "3: nothing is called `accell` in [[host]] local: did you mean `accel`?"
    );
    assert_eq!(host("backend = \"qmeu\""), "3: [[host]] h backend: `qmeu`: did you mean `qemu`?");
    assert_eq!(
        host("backend = \"qemu\"\nurl = \"http://x\""),
        "4: nothing is called `url` in [[host]] h: there are accel, backend, enabled, images, machines, name, program, qemu_img, run"
    );
}

#[test]
fn bad_values_are_told_with_what_would_be_right() {
    let cases = [
        ("[ui]\ntheme = \"mnoo\"", "2: [ui] theme: `mnoo`: did you mean `mono`?"),
        ("[ui]\nascii = \"yes\"", "2: [ui] ascii: `yes`: \"auto\", true or false"),
        ("[refresh]\nlist = 0", "2: [refresh] list: `0`: a whole number from 1 to 3600"),
        ("[refresh]\nlist = -1", "2: [refresh] list: `-1`: a whole number from 1 to 3600"),
        ("[fetch]\nca = \"x.pem\"", "2: [fetch] ca: `x.pem`: write the whole path, from `/` or `~/`"),
        (
            "[keys]\nquit = [\"foo\"]",
            "2: [keys]: quit: no key is called `foo`: write a character, or enter, esc, f1, ctrl-x ...",
        ),
        ("host = 3", "1: host: write [[host]], in double brackets"),
        ("[[host]]\nbackend = \"qemu\"", "1: [[host]]: `name` is missing: write name = \"a-name-of-your-choice\""),
    ];
    for (text, told) in cases {
        assert_eq!(mistake(text), told, "{text}");
    }
    assert!(mistake("[ui\n").starts_with("1: this is not TOML: "), "{}", mistake("[ui\n"));
    assert!(host("backend = \"demo\"\n[[host]]\nname = \"h\"\nbackend = \"demo\"").contains("two hosts called `h`"));
}

#[test]
fn a_plain_password_is_refused_and_never_shown() {
    let base = "backend = \"velocity\"\nurl = \"http://v:8090\"\n";
    let told = host(&format!("{base}password = \"hunter2\""));
    assert!(told.starts_with("5: [[host]] h password: it does not belong in this file: write { env ="), "{told}");
    assert!(!told.contains("hunter2"));
    let told = host("backend = \"velocity\"\nurl = \"http://me:hunter2@v:8090\"");
    assert!(told.starts_with("4: [[host]] h url: a user or password in an address would be printed"), "{told}");
    assert!(!told.contains("hunter2"));
    let told = host(&format!("{base}password = {{ command = \"pass show $HOST\" }}"));
    assert!(told.contains("no shell reads it"), "{told}");
    assert!(host(&format!("{base}password = {{ env = \"A\", file = \"/b\" }}")).contains("one source only"));
    assert!(host(&format!("{base}password = {{}}")).contains("{ env = \"NAME\" }"));
}

#[test]
fn addresses_must_fit_their_backend() {
    for (lines, part) in [
        ("backend = \"sysadm\"\nurl = \"ftp://x\"", "an address like wss://host, https://host"),
        ("backend = \"sysadm\"", "`url` is missing: write url = \"wss://host:12150\""),
        (
            "backend = \"sysadm\"\nurl = \"wss://x\"\ntoken = { env = \"A\" }\nkey = \"/k\"",
            "`token` and `key` are two ways to sign in: write one",
        ),
        (
            "backend = \"sysadm\"\nurl = \"wss://x\"\nuser = \"a\"\nkey = \"/k\"",
            "a token or a key tells the user by itself",
        ),
        ("backend = \"sysadm\"\nurl = \"wss://x\"\ntoken = \"abc\"", "it does not belong in this file"),
        ("backend = \"govirthost\"\nurl = \"nonsense\"", "this is not an address"),
        ("backend = \"libvirt\"\nuri = \"qemu+ssh://-oProxyCommand=x/system\"", "qemu+ssh://user@host/system"),
        ("backend = \"libvirt\"\nuri = \"xen:///system\"", "qemu:///system"),
        ("backend = \"libvirt\"\nuri = \"qemu+ssh://a:hunter2@b/system\"", "a password in a URI would be printed"),
        ("backend = \"libvirt\"\nuri = \"qemu:///system\"\npeer_uri = \"qemu:///system\"", "names no other computer"),
        ("backend = \"iohyve\"\nssh = \"-oProxyCommand=x\"", "user@host"),
        ("backend = \"lochness\"\nkv = [\"http://a:4001\", \"b\"]", "this is not an address"),
        (
            "backend = \"chypervisord\"\nurl = \"http://proxy/prefix\"",
            "4: [[host]] h url: `http://proxy/prefix`: this kind of host is not looked for below a path",
        ),
        (
            "backend = \"chypervisord\"\nurl = \"http://c\"\nguests_url = \"http://proxy/g\"",
            "5: [[host]] h guests_url: `http://proxy/g`: this kind",
        ),
        ("backend = \"lochness\"\nkv = [\"http://a:4001/\", \"http://b/v2\"]", "`http://b/v2`: this kind"),
        ("backend = \"velocity\"\nurl = \"https://v\"\ntls = \"pin\"", "the SHA-256 fingerprint"),
        ("backend = \"velocity\"\nurl = \"https://v\"\npin = \"ab\"", "`pin` needs tls = \"pin\""),
        (
            "backend = \"chypervisord\"\nurl = \"https://c\"\nkey = \"/k\"",
            "5: [[host]] h key: write cert = \"/file\" too: the certificate of the key",
        ),
        ("backend = \"chypervisord\"\nurl = \"https://c\"\ntls = \"none\"", "accept-new"),
        (
            "backend = \"lochness\"\nkv = \"http://a\"\npassword = { env = \"A\" }",
            "5: [[host]] h password: write user = \"..\" too: whose it is",
        ),
        ("backend = \"lochness\"\nkv = \"http://a\"\nuser = \"a:b\"", "5: [[host]] h user: `a:b`: a user of etcd"),
        ("backend = \"velocity\"\nurl = \"https://v\"\ncert = \"c.pem\"", "[[host]] h cert"),
    ] {
        let told = host(lines);
        assert!(told.contains(part) && !told.contains("hunter2"), "{lines}: {told}");
    }
}

/// Where nothing is protected, nothing may look as if it were.
#[test]
fn certificates_of_a_server_that_has_none_are_told() {
    for backend in ["chypervisord", "govirthost", "velocity", "lochness", "sysadm"] {
        let field = if backend == "lochness" { "kv" } else { "url" };
        let said = [
            "tls = \"accept-new\"",
            "tls = \"pin\"\npin = \"ab\"",
            "pin = \"ab\"",
            "ca = \"/c\"",
            "cert = \"/c\"",
            "key = \"/k\"",
        ];
        for line in
            said.iter().filter(|line| backend != "sysadm" || !(line.starts_with("cert") || line.starts_with("key")))
        {
            let told = host(&format!("backend = \"{backend}\"\n{field} = \"http://x\"\n{line}"));
            let name = line.split(' ').next().unwrap();
            let right = "http:// has no certificates: write https:// there, or leave this out";
            assert_eq!(told, format!("5: [[host]] h {name}: {right}"), "{backend} {line}");
        }
    }
    let told = host("backend = \"sysadm\"\nurl = \"ws://x\"\ntls = \"insecure\"");
    assert!(told.contains("ws:// has no certificates: write wss:// there"), "{told}");
    // One of several is enough; a key of a SysAdm server is no certificate's.
    for lines in [
        "backend = \"chypervisord\"\nurl = \"http://c\"\nguests_url = \"https://g\"\nca = \"/c\"",
        "backend = \"lochness\"\nkv = [\"http://a\", \"HTTPS://b\"]\ntls = \"accept-new\"",
        "backend = \"sysadm\"\nurl = \"ws://x\"\nkey = \"/k\"",
        // A server of Velocity may stand below a path; nothing else has one.
        "backend = \"velocity\"\nurl = \"http://proxy/velocity/\"",
        "backend = \"chypervisord\"\nurl = \"http://c:17000/\"",
    ] {
        parse(&format!("[[host]]\nname = \"h\"\n{lines}\n")).unwrap();
    }
}
