//! The terminal lent to a machine's serial console.
use super::console::{RESET, attach};
use crate::{
    backend::Console,
    domain::{Error, Result},
};
use rustix::fs::{Mode, OFlags, open};
use std::{
    fs::File,
    io::{self, Write as _, stdout},
    time::Duration,
};
use tokio::{io::AsyncReadExt, net::unix::pipe, time::timeout};

/// What the terminal needs to answer a guest's last questions.
const ANSWERS: Duration = Duration::from_millis(30);

/// The terminal through a file of its own, which is read and written as a pipe is: its reads can be given up without
/// losing a key, and that it does not block concerns nobody else.
fn terminal(access: OFlags) -> io::Result<File> {
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
pub(super) async fn serial(title: &str, console: &Console) -> Result<()> {
    let ends = || -> io::Result<_> {
        let input = pipe::Receiver::from_file_unchecked(terminal(OFlags::RDONLY)?)?;
        Ok((input, pipe::Sender::from_file_unchecked(terminal(OFlags::WRONLY)?)?))
    };
    let (mut input, output) = ends().map_err(|why| Error::from(why).context("the terminal cannot be read"))?;
    let undo = Undo;
    let left = attach(title, console, &mut input, output).await;
    std::mem::forget(undo);
    let mut buffer = [0; 1024];
    while let Ok(Ok(1..)) = timeout(ANSWERS, input.read(&mut buffer)).await {}
    left.map(|_| ())
}
