//! The table of bindings as documentation: a test compares both with what stands in the files.
use super::{BINDINGS, Binding, Scope};
use std::fmt::Write as _;

const SCOPES: [Scope; 10] = [
    Scope::Machines,
    Scope::Images,
    Scope::Tasks,
    Scope::Hosts,
    Scope::Nodes,
    Scope::List,
    Scope::Global,
    Scope::Filter,
    Scope::Dialog,
    Scope::Form,
];

fn rows(scope: Scope) -> impl Iterator<Item = &'static Binding> {
    BINDINGS.iter().filter(move |b| b.scope == scope)
}

/// The README's table of keys, in Markdown.
pub fn readme_table() -> String {
    let mut text = String::from("| Where | Keys | What | Name |\n|---|---|---|---|\n");
    for scope in SCOPES {
        for row in rows(scope) {
            let keys: Vec<String> = row.keys.iter().map(|k| format!("`{k}`")).collect();
            let _ = writeln!(text, "| {} | {} | {} | `{}` |", scope.title(), keys.join(" "), row.help, row.name);
        }
    }
    text
}

/// The `[keys]` part of the example configuration: every action with its default keys.
pub fn config_table() -> String {
    let mut text = String::from("[keys]\n");
    for scope in SCOPES {
        let _ = writeln!(text, "# {}", scope.title());
        for row in rows(scope) {
            let keys: Vec<String> = row.keys.iter().map(|k| format!("\"{k}\"")).collect();
            let _ = writeln!(text, "#{} = [{}]  # {}", row.name, keys.join(", "), row.help);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_tables_hold_every_action() {
        for text in [readme_table(), config_table()] {
            for row in BINDINGS {
                assert!(text.contains(row.name) && text.contains(row.help), "{} is missing", row.name);
            }
        }
    }
}
