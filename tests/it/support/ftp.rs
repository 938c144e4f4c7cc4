//! A real FTP server on loopback, of a folder of its own.
use super::tls::certificate;
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Condvar, Mutex},
    thread,
    time::{Duration, UNIX_EPOCH},
};

/// The server; it ends with this.
pub(crate) struct Ftp {
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
    said: Arc<(Mutex<Vec<String>>, Condvar)>,
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
        let said: Arc<(Mutex<Vec<String>>, Condvar)> = Arc::default();
        let (seen, hears) = (said.clone(), |line, (seen, more): &(Mutex<Vec<String>>, Condvar)| {
            seen.lock().unwrap().push(line);
            more.notify_all();
        });
        thread::spawn(move || lines.lines().map_while(Result::ok).for_each(|line| hears(line, &seen)));
        Self { child, port, folder, said }
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
        // What it was asked so far has been said once it has said this.
        let mark = format!("mark {}", self.said.0.lock().unwrap().len());
        writeln!(self.child.stdin.as_ref().unwrap(), "{mark}").unwrap();
        let (seen, more) = &*self.said;
        let waits = |seen: &mut Vec<String>| !seen.contains(&mark);
        let (seen, _) = more.wait_timeout_while(seen.lock().unwrap(), Duration::from_secs(60), waits).unwrap();
        seen.iter().filter(|line| !line.starts_with("mark ")).cloned().collect()
    }
}

impl Drop for Ftp {
    fn drop(&mut self) {
        // Also where it stands still.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
