//! What the program finds on this computer by itself.
use crate::support::{
    libvirt::{Own, ssh as script},
    program::vmdeck_as_user,
};
use std::{fs, os::unix::fs::PermissionsExt, os::unix::net::UnixListener, path::Path};

/// What `vmdeck hosts` prints for a user of whom nothing is on this computer, with these variables too.
async fn hosts(folder: &Path, env: &[(&str, &Path)]) -> String {
    vmdeck_as_user(folder, "hosts", env).await.out
}

#[tokio::test]
async fn an_iohyve_of_this_computer_is_a_host_by_itself() {
    let folder = tempfile::Builder::new().prefix("vd").tempdir_in("/tmp").unwrap();
    for name in ["", "bin", "home"] {
        fs::create_dir_all(folder.path().join(name)).unwrap();
        fs::set_permissions(folder.path().join(name), fs::Permissions::from_mode(0o777)).unwrap();
    }
    let said = hosts(folder.path(), &[]).await;
    assert!(said.contains("local") && !said.contains("local-iohyve"), "{said}");
    script(&folder.path().join("bin/iohyve"), "echo 'iohyve v0.7.9 2017/06/26 An Edition'");
    let said = hosts(folder.path(), &[]).await;
    let line = said.lines().find(|line| line.contains("local-iohyve")).unwrap_or_else(|| panic!("{said}"));
    assert!(line.contains("v0.7.9"), "{line}");
    // An installation that keeps to one folder has what is configured there.
    let home = folder.path().join("home");
    let said = hosts(folder.path(), &[("VMDECK_HOME", home.as_path())]).await;
    assert!(said.contains("local") && !said.contains("local-iohyve"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_users_own_libvirt_is_started_where_it_is_configured_and_only_there() {
    let own = Own::new();
    let env = [("XDG_RUNTIME_DIR", own.path("run"))];
    let env: Vec<_> = env.iter().map(|(name, path)| (*name, path.as_path())).collect();
    // One that ended without a word has left its socket: found it may be, meant it was not.
    drop(UnixListener::bind(own.socket()).unwrap());
    fs::set_permissions(own.socket(), fs::Permissions::from_mode(0o777)).unwrap();
    let said = hosts(&own.path(""), &env).await;
    assert!(said.contains("local-libvirt") && own.pid().is_none(), "{said}");

    let home = own.path("home");
    fs::write(home.join("config.toml"), "[[host]]\nname = \"lab\"\nbackend = \"libvirt\"\nuri = \"qemu:///session\"\n")
        .unwrap();
    let env = [env, vec![("VMDECK_HOME", home.as_path())]].concat();
    let list = async || {
        let said = vmdeck_as_user(&own.path(""), "call lab list", &env).await;
        assert_eq!((said.code, said.out.trim()), (0, "NAME  STATE  CPUS  MEMORY  DISK  UP"), "{said:?}");
        own.pid().unwrap()
    };
    let daemon = list().await;
    // It lives on without vmdeck, in a session of its own without a terminal.
    let session_and_terminal = |process: &str| {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
        let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        (fields[3].to_owned(), fields[4].to_owned())
    };
    let (session, terminal) = session_and_terminal(&daemon.to_string());
    assert!(session != session_and_terminal("self").0 && terminal == "0", "{session} {terminal}");
    for stream in 0..=2 {
        let to = fs::read_link(format!("/proc/{daemon}/fd/{stream}"));
        assert!(to.as_ref().is_ok_and(|to| to == Path::new("/dev/null")), "{stream}: {to:?}");
    }
    assert_eq!(list().await, daemon, "the one that runs is used");

    // Who keeps libvirt from it keeps vmdeck from it.
    own.stop().await;
    let env = [env, vec![("LIBVIRT_AUTOSTART", Path::new("0"))]].concat();
    let said = vmdeck_as_user(&own.path(""), "call lab list", &env).await;
    assert!(said.code != 0 && said.err.contains("no libvirt daemon runs here") && own.pid().is_none(), "{said:?}");
}
