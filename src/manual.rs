//! The man page: one, with a section for each command and the table of operations.
use crate::{
    domain::OPS,
    runtime::headless::{NOTES, usage},
};
use clap::Command;
use clap_mangen::Man;
use std::{fmt::Write as _, io};

/// What makes one part of a page.
type Part = fn(&Man, &mut dyn io::Write) -> io::Result<()>;

/// The page of `command`.
pub fn page(command: &Command) -> io::Result<String> {
    let whole = |command: &Command, parts: &[Part]| {
        let mut text = Vec::new();
        let man = Man::new(command.clone());
        parts.iter().try_for_each(|part| part(&man, &mut text))?;
        Ok::<_, io::Error>(String::from_utf8_lossy(&text).into_owned())
    };
    let first: [Part; 5] = [
        |man, out| man.render_title(out),
        |man, out| man.render_name_section(out),
        |man, out| man.render_synopsis_section(out),
        |man, out| man.render_description_section(out),
        |man, out| man.render_options_section(out),
    ];
    let mut page = once(&whole(command, &first)?);
    for own in command.get_subcommands().filter(|own| !own.is_hide_set()) {
        let name = format!("{} {}", command.get_name(), own.get_name());
        let _ = writeln!(page, ".SH \"{}\"", name.to_uppercase());
        let own = own.clone().display_name(&*name).bin_name(&*name).disable_help_flag(true);
        let parts: [Part; 3] = [
            |man, out| man.render_synopsis_section(out),
            |man, out| man.render_description_section(out),
            |man, out| man.render_options_section(out),
        ];
        let has_words = own.get_arguments().next().is_some();
        let text = whole(&own, parts.get(..if has_words { 3 } else { 2 }).unwrap_or(&parts))?;
        // Its own sections are paragraphs here.
        let lines = text.lines().filter(|line| !is_preamble(line));
        let lines = lines.filter_map(|line| match line {
            ".SH SYNOPSIS" => None,
            line if line.starts_with(".SH ") => Some(".PP"),
            line => Some(line),
        });
        lines.for_each(|line| page.extend([line, "\n"]));
    }
    page.push_str(".SH OPERATIONS\nThose of\n.BR \"vmdeck call\" ;\nnot every host offers all of them.\n");
    for row in OPS {
        let line = format!("\\fB{}\\fR {}", row.name, usage(row.op)).trim_end().replace('-', "\\-");
        let _ = writeln!(page, ".TP\n{line}\n{}", row.help);
    }
    let _ = writeln!(page, ".PP\n{}", NOTES.replace('-', "\\-"));
    let last: [Part; 2] = [|man, out| man.render_extra_section(out), |man, out| man.render_version_section(out)];
    let rest = whole(command, &last)?.replace(".SH EXTRA\n", ".SH NOTES\n");
    rest.lines().filter(|line| !is_preamble(line)).for_each(|line| page.extend([line, "\n"]));
    Ok(page)
}

/// What each part defines anew.
fn is_preamble(line: &str) -> bool {
    line.starts_with(".ie ") || line.starts_with(".el ")
}

/// The preamble at the beginning alone.
fn once(text: &str) -> String {
    let lines = text.lines().enumerate().filter(|(n, line)| *n < 2 || !is_preamble(line));
    lines.flat_map(|(_, line)| [line, "\n"]).collect()
}
