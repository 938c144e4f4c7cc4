//! Completions of shells: what clap makes of the command line, and the words of `call HOST OPERATION` with their help.
use crate::domain::OPS;
use clap::{
    Command,
    builder::{PossibleValue, PossibleValuesParser},
};
use clap_complete::Shell;
use std::fmt::Write as _;

/// What clap leaves out for bash: which word of `call` it is. Its own words come from what clap made.
const BASH: &str = r#"
_vmdeck_words() {
    local word value=0 words=()
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        case "${word}" in
            # A value follows; after `--demo` only where this stands between.
            --config|=) value=1 ;;
            *) if [[ ${value} -eq 1 ]]; then value=0; elif [[ ${word} != -* ]]; then words+=("${word}"); fi ;;
        esac
    done
    if [[ ${value} -eq 0 && $2 != -* && ${words[0]} == call ]]; then
        case ${#words[@]} in
            1) COMPREPLY=( $(compgen -W "@hosts@" -- "$2") ); return 0 ;;
            2) COMPREPLY=( $(compgen -W "@operations@" -- "$2") ); return 0 ;;
        esac
    fi
    _vmdeck "$@"
}
complete -F _vmdeck_words -o bashdefault -o default vmdeck
"#;

/// The same for fish.
const FISH: &str = r"
function __fish_vmdeck_call_has
    set -l words
    set -l value 0
    for word in (commandline -opc)[2..-1]
        if test $value = 1
            set value 0
        else if test $word = --config
            set value 1
        else if not string match -q -- '-*' $word
            set -a words $word
        end
    end
    test (count $words) = $argv[1]; and test $words[1] = call
end
";

/// A script for `shell`; `hosts`: the names of hosts, each with its kind.
pub fn script(shell: Shell, command: Command, hosts: Vec<(String, &'static str)>) -> Vec<u8> {
    // Names that a shell would read in another way are left to be typed.
    let is_plain = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    let hosts = hosts.into_iter().filter(|(name, _)| is_plain(name));
    // clap wants words that last, and the program ends with this.
    let hosts: Vec<(&'static str, _)> = hosts.map(|(name, kind)| (&*name.leak(), kind)).collect();
    let operations: Vec<_> = OPS.iter().map(|row| (row.name, row.help)).collect();
    let mut out = Vec::new();
    let names = |words: &[(&str, &str)]| words.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" ");
    match shell {
        Shell::Bash => {
            generate(shell, command, &mut out);
            let more = BASH.replace("@hosts@", &names(&hosts)).replace("@operations@", &names(&operations));
            out.extend(more.into_bytes());
        }
        Shell::Fish => {
            generate(shell, command, &mut out);
            let mut more = FISH.to_owned();
            for (count, words) in [(1, &hosts), (2, &operations)] {
                for (name, help) in words {
                    let help = help.replace('\\', "\\\\").replace('\'', "\\'");
                    let _ = writeln!(
                        more,
                        "complete -c vmdeck -n '__fish_vmdeck_call_has {count}' -f -a {name} -d '{help}'"
                    );
                }
            }
            out.extend(more.into_bytes());
        }
        // The others tell by the place of a word what it may be.
        _ => {
            let one_of = |words: &[(&'static str, &'static str)]| {
                let value = |(name, help): &(&'static str, &'static str)| PossibleValue::new(*name).help(*help);
                PossibleValuesParser::new(words.iter().map(value).collect::<Vec<_>>())
            };
            let command = command.mut_subcommand("call", |call| {
                call.mut_args(|word| match word.get_id().as_str() {
                    "host" if !hosts.is_empty() => word.value_parser(one_of(&hosts)),
                    "operation" => word.value_parser(one_of(&operations)),
                    _ => word,
                })
            });
            generate(shell, command, &mut out);
        }
    }
    out
}

fn generate(shell: Shell, mut command: Command, out: &mut Vec<u8>) {
    clap_complete::generate(shell, &mut command, "vmdeck", out);
}
