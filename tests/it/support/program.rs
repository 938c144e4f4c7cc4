//! The real program without a terminal: its exit code, and what it wrote.
use std::{path::Path, process::Stdio};
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
    let output = program.output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}
