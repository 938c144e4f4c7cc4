//! A host made ready for machines, by the keys of a person.
use crate::support::{apt::Computer, pty::Program};

fn program(computer: &Computer, words: &[&str]) -> Program {
    let fakes = computer.folder().to_str().unwrap();
    Program::with(&computer.folder().join("home"), words, &[("PATH", fakes), ("FAKES", fakes)])
}

#[test]
fn a_downgrade_that_only_new_lists_show_is_asked_for_while_it_installs() {
    let computer = Computer::new(false);
    let mut program = program(&computer, &[]);
    program.until_shown("QEMU is missing");
    for (answer, told) in [("n", "set up this host: cancelled"), ("y", "machines can run here")] {
        std::fs::remove_file(computer.folder().join("lists")).ok();
        program.press("4U");
        program.until_shown("Install what local lacks?");
        program.press("y");
        program
            .until_told("Careful: older versions replace newer ones: qemu-system-common, qemu-utils. Install it so?");
        assert!(computer.installs().is_empty(), "{}", computer.asked());
        program.press(answer);
        program.until_shown(told);
    }
    assert!(computer.is_installed());
    program.press("q");
    program.ends(0);
}

#[test]
fn ctrl_c_at_the_question_of_the_command_ends_it() {
    // At the first one, and at one that came up when the lists of packages were new.
    for has_lists in [true, false] {
        let computer = Computer::new(has_lists);
        let mut program = program(&computer, &["setup", "--yes"]);
        program.until_shown("Run it? [y/N]");
        program.press("\x03");
        program.until_shown("vmdeck: interrupted: nothing was installed");
        program.ends(130);
        assert!(!computer.is_installed());
        assert_eq!(computer.asked().contains("update"), !has_lists, "{}", computer.asked());
    }
}
