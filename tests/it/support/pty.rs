//! The real program in a pseudo terminal.
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::termios::{LocalModes, tcgetattr};
use std::{
    io::{Read, Write},
    path::Path,
    sync::{Arc, Condvar, Mutex},
    thread,
    time::Duration,
};

/// How long anything on the screen may take to come: the machine that runs the tests may be busy.
const DEADLINE: Duration = Duration::from_secs(60);

/// How long a person waits before a key is pressed again: longer than the program waits for the rest of one.
const PAUSE: Duration = Duration::from_millis(500);

/// What the program wrote so far, as a terminal shows it.
struct Screen {
    parser: vt100::Parser,
    /// All that was written: a terminal shows less.
    bytes: Vec<u8>,
    is_closed: bool,
}

pub(crate) struct Program {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    screen: Arc<(Mutex<Screen>, Condvar)>,
    home: Option<tempfile::TempDir>,
}

impl Program {
    /// The demo in a folder of its own.
    pub(crate) fn demo() -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut program = Self::start(home.path(), &["--demo"]);
        program.home = Some(home);
        program
    }

    /// The program on the folder `home`.
    pub(crate) fn start(home: &Path, words: &[&str]) -> Self {
        Self::with(home, words, &[])
    }

    /// [`Program::start`], with more in its environment.
    pub(crate) fn with(home: &Path, words: &[&str], env: &[(&str, &str)]) -> Self {
        let size = PtySize { rows: 40, cols: 120, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_vmdeck"));
        command.args(words);
        command.env("VMDECK_HOME", home);
        command.env("TERM", "xterm-256color");
        command.env("LC_ALL", "C.UTF-8");
        for (key, value) in env {
            command.env(key, value);
        }
        let child = pair.slave.spawn_command(command).unwrap();
        let mut output = pair.master.try_clone_reader().unwrap();
        let keys = pair.master.take_writer().unwrap();
        let parser = vt100::Parser::new(40.try_into().unwrap(), 120.try_into().unwrap(), 0);
        let screen = Arc::new((Mutex::new(Screen { parser, bytes: Vec::new(), is_closed: false }), Condvar::new()));
        let shown = screen.clone();
        thread::spawn(move || {
            let mut bytes = [0; 8192];
            loop {
                let count = output.read(&mut bytes).unwrap_or(0);
                let mut screen = shown.0.lock().unwrap();
                screen.parser.process(bytes.get(..count).unwrap());
                screen.bytes.extend(bytes.get(..count).unwrap());
                screen.is_closed = count == 0;
                shown.1.notify_all();
                if count == 0 {
                    return;
                }
            }
        });
        // Only the program holds the other end, so that its end is seen; the terminal's modes are read from ours.
        Self { child, master: pair.master, keys, screen, home: None }
    }

    /// Waits until the terminal looks as `wanted` says.
    pub(crate) fn until(&self, what: &str, wanted: impl Fn(&vt100::Screen) -> bool) {
        let (screen, changed) = &*self.screen;
        let waits = |s: &mut Screen| !wanted(s.parser.screen()) && !s.is_closed;
        let (screen, _) = changed.wait_timeout_while(screen.lock().unwrap(), DEADLINE, waits).unwrap();
        assert!(wanted(screen.parser.screen()), "{what} never came:\n{}", screen.parser.screen().contents());
    }

    pub(crate) fn until_shown(&self, text: &str) {
        self.until(text, |screen| screen.contents().contains(text));
    }

    /// Waits until these bytes were written, which need not show.
    pub(crate) fn until_written(&self, wanted: &str) {
        let (screen, changed) = &*self.screen;
        let has = |s: &Screen| s.bytes.windows(wanted.len()).any(|part| part == wanted.as_bytes());
        let waits = |s: &mut Screen| !has(s) && !s.is_closed;
        let (screen, _) = changed.wait_timeout_while(screen.lock().unwrap(), DEADLINE, waits).unwrap();
        assert!(has(&screen), "{wanted:?} was never written");
    }

    /// Waits for a sentence that may be broken over the lines of a dialog.
    pub(crate) fn until_told(&self, sentence: &str) {
        self.until(sentence, |screen| {
            let text = screen.contents().replace('│', " ");
            text.split_whitespace().collect::<Vec<_>>().join(" ").contains(sentence)
        });
    }

    /// Waits until the program has let go of the terminal.
    pub(crate) fn until_closed(&self) {
        let (screen, changed) = &*self.screen;
        let waits = |s: &mut Screen| !s.is_closed;
        let (screen, _) = changed.wait_timeout_while(screen.lock().unwrap(), DEADLINE, waits).unwrap();
        assert!(screen.is_closed, "the program did not end");
    }

    /// Lets something else write to the terminal.
    pub(crate) fn scribble(&self, bytes: &[u8]) {
        self.screen.0.lock().unwrap().parser.process(bytes);
    }

    pub(crate) fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// Presses `keys` again and again until `text` shows: the program may take the first for part of something else.
    pub(crate) fn press_until_shown(&mut self, keys: &str, text: &str) {
        let screen = self.screen.clone();
        for _ in 0..100 {
            self.press(keys);
            let waits = |s: &mut Screen| !s.parser.screen().contents().contains(text) && !s.is_closed;
            let shown = screen.1.wait_timeout_while(screen.0.lock().unwrap(), PAUSE, waits);
            if !shown.unwrap().1.timed_out() {
                return;
            }
        }
        self.until_shown(text);
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let id = i32::try_from(self.child.process_id().unwrap()).unwrap();
        rustix::process::kill_process(rustix::process::Pid::from_raw(id).unwrap(), signal).unwrap();
    }

    /// The same for all processes of its terminal's session that have not left it, as a line that drops does.
    pub(crate) fn hang_up(&self) {
        let id = i32::try_from(self.child.process_id().unwrap()).unwrap();
        let id = rustix::process::Pid::from_raw(id).unwrap();
        rustix::process::kill_process_group(id, rustix::process::Signal::HUP).unwrap();
    }

    /// Waits until the system has stopped the program.
    pub(crate) fn stands_still(&self) {
        use rustix::process::{Pid, WaitOptions, waitpid};
        let id = Pid::from_raw(i32::try_from(self.child.process_id().unwrap()).unwrap());
        let (_, status) = waitpid(id, WaitOptions::UNTRACED).unwrap().unwrap();
        assert!(status.stopped());
    }

    pub(crate) fn is_raw(&self) -> bool {
        !self.modes().contains(LocalModes::ICANON)
    }

    /// Whether the terminal shows what is typed.
    pub(crate) fn echoes(&self) -> bool {
        self.modes().contains(LocalModes::ECHO)
    }

    fn modes(&self) -> LocalModes {
        let tty = std::fs::File::open(self.master.tty_name().unwrap()).unwrap();
        tcgetattr(&tty).unwrap().local_modes
    }

    /// The program's end, and that it left the terminal as it was.
    pub(crate) fn ends(mut self, code: u32) {
        self.until("a restored screen", is_restored);
        assert_eq!(self.child.wait().unwrap().exit_code(), code);
    }
}

pub(crate) fn is_restored(screen: &vt100::Screen) -> bool {
    !screen.alternate_screen() && !screen.hide_cursor() && !screen.bracketed_paste()
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
