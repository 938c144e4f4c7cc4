//! What the program finds on this computer by itself.
use crate::support::libvirt::ssh as script;
use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Stdio};
use tokio::process::Command;

/// What `vmdeck hosts` prints for a user of whom nothing is on this computer, with these variables too. Root's own files
/// are the system's: for root it is another user.
#[expect(clippy::disallowed_methods, reason = "the program itself is under test")]
async fn hosts(folder: &Path, env: &[(&str, &Path)]) -> String {
    let own = folder.join("vmdeck");
    if !own.exists() {
        // Where it was built, another user may not get to it.
        let built = env!("CARGO_BIN_EXE_vmdeck");
        fs::hard_link(built, &own).or_else(|_| fs::copy(built, &own).map(drop)).unwrap();
    }
    let mut program = Command::new(&own);
    if rustix::process::geteuid().is_root() {
        program = Command::new("setpriv");
        program.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]).arg(&own);
    }
    let path = std::env::join_paths([folder.join("bin"), "/usr/bin".into(), "/bin".into()]).unwrap();
    program.arg("hosts").env_clear().env("PATH", path).env("HOME", folder.join("home")).envs(env.iter().copied());
    let output = program.stdin(Stdio::null()).kill_on_drop(true).output().await.unwrap();
    String::from_utf8(output.stdout).unwrap()
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
