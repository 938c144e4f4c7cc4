//! How ssh asks a person while the screen is not its own: it starts this program where others have one that opens a window,
//! which passes the question on through a private socket and prints the answer.
use super::{Program, at};
use crate::domain::{Error, Result, Secret};
use std::{
    env,
    ffi::OsStr,
    fs::{self, DirBuilder, Permissions},
    io::{self, Read, Write},
    os::unix::{
        ffi::OsStrExt,
        fs::{DirBuilderExt, PermissionsExt},
        net,
    },
    path::{Path, PathBuf},
    time::Duration,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
    time::timeout,
};

/// Names the socket to the program that ssh starts: where it is set, vmdeck does nothing but ask.
pub const SOCKET: &str = "VMDECK_ASKPASS";
/// The longest question, in bytes.
const LONGEST: u64 = 16 << 10;
/// The longest path of a socket: the shortest limit of all systems.
const PATH: usize = 100;
/// How long the program may take to say what it was started for.
const PATIENCE: Duration = Duration::from_secs(5);
/// Goes before an answer; nothing at all is a refusal.
const ANSWERED: u8 = b'+';

/// The display that a computer without one has: before 8.4, ssh asks only where one is named. Nothing is shown there.
const DISPLAY: &str = "vmdeck:0";

/// What ssh wants to be answered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wants {
    /// A line: `yes`, a password, a code.
    Line,
    /// Yes or no.
    Leave,
    /// Nothing: a person is told to do something, such as to touch a key.
    Nothing,
}

/// A question of ssh. Dropped without an answer, it is refused.
#[derive(Debug)]
pub struct Prompt {
    pub wants: Wants,
    pub text: String,
    /// The process that asks. A way over other computers has an ssh for each, and all may ask the same.
    pub asker: u32,
    stream: UnixStream,
}

/// Where the questions of one ssh arrive, and of those that it starts on the way. Gone when this is dropped.
#[derive(Debug)]
pub struct Askpass {
    listener: UnixListener,
    socket: PathBuf,
    /// Of this user alone.
    _folder: TempDir,
}

impl Askpass {
    /// Opens one below `folder`, or where sockets cannot have a path so long, in the folder for temporary files.
    pub fn new(folder: &Path) -> Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(at(folder))?;
        let is_short = folder.as_os_str().len() + "/askXXXXXXXXXXXX/s".len() <= PATH;
        let folder = if is_short { folder.to_owned() } else { env::temp_dir() };
        let mut builder = tempfile::Builder::new();
        builder.prefix("ask").rand_bytes(12).permissions(Permissions::from_mode(0o700));
        let own = builder.tempdir_in(&folder).map_err(at(&folder))?;
        let socket = own.path().join("s");
        let listener = UnixListener::bind(&socket).map_err(at(&socket))?;
        fs::set_permissions(&socket, Permissions::from_mode(0o600)).map_err(at(&socket))?;
        Ok(Self { listener, socket, _folder: own })
    }

    /// Has `ssh` ask here, through vmdeck's own program, and takes every terminal from it.
    pub fn lead(&self, ssh: Program, own: &Path) -> Program {
        let has_display = env::var_os("DISPLAY").is_some_and(|name| !name.is_empty());
        let ssh = if has_display { ssh } else { ssh.env("DISPLAY", DISPLAY) };
        ssh.env("SSH_ASKPASS", own).env("SSH_ASKPASS_REQUIRE", "force").env(SOCKET, &self.socket).apart(own)
    }

    /// The next question, for as long as that takes.
    pub async fn next(&self) -> Prompt {
        loop {
            if let Ok((stream, _)) = self.listener.accept().await
                && let Ok(Some(prompt)) = timeout(PATIENCE, heard(stream)).await
            {
                return prompt;
            }
        }
    }
}

/// What the program says, if it is one of this user.
async fn heard(mut stream: UnixStream) -> Option<Prompt> {
    let is_own = stream.peer_cred().is_ok_and(|peer| peer.uid() == rustix::process::geteuid().as_raw());
    if !is_own {
        return None;
    }
    let mut said = Vec::new();
    let (asker, length) = (stream.read_u32().await.ok()?, u64::from(stream.read_u32().await.ok()?));
    (&mut stream).take(length.min(LONGEST)).read_to_end(&mut said).await.ok()?;
    let (kind, text) = said.split_first()?;
    let wants = match kind {
        b'c' => Wants::Leave,
        b'n' => Wants::Nothing,
        _ => Wants::Line,
    };
    Some(Prompt { wants, text: String::from_utf8_lossy(text).into_owned(), asker, stream })
}

