//! The program: its words go to [`vmdeck::cli`], which returns the exit code.
use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(vmdeck::cli::run(std::env::args_os()))
}
