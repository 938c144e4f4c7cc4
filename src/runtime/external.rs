//! The terminal lent: to a machine's serial console, to the person's editor.
use super::console::{RESET, attach};
use crate::{
    domain::{Error, ErrorKind, Result, clean},
    transport::Program,
};
use rustix::fs::{Mode, OFlags, open};
use std::{
    env,
    fs::{self, File, Permissions},
    io::{self, Write as _, stdout},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
    time::Duration,
};
use tokio::{io::AsyncReadExt, net::unix::pipe, time::timeout};

/// What the terminal needs to answer a guest's last questions.
const ANSWERS: Duration = Duration::from_millis(30);

/// The terminal through a file of its own, which is read and written as a pipe is: its reads can be given up without
/// losing a key, and that it does not block concerns nobody else.
pub(super) fn terminal(access: OFlags) -> io::Result<File> {
    Ok(open("/dev/tty", access | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?.into())
}

/// Undoes what the guest did to the terminal where the console ends without a word: the program is told to stop.
struct Undo;

impl Drop for Undo {
    fn drop(&mut self) {
        let mut out = stdout();
        let _ = out.write_all(RESET.as_bytes()).and_then(|()| out.flush());
    }
}

/// Attaches the terminal, which is in raw mode, to a machine's console until the person leaves or the machine goes off.
pub(super) async fn serial(title: &str, socket: &Path, history: Option<&Path>) -> Result<()> {
    let ends = || -> io::Result<_> {
        let input = pipe::Receiver::from_file_unchecked(terminal(OFlags::RDONLY)?)?;
        Ok((input, pipe::Sender::from_file_unchecked(terminal(OFlags::WRONLY)?)?))
    };
    let (mut input, output) = ends().map_err(|why| Error::from(why).context("the terminal cannot be read"))?;
    let undo = Undo;
    let left = attach(title, socket, history, &mut input, output).await;
    std::mem::forget(undo);
    let mut buffer = [0; 1024];
    while let Ok(Ok(1..)) = timeout(ANSWERS, input.read(&mut buffer)).await {}
    left.map(|_| ())
}

/// Gives the terminal, which is in nobody's modes, to a program that shows a machine's console; says before how the
/// person leaves it.
pub(super) async fn show(title: &str, program: &Program, leave: &str) -> Result<()> {
    let mut out = stdout();
    writeln!(out, "Serial console of {} · {leave}", clean(title, 60))?;
    out.flush()?;
    ended_well(program, program.with_terminal().await?)
}

/// A program that had the terminal ends with 0 where all is well.
fn ended_well(program: &Program, code: Option<i32>) -> Result<()> {
    let how = match code {
        Some(0) => return Ok(()),
        Some(code) => format!("it ended with {code}"),
        None => "a signal ended it".to_owned(),
    };
    Err(Error::new(ErrorKind::Cancelled, format_args!("{}: {how}", program.name())))
}

/// The largest text that is taken from an editor, in bytes.
const LARGEST: u64 = 4 << 20;

/// Lets the person edit `text` in a file of this name, which nobody else can read. The terminal is in nobody's modes.
pub(super) async fn edit(name: &str, text: &str) -> Result<String> {
    let folder = tempfile::Builder::new().prefix("vmdeck-").permissions(Permissions::from_mode(0o700)).tempdir()?;
    let path = folder.path().join(file_name(name));
    File::options().write(true).create_new(true).mode(0o600).open(&path)?.write_all(text.as_bytes())?;
    let program = editor().operand(&path)?;
    ended_well(&program, program.with_terminal().await?)?;
    if fs::metadata(&path)?.len() > LARGEST {
        return Err(Error::invalid("the text is longer than any description"));
    }
    String::from_utf8(fs::read(&path)?).map_err(|_| Error::invalid("the text is not in UTF-8"))
}

/// What the person edits with: `$VISUAL`, `$EDITOR`, vi. Its words are arguments; no shell reads them.
fn editor() -> Program {
    let named = ["VISUAL", "EDITOR"].into_iter().filter_map(|name| env::var(name).ok());
    let line = named.into_iter().find(|line| !line.trim().is_empty()).unwrap_or_else(|| "vi".to_owned());
    let mut words = line.split_whitespace();
    Program::new(words.next().unwrap_or("vi")).args(words)
}

/// `name` without what makes it another place or an option.
fn file_name(name: &str) -> String {
    let plain = |c: char| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '_' };
    let name: String = name.chars().rev().take(100).collect::<Vec<_>>().into_iter().rev().map(plain).collect();
    name.trim_start_matches(['-', '.']).to_owned()
}