impl Prompt {
    /// Waits until nobody waits for the answer any more.
    pub async fn gone(&mut self) {
        let mut rest = [0];
        let _ = self.stream.read(&mut rest).await;
    }

    /// Answers it.
    pub async fn answer(mut self, answer: &Secret) -> Result<()> {
        self.stream.write_all(&[ANSWERED]).await?;
        self.stream.write_all(answer.expose().as_bytes()).await?;
        self.stream.shutdown().await.map_err(Error::from)
    }
}

/// What vmdeck does when ssh has started it: asks whoever listens at `socket` the question `text`, and writes the answer to
/// `out`. Returns the exit code, by which ssh knows whether there is one.
pub fn ask(socket: &OsStr, text: &OsStr, out: &mut dyn Write) -> u8 {
    let kind = match env::var_os("SSH_ASKPASS_PROMPT") {
        Some(kind) if kind == "confirm" => b'c',
        Some(kind) if kind == "none" => b'n',
        _ => b'l',
    };
    let asked = || -> io::Result<Vec<u8>> {
        let mut stream = net::UnixStream::connect(socket)?;
        let said = [&[kind], text.as_bytes()].concat();
        stream.write_all(&std::os::unix::process::parent_id().to_be_bytes())?;
        stream.write_all(&u32::try_from(said.len()).unwrap_or(u32::MAX).to_be_bytes())?;
        stream.write_all(&said)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer)
    };
    match asked().as_deref() {
        Ok([ANSWERED, answer @ ..]) => {
            let written = out.write_all(answer).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush());
            u8::from(written.is_err())
        }
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks as ssh has it done, and what comes of it: the exit code and what is printed.
    fn asked(askpass: &Askpass, text: &'static str) -> tokio::task::JoinHandle<(u8, Vec<u8>)> {
        let socket = askpass.socket.clone();
        tokio::task::spawn_blocking(move || {
            let mut out = Vec::new();
            (ask(socket.as_os_str(), OsStr::new(text), &mut out), out)
        })
    }

    #[tokio::test]
    async fn a_question_comes_through_and_so_does_its_answer() {
        let folder = tempfile::tempdir().unwrap();
        let askpass = Askpass::new(&folder.path().join("deeper/run")).unwrap();
        let asks = asked(&askpass, "me@far's password: ");
        let prompt = askpass.next().await;
        assert_eq!((prompt.wants, prompt.text.as_str()), (Wants::Line, "me@far's password: "));
        prompt.answer(&Secret::new("open sesame".to_owned())).await.unwrap();
        assert_eq!(asks.await.unwrap(), (0, b"open sesame\n".to_vec()));

        let asks = asked(&askpass, "again");
        drop(askpass.next().await);
        assert_eq!(asks.await.unwrap(), (1, Vec::new()));
    }

    #[tokio::test]
    async fn nobody_else_gets_to_the_socket_and_nothing_stays() {
        let folder = tempfile::tempdir().unwrap();
        let askpass = Askpass::new(folder.path()).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&askpass.socket), 0o600);
        assert_eq!(mode(askpass.socket.parent().unwrap()), 0o700);
        // What says nothing of sense is passed over.
        drop(net::UnixStream::connect(&askpass.socket).unwrap());
        let asks = asked(&askpass, "q");
        assert_eq!(askpass.next().await.text, "q");
        assert_eq!(asks.await.unwrap().0, 1);
        drop(askpass);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_folder_deep_down_does_not_matter() {
        let folder = tempfile::tempdir().unwrap();
        let askpass = Askpass::new(&folder.path().join("x".repeat(120))).unwrap();
        let asks = asked(&askpass, "q");
        askpass.next().await.answer(&Secret::new("a".to_owned())).await.unwrap();
        assert_eq!(asks.await.unwrap().0, 0);
    }
}
