//! The real program in a pseudo terminal: it starts, acts, ends, and gives the terminal back on every way out.
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::{
    io::{Read, Write},
    sync::{Arc, Condvar, Mutex},
    thread,
    time::Duration,
};

/// How long anything on the screen may take to come: the machine that runs the tests may be busy.
const DEADLINE: Duration = Duration::from_secs(20);

/// What the program wrote so far, as a terminal shows it.
struct Screen {
    parser: vt100::Parser,
    is_closed: bool,
}

struct Program {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    screen: Arc<(Mutex<Screen>, Condvar)>,
    _home: tempfile::TempDir,
}

impl Program {
    fn demo() -> Self {
        let size = PtySize { rows: 40, cols: 120, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let home = tempfile::tempdir().unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_vmdeck"));
        command.arg("--demo");
        command.env("VMDECK_HOME", home.path());
        command.env("TERM", "xterm-256color");
        command.env("LC_ALL", "C.UTF-8");
        let child = pair.slave.spawn_command(command).unwrap();
        let mut output = pair.master.try_clone_reader().unwrap();
        let keys = pair.master.take_writer().unwrap();
        let parser = vt100::Parser::new(40.try_into().unwrap(), 120.try_into().unwrap(), 0);
        let screen = Arc::new((Mutex::new(Screen { parser, is_closed: false }), Condvar::new()));
        let shown = screen.clone();
        thread::spawn(move || {
            let mut bytes = [0; 8192];
            loop {
                let count = output.read(&mut bytes).unwrap_or(0);
                let mut screen = shown.0.lock().unwrap();
                screen.parser.process(bytes.get(..count).unwrap());
                screen.is_closed = count == 0;
                shown.1.notify_all();
                if count == 0 {
                    return;
                }
            }
        });
        // Only the program holds the other end, so that its end is seen; the terminal's modes are read from ours.
        Self { child, master: pair.master, keys, screen, _home: home }
    }

    /// Waits until the terminal looks as `wanted` says.
    fn until(&self, what: &str, wanted: impl Fn(&vt100::Screen) -> bool) {
        let (screen, changed) = &*self.screen;
        let waits = |s: &mut Screen| !wanted(s.parser.screen()) && !s.is_closed;
        let (screen, _) = changed.wait_timeout_while(screen.lock().unwrap(), DEADLINE, waits).unwrap();
        assert!(wanted(screen.parser.screen()), "{what} never came:\n{}", screen.parser.screen().contents());
    }

    fn until_shown(&self, text: &str) {
        self.until(text, |screen| screen.contents().contains(text));
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let id = i32::try_from(self.child.process_id().unwrap()).unwrap();
        rustix::process::kill_process(rustix::process::Pid::from_raw(id).unwrap(), signal).unwrap();
    }

    /// Waits until the system has stopped the program.
    fn stands_still(&self) {
        use rustix::process::{Pid, WaitOptions, waitpid};
        let id = Pid::from_raw(i32::try_from(self.child.process_id().unwrap()).unwrap());
        let (_, status) = waitpid(id, WaitOptions::UNTRACED).unwrap().unwrap();
        assert!(status.stopped());
    }

    fn is_raw(&self) -> bool {
        use rustix::termios::{LocalModes, tcgetattr};
        let tty = std::fs::File::open(self.master.tty_name().unwrap()).unwrap();
        !tcgetattr(&tty).unwrap().local_modes.contains(LocalModes::ICANON)
    }

    /// The program's end, and that it left the terminal as it was.
    fn ends(mut self, code: u32) {
        self.until("a restored screen", is_restored);
        assert_eq!(self.child.wait().unwrap().exit_code(), code);
    }
}

fn is_restored(screen: &vt100::Screen) -> bool {
    !screen.alternate_screen() && !screen.hide_cursor() && !screen.bracketed_paste()
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn it_starts_acts_and_quits() {
    let mut program = Program::demo();
    program.until("the first frame", |s| s.alternate_screen() && s.hide_cursor() && s.bracketed_paste());
    program.until_shown("Machines");
    program.until_shown("alpha");
    assert!(program.is_raw());
    program.press("?");
    program.until_shown("Ask the guest to shut down");
    program.press("?");
    program.press("q");
    program.ends(0);
}

#[test]
fn what_something_else_wrote_is_drawn_over() {
    let mut program = Program::demo();
    program.until_shown("desktop-of-the");
    program.screen.0.lock().unwrap().parser.process(b"\x1b[2Jsomething else");
    program.press("\x0c");
    program.until("the whole screen", |s| {
        let text = s.contents();
        text.contains("desktop-of-the") && text.contains("quit") && !text.contains("something else")
    });
    program.press("q");
    program.ends(0);
}

#[test]
fn signals_end_it_with_the_terminal_restored() {
    use rustix::process::Signal;
    for signal in [Signal::TERM, Signal::HUP, Signal::INT] {
        let program = Program::demo();
        program.until_shown("Machines");
        program.signal(signal);
        program.ends(0);
    }
}

#[test]
fn ctrl_z_gives_the_terminal_back_and_a_continue_takes_it_again() {
    let mut program = Program::demo();
    program.until_shown("alpha");
    program.press("\x1a");
    program.until("the restored screen", is_restored);
    program.stands_still();
    program.signal(rustix::process::Signal::CONT);
    program.until("the screen again", |s| s.alternate_screen() && s.contents().contains("alpha"));
    assert!(program.is_raw());
    program.press("q");
    program.ends(0);
}
