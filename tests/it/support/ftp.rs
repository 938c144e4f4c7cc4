//! A real FTP server on loopback, of a folder of its own.
use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, UNIX_EPOCH},
};

/// The server; it ends with this.
pub(crate) struct Ftp {
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
    commands: Arc<Mutex<Vec<String>>>,
}

/// A file among the certificates that tests have.
pub(crate) fn certificate(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/sysadm").join(name)
}

impl Ftp {
    /// Serves; `words` are those that the program knows, with blanks between them.
    #[expect(clippy::disallowed_methods, reason = "a program that only tests need")]
    pub(crate) fn serve(words: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/support/ftp_server.py");
        // The system's own Python sees the system's packages, where another stands first on PATH.
        let own = Path::new("/usr/bin/python3");
        let mut program = Command::new(if own.exists() { own } else { Path::new("python3") });
        program.args(["-W", "ignore"]).arg(script).arg(folder.path()).args(words.split_whitespace());
        program.arg("--certificate").arg(certificate("signed.pem")).arg("--key").arg(certificate("signed.key"));
        program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let Ok(mut child) = program.spawn() else { panic!("no Python 3: run tests/setup") };
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut port = String::new();
        lines.read_line(&mut port).unwrap();
        let Ok(port) = port.trim().parse() else {
            let mut why = String::new();
            let _ = child.stderr.take().unwrap().read_to_string(&mut why);
            panic!("the FTP server does not run: run tests/setup\n{why}");
        };
        let commands: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = Arc::clone(&commands);
        thread::spawn(move || lines.lines().map_while(Result::ok).for_each(|line| seen.lock().unwrap().push(line)));
        Self { child, port, folder, commands }
    }

    /// Gives out `body` under `path`, as of so many seconds after 2020.
    pub(crate) fn put(&self, path: &str, body: &[u8], second: u64) {
        let file = self.folder.path().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, body).unwrap();
        let time = UNIX_EPOCH + Duration::from_secs(1_577_836_800 + second);
        fs::File::options().write(true).open(&file).unwrap().set_modified(time).unwrap();
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("ftp://127.0.0.1:{}{path}", self.port)
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// What was asked of it, command by command, in the order in which it came.
    pub(crate) fn commands(&self) -> Vec<String> {
        self.commands.lock().unwrap().clone()
    }
}

impl Drop for Ftp {
    fn drop(&mut self) {
        // Also where it stands still.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
