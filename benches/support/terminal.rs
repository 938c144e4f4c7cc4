//! A program in a pseudo terminal, watched from outside: every read is stamped when it comes.
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::{
    fs,
    io::{Read, Write},
    num::NonZero,
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

/// Columns and rows: with the details beside the table, and without.
pub(crate) const WIDE: (u16, u16) = (120, 40);
pub(crate) const NARROW: (u16, u16) = (80, 24);

/// What a key cost: bytes, and the time to the first of them.
pub(crate) struct Pressed {
    pub(crate) bytes: usize,
    pub(crate) first: Duration,
}

/// A program with a screen of its own.
pub(crate) struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    writer: Box<dyn Write + Send>,
    reads: Receiver<(Instant, Vec<u8>)>,
    screen: vt100::Parser,
    /// When it was started.
    pub(crate) started: Instant,
    /// Bytes that the program has written.
    pub(crate) bytes: usize,
    _master: Box<dyn MasterPty + Send>,
}

impl Terminal {
    /// Starts `argv` on so many columns and rows, with `env` added to a bare environment.
    pub(crate) fn sized(argv: &[&str], env: &[(&str, &str)], (cols, rows): (u16, u16)) -> Self {
        let size = PtySize { rows, cols, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(argv[0]);
        command.args(&argv[1..]);
        command.env_clear();
        command.env("TERM", "xterm-256color");
        command.env("LANG", "C.UTF-8");
        command.env("PATH", std::env::var("PATH").unwrap_or_default());
        for (key, value) in env {
            command.env(key, value);
        }
        let mut reader = pair.master.try_clone_reader().unwrap();
        let writer = pair.master.take_writer().unwrap();
        let (send, reads) = channel();
        thread::spawn(move || {
            let mut buffer = vec![0; 65_536];
            while let Ok(n @ 1..) = reader.read(&mut buffer) {
                if send.send((Instant::now(), buffer[..n].to_vec())).is_err() {
                    break;
                }
            }
        });
        let started = Instant::now();
        let child = pair.slave.spawn_command(command).unwrap();
        Self {
            child,
            writer,
            reads,
            screen: vt100::Parser::new(NonZero::new(rows).unwrap(), NonZero::new(cols).unwrap(), 0),
            started,
            bytes: 0,
            _master: pair.master,
        }
    }

    /// Takes what comes within `time`; tells when it came and how much it was.
    fn pump(&mut self, time: Duration) -> Option<(Instant, usize)> {
        match self.reads.recv_timeout(time) {
            Ok((at, read)) => {
                self.screen.process(&read);
                self.bytes += read.len();
                Some((at, read.len()))
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => None,
        }
    }

    /// How long after the start `text` was on the screen.
    pub(crate) fn until(&mut self, text: &str) -> Duration {
        self.until_that(text, |screen| screen.contains(text))
    }

    /// How long after the start the screen was as wanted.
    pub(crate) fn until_that(&mut self, what: &str, wanted: impl Fn(&str) -> bool) -> Duration {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let came = self.pump(Duration::from_millis(50));
            if wanted(&self.screen.screen().contents()) {
                return came.map_or_else(Instant::now, |(at, _)| at) - self.started;
            }
            assert!(Instant::now() < deadline, "`{what}` never came:\n{}", self.screen.screen().contents());
        }
    }

    /// Takes what comes until nothing came for `quiet`.
    pub(crate) fn settle(&mut self, quiet: Duration) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.pump(quiet).is_some() && Instant::now() < deadline {}
    }

    /// Types without waiting for more than an answer.
    pub(crate) fn type_in(&mut self, texts: &[&str]) {
        for text in texts {
            self.send(text);
            self.settle(Duration::from_millis(100));
        }
    }

    /// Types without waiting for anything.
    pub(crate) fn send(&mut self, text: &str) {
        self.writer.write_all(text.as_bytes()).unwrap();
        self.writer.flush().unwrap();
    }

    /// Presses the key that goes down twenty times, and the one that goes up as often.
    pub(crate) fn presses(&mut self) -> Vec<Pressed> {
        let keys = ["\x1b[B"; 20].into_iter().chain(["\x1b[A"; 20]);
        keys.map(|key| self.press(key)).collect()
    }

    /// Presses a key. What comes within 60 ms is its answer.
    pub(crate) fn press(&mut self, key: &str) -> Pressed {
        while self.pump(Duration::ZERO).is_some() {}
        let begun = Instant::now();
        self.send(key);
        let (mut bytes, mut first) = (0, None);
        while let Some(left) = Duration::from_millis(60).checked_sub(begun.elapsed())
            && let Some((at, n)) = self.pump(left)
        {
            bytes += n;
            first.get_or_insert(at);
        }
        Pressed { bytes, first: first.unwrap_or(begun) - begun }
    }

    /// Bytes written and processor time used while nothing is pressed for `time`.
    pub(crate) fn idle(&mut self, time: Duration) -> (usize, Duration) {
        let (bytes, cpu, end) = (self.bytes, self.cpu(), Instant::now() + time);
        while Instant::now() < end {
            self.pump(end.saturating_duration_since(Instant::now()));
        }
        (self.bytes - bytes, self.cpu().saturating_sub(cpu))
    }

    fn proc(&self, file: &str) -> String {
        let pid = self.child.process_id().unwrap();
        fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap()
    }

    /// Processor time that its threads have used so far.
    fn cpu(&self) -> Duration {
        let pid = self.child.process_id().unwrap();
        let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
        let used = threads.filter_map(|thread| {
            let stat = fs::read_to_string(thread.path().join("schedstat")).ok()?;
            stat.split_whitespace().next()?.parse::<u64>().ok()
        });
        Duration::from_nanos(used.sum())
    }

    /// Memory that the program holds, in KiB.
    pub(crate) fn rss(&self) -> u64 {
        self.status("VmRSS:")
    }

    /// A line of what the system tells of the program, in KiB.
    pub(crate) fn status(&self, name: &str) -> u64 {
        let status = self.proc("status");
        let line = status.lines().find(|l| l.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
