//! The real program without a terminal: its exit code, and what it wrote.
use std::{
    fs,
    path::Path,
    process::{Output, Stdio},
};
use tokio::process::Command;

/// What the program said on its way out.
#[derive(Debug)]
pub(crate) struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Said {
    /// The last line of the output, which is JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        self.jsons().pop().unwrap()
    }

    /// Every line of the output, each of which is JSON.
    pub(crate) fn jsons(&self) -> Vec<serde_json::Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// Runs `vmdeck` with `words`, which have blanks between them, in the folder `home`.
pub(crate) async fn vmdeck(home: &Path, words: &str) -> Said {
    vmdeck_in(home, words, &[]).await
}

/// The same with an environment.
#[expect(clippy::disallowed_methods, reason = "the program itself is under test")]
pub(crate) async fn vmdeck_in(home: &Path, words: &str, env: &[(&str, &str)]) -> Said {
    let mut program = Command::new(env!("CARGO_BIN_EXE_vmdeck"));
    program
        .args(words.split_whitespace())
        .envs(env.iter().copied())
        .env("VMDECK_HOME", home)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    said(program.output().await.unwrap())
}

/// Runs `vmdeck` with `words` for a user of whom nothing is on this computer: with programs from `folder`/bin too,
/// `folder`/home, and these variables. Root's own files are the system's: for root it is another user.
#[expect(clippy::disallowed_methods, reason = "the program itself is under test")]
pub(crate) async fn vmdeck_as_user(folder: &Path, words: &str, env: &[(&str, &Path)]) -> Said {
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
    program.args(words.split_whitespace()).env_clear().env("PATH", path).env("HOME", folder.join("home"));
    program.envs(env.iter().copied()).stdin(Stdio::null()).kill_on_drop(true);
    said(program.output().await.unwrap())
}

fn said(output: Output) -> Said {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}
