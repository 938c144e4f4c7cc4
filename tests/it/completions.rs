//! The generated completions, in the shells that are here: bash itself runs its script.
use std::{fs, path::Path, process::Command};
use vmdeck::domain::OPS;

const CONFIG: &str =
    "[[host]]\nname = \"attic\"\nbackend = \"demo\"\n[[host]]\nname = \"cellar\"\nbackend = \"demo\"\n";

#[expect(clippy::disallowed_methods, reason = "the program under test, and the shell that runs what it wrote")]
fn said(program: &str, words: &[&str], home: &Path) -> String {
    let output = Command::new(program).args(words).env("VMDECK_HOME", home).current_dir(home).output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && err.is_empty(), "{err}");
    String::from_utf8(output.stdout).unwrap()
}

fn script(home: &Path, words: &[&str]) -> String {
    said(env!("CARGO_BIN_EXE_vmdeck"), words, home)
}

/// What bash offers for the last of `words`, which a blank at the end makes an empty one.
fn offered(home: &Path, script: &str, words: &[&str]) -> Vec<String> {
    let quoted: Vec<_> = words.iter().map(|word| format!("'{word}'")).collect();
    let last = words.len() - 1;
    let [.., before, now] = quoted.as_slice() else { panic!("a program and a word") };
    let run = format!(
        "{script}\nCOMP_WORDS=({})\nCOMP_CWORD={last}\n\
         wanted=$(complete -p vmdeck); [[ $wanted =~ -F\\ ([^ ]+) ]]\n\
         ${{BASH_REMATCH[1]}} vmdeck {now} {before}\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"\n",
        quoted.join(" "),
    );
    let file = home.join("run.bash");
    fs::write(&file, run).unwrap();
    said("bash", &[file.to_str().unwrap()], home).lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_hosts_and_operations_where_they_stand() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    fs::write(home.join("config.toml"), CONFIG).unwrap();
    let bash = script(home, &["completions", "bash"]);
    let offered = |words: &[&str]| offered(home, &bash, words);
    let hosts = offered(&["vmdeck", "call", ""]);
    assert!(["attic", "cellar", "local"].iter().all(|name| hosts.iter().any(|host| host == name)), "{hosts:?}");
    assert!(!hosts.iter().any(|word| word == "list"), "{hosts:?}");
    assert_eq!(offered(&["vmdeck", "call", "at"]), ["attic"]);
    let all: Vec<_> = OPS.iter().map(|row| row.name.to_owned()).collect();
    assert_eq!(offered(&["vmdeck", "call", "attic", ""]), all);
    assert_eq!(offered(&["vmdeck", "call", "attic", "res"]), ["reset", "resume", "resize-disk", "resume-fetch"]);
    // Options before them, with values, are no words of theirs; bash parts `=` from what stands around it.
    assert_eq!(offered(&["vmdeck", "--demo", "=", "5", "--config", "x", "call", "--json", "cellar", "ref"]), [""]);
    assert_eq!(offered(&["vmdeck", "--config", "x", "call", "--json", "cellar", "shut"]), ["shut-down"]);
    assert_eq!(offered(&["vmdeck", "--demo", "call", "cel"]), ["cellar"]);
    assert_eq!(offered(&["vmdeck", "--dem"]), ["--demo"]);
    assert_eq!(offered(&["vmdeck", "call", "--js"]), ["--json"]);
    assert_eq!(offered(&["vmdeck", "completions", "z"]), ["zsh"]);
    assert!(offered(&["vmdeck", ""]).iter().any(|word| word == "call"));
    fs::write(home.join("other.toml"), "").unwrap();
    assert_eq!(offered(&["vmdeck", "--config", "oth"]), ["other.toml"]);
}

#[test]
fn the_hosts_are_those_of_the_words_and_a_mistake_leaves_the_rest() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let demo = script(home, &["--demo", "completions", "bash"]);
    assert_eq!(offered(home, &demo, &["vmdeck", "call", ""]), ["alpha", "beta"]);
    fs::write(home.join("config.toml"), "[[host").unwrap();
    let broken = script(home, &["completions", "bash"]);
    assert_eq!(offered(home, &broken, &["vmdeck", "call", "attic", "eje"]), ["eject-image"]);
}

#[test]
fn other_shells_are_told_what_an_operation_does() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("config.toml"), CONFIG).unwrap();
    let told = |shell: &str| script(home.path(), &["completions", shell]);
    let zsh = told("zsh");
    assert!(zsh.contains(r#"resize-disk\:"Grow a disk""#) && zsh.contains(r#"cellar\:"demo""#), "{zsh}");
    let fish = told("fish");
    for line in ["_has 1' -f -a cellar -d 'demo'\n", "_has 2' -f -a resize-disk -d 'Grow a disk'\n"] {
        assert!(fish.contains(line), "{line} in {fish}");
    }
    for shell in ["elvish", "powershell"] {
        assert!(told(shell).contains("vmdeck"));
    }
}
