use super::parse;
use std::time::Duration;
use vmdeck::{
    config::{BackendConfig, Color, Config, PasswordSource, Refresh, Theme, Tls},
    domain::ByteSize,
    runtime::Policy,
};

#[test]
fn an_empty_file_means_the_local_host_alone() {
    let config = parse("").unwrap();
    assert_eq!(config, Config::default());
    assert_eq!(config.hosts.iter().map(|h| h.name.as_str()).collect::<Vec<_>>(), ["local"]);
}

#[test]
fn the_local_host_is_first_unless_it_is_configured_or_hidden() {
    let names = |text: &str| parse(text).unwrap().hosts.iter().map(|h| h.name.as_str().to_owned()).collect::<Vec<_>>();
    let far = "[[host]]\nname = \"far\"\nbackend = \"libvirt\"\nuri = \"qemu+ssh://a@b/system\"\n";
    assert_eq!(names(far), ["local", "far"]);
    let local = "[[host]]\nname = \"local\"\nbackend = \"qemu\"\naccel = \"tcg\"\n";
    assert_eq!(names(&format!("{far}{local}")), ["far", "local"]);
    assert_eq!(names(&format!("{far}{local}enabled = false\n")), ["far"]);
    assert_eq!(names(&format!("{far}[[host]]\nname = \"local\"\nenabled = false\n")), ["far"]);
}

#[test]
fn a_libvirt_that_is_found_is_shown_unless_the_file_speaks_of_one() {
    let names = |text: &str| {
        let config = parse(text).unwrap().with_libvirt("qemu:///system");
        config.hosts.iter().map(|h| format!("{} {}", h.name, h.backend.address())).collect::<Vec<_>>()
    };
    let local = || "local this computer".to_owned();
    assert_eq!(names(""), [local(), "local-libvirt qemu:///system".to_owned()]);
    assert_eq!(names("[[host]]\nname = \"local-libvirt\"\nenabled = false\n"), [local()]);
    let own = "[[host]]\nname = \"mine\"\nbackend = \"libvirt\"\nuri = \"qemu:///session\"\n";
    assert_eq!(names(own), [local(), "mine qemu:///session".to_owned()]);
    let far = "[[host]]\nname = \"far\"\nbackend = \"libvirt\"\nuri = \"qemu+ssh://a@b/system\"\n";
    assert_eq!(names(far).len(), 3);
}

#[test]
fn an_iohyve_that_is_found_is_shown_unless_the_file_speaks_of_it() {
    let names = |text: &str| {
        let config = parse(text).unwrap().with_iohyve();
        config.hosts.iter().map(|h| h.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(""), ["local", "local-iohyve"]);
    assert_eq!(names("[[host]]\nname = \"local-iohyve\"\nenabled = false\n"), ["local"]);
    assert_eq!(names("[[host]]\nname = \"mine\"\nbackend = \"iohyve\"\n"), ["local", "mine"]);
    let far = "[[host]]\nname = \"far\"\nbackend = \"iohyve\"\nssh = \"root@far.example\"\n";
    assert_eq!(names(far), ["local", "far", "local-iohyve"]);
}

#[test]
fn every_section_is_read() {
    let config = parse(
        r#"
        [keys]
        power-off = ["ctrl-x", "X"]
        quit = "Q"
        [ui]
        theme = "mono"
        color = "never"
        ascii = true
        bell = true
        notice = true
        [refresh]
        list = 30
        figures = 3
        graphs = 20
        [fetch]
        ca = "/etc/ca.pem"
        rate = "10M"
        at_once = 4
        worker = "/opt/vmdeck"
        "#,
    )
    .unwrap();
    assert_eq!(config.keys["power-off"], ["ctrl-x", "X"]);
    assert_eq!(config.keys["quit"], ["Q"]);
    assert_eq!((config.ui.color, config.ui.ascii, config.ui.bell), (Color::Never, Some(true), true));
    assert!(config.ui.notice);
    let Refresh { list, figures, graphs } = config.refresh;
    assert_eq!([list, figures, graphs], [30, 3, 20].map(Duration::from_secs));
    let policy = Policy::watching(&config.refresh);
    assert_eq!((policy.poll_every, policy.figures_every), (list, figures));
    assert_eq!((config.ui.theme, config.fetch.ca.as_deref()), (Theme::Mono, Some("/etc/ca.pem".as_ref())));
    assert_eq!(config.fetch.worker.as_deref(), Some("/opt/vmdeck".as_ref()));
    assert_eq!((config.fetch.rate, config.fetch.at_once), (Some(ByteSize(10 << 20)), 4));
}

#[test]
fn colours_are_shown_where_neither_the_theme_nor_the_file_nor_the_person_is_against_them() {
    let has = |text: &str, variable: Option<&str>| parse(text).unwrap().ui.has_color(variable.map(AsRef::as_ref));
    assert!(has("", None) && has("", Some("")) && has("[ui]\ncolor = \"always\"", Some("1")));
    assert!(!has("", Some("1")) && !has("[ui]\ncolor = \"never\"", None));
    assert!(!has("[ui]\ntheme = \"mono\"", None) && !has("[ui]\ntheme = \"mono\"\ncolor = \"always\"", None));
}

#[test]
fn a_locale_without_utf8_means_ascii_unless_the_file_says_otherwise() {
    let ascii = |text: &str, locale: [&str; 3]| parse(text).unwrap().ui.is_ascii(locale.map(|v| Some(v.as_ref())));
    assert!(ascii("", ["C", "", "en_US.UTF-8"]));
    assert!(ascii("[ui]\nascii = \"auto\"", ["", "", "POSIX"]));
    assert!(!ascii("", ["", "", ""]), "nothing is known");
    assert!(!ascii("", ["", "de_DE.utf8", "C"]));
    assert!(!ascii("[ui]\nascii = false", ["C", "", ""]));
    assert!(ascii("[ui]\nascii = true", ["", "", "C.UTF-8"]));
}

#[test]
fn a_remote_host_has_its_fields() {
    let pin = "AB:".repeat(31) + "AB";
    let text = format!(
        "[[host]]\nname = \"bsd1\"\nbackend = \"sysadm\"\nurl = \"wss://bsd1:12150/\"\nuser = \"root\"\n\
         password = {{ command = \"pass show bsd1\" }}\ntls = \"pin\"\npin = \"{pin}\"\n"
    );
    let config = parse(&text).unwrap();
    let BackendConfig::Sysadm(sysadm) = &config.hosts[1].backend else { panic!("{config:?}") };
    assert_eq!(sysadm.password, PasswordSource::Command(["pass", "show", "bsd1"].map(str::to_owned).to_vec()));
    assert_eq!(sysadm.tls, Tls::Pin("ab".repeat(32)));
    let host = config.hosts[1].host();
    assert_eq!((host.backend, host.address.as_str()), ("sysadm", "wss://bsd1:12150"));
}

#[test]
fn a_password_is_read_from_a_file_without_its_line_break() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    std::fs::write(&file, "hunter2\r\nrest").unwrap();
    let secret = PasswordSource::File(file).read_now().unwrap().unwrap();
    assert_eq!(secret.expose(), "hunter2");
    assert!(PasswordSource::File(folder.path().join("none")).read_now().unwrap_err().contains("none cannot be read"));
}
