//! The terminal: taken, given back on every way out, and what comes from outside the hosts: keys and signals.
use super::{
    external,
    keys::{keys, tty},
    osc,
    screen_loop::Stage,
    terse::Terse,
};
use crate::{backend::Console, domain::Result as Outcome, input::Input};
use crossterm::{
    cursor::{Hide, Show},
    event::{DisableBracketedPaste, EnableBracketedPaste},
    execute,
    terminal::{Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode},
};
use ratatui::Terminal;
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use std::{
    io::{self, BufWriter, Stdout, Write, stdout},
    mem::ManuallyDrop,
    panic,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
    task::JoinSet,
};

/// What comes from outside: the person and the system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outside {
    Input(Input),
    /// SIGTERM, SIGHUP, or a terminal that is gone.
    Stop,
    /// SIGINT, which a Ctrl-C in a program that has the terminal also sends.
    Interrupt,
    /// SIGTSTP: stop as Ctrl-Z does.
    Suspend,
    /// SIGCONT: somebody else may have used the terminal.
    Continued,
    /// What reads the keys has ended by a bug, which was told.
    Broken,
}

/// Whether the terminal is in our modes, so that it is given back once.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Whether the title is ours, so that the old one is brought back.
static TITLED: AtomicBool = AtomicBool::new(false);

/// Writes what is no cell. A terminal that is gone has nothing to say it to.
fn say(text: &str) {
    let mut out = stdout();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn old_title() {
    if TITLED.swap(false, Ordering::SeqCst) {
        say(osc::OLD_TITLE);
    }
}

fn take() -> io::Result<()> {
    enable_raw_mode()?;
    TAKEN.store(true, Ordering::SeqCst);
    execute!(stdout(), EnterAlternateScreen, EnableBracketedPaste, Hide)
}

/// Restores the terminal. It may be gone: then nothing can be restored and nobody is to be told.
fn give_back() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        old_title();
        let _ = execute!(stdout(), DisableBracketedPaste, Show, LeaveAlternateScreen);
        let _ = disable_raw_mode();
    }
}

/// A panic of this thread ends the program: the terminal is restored first. One of another thread is logged, and ends
/// as an error of its own task.
pub(super) fn set_hook() {
    let ours = thread::current().id();
    panic::set_hook(Box::new(move |info| {
        tracing::error!("{info}");
        if thread::current().id() == ours {
            give_back();
            let _ = writeln!(io::stderr(), "vmdeck: a bug ended the program: {info}");
        }
    }));
}

/// Ends the program as the bug does that was told already: the terminal is the shell's again by now.
pub(super) fn broken() -> ! {
    panic::resume_unwind(Box::new("what reads the keys has ended by a bug"))
}

/// Stops until SIGCONT: SIGSTOP cannot be caught.
pub(super) fn stand_still() -> io::Result<()> {
    Ok(rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP)?)
}

type Screen = Terse<BufWriter<Stdout>>;

/// A screen of which nothing is drawn yet. It is never dropped: it would print to a terminal that may be gone, and panic
/// there; [`give_back`] does what is needed.
fn screen() -> io::Result<ManuallyDrop<Terminal<Screen>>> {
    Terminal::new(Terse::new(BufWriter::with_capacity(8192, stdout()))).map(ManuallyDrop::new)
}

/// The terminal in our hands: dropping it gives it back.
pub(super) struct TerminalGuard {
    terminal: ManuallyDrop<Terminal<Screen>>,
    outside: mpsc::Sender<Outside>,
    input: JoinSet<()>,
    signals: JoinSet<()>,
    /// The first key is a bug to rehearse.
    is_faulty: bool,
}

impl TerminalGuard {
    /// Takes the terminal; and where keys and signals come out. To be called after [`set_hook`], inside a
    /// [`tokio::task::LocalSet`].
    pub(super) fn new(is_faulty: bool) -> io::Result<(Self, mpsc::Receiver<Outside>)> {
        let (outside, inlet) = mpsc::channel(64);
        let mut signals = JoinSet::new();
        for (kind, meaning) in [
            (SignalKind::terminate(), Outside::Stop),
            (SignalKind::hangup(), Outside::Stop),
            (SignalKind::interrupt(), Outside::Interrupt),
            (SignalKind::from_raw(rustix::process::Signal::TSTP.as_raw()), Outside::Suspend),
            (SignalKind::from_raw(rustix::process::Signal::CONT.as_raw()), Outside::Continued),
        ] {
            let mut stream = signal(kind)?;
            let outside = outside.clone();
            signals.spawn(async move {
                while stream.recv().await.is_some() {
                    let _ = outside.send(meaning.clone()).await;
                }
            });
        }
        take().inspect_err(|_| give_back())?;
        let terminal = screen().inspect_err(|_| give_back())?;
        let mut guard = Self { terminal, outside, input: JoinSet::new(), signals, is_faulty };
        guard.listen();
        Ok((guard, inlet))
    }

    /// Reads keys from now on, on this thread: a key that had to pass through another would wait for its turn there.
    fn listen(&mut self) {
        let (outside, is_faulty) = (self.outside.clone(), self.is_faulty);
        self.input.spawn_local(async move {
            let _stop = StopOnPanic(outside.clone().reserve_owned().await.ok());
            // No error is told: a terminal that is gone ends the program.
            let _ = keys(&outside, is_faulty).await;
            let _ = outside.send(Outside::Stop).await;
        });
    }

    /// Reads no more keys: whoever gets the terminal now reads them all.
    async fn deafen(&mut self) {
        self.input.abort_all();
        while self.input.join_next().await.is_some() {}
    }

    fn retake(&mut self) -> io::Result<()> {
        self.refresh()?;
        self.listen();
        Ok(())
    }
}

/// Stops the program when the task that holds it panics: nobody waits for the task's end, and the terminal is the shell's
/// by then. One that is aborted was only to read no more. Its place among what comes is kept, so that it is never full.
struct StopOnPanic(Option<mpsc::OwnedPermit<Outside>>);

impl Drop for StopOnPanic {
    fn drop(&mut self) {
        if let Some(place) = self.0.take()
            && thread::panicking()
        {
            place.send(Outside::Broken);
        }
    }
}

impl Drop for TerminalGuard {
    fn drop(&mut self) {
        self.signals.abort_all();
        give_back();
    }
}

impl Stage for TerminalGuard {
    type Screen = Screen;

    fn terminal(&mut self) -> &mut Terminal<Screen> {
        &mut self.terminal
    }

    fn copy(&mut self, text: &str) {
        say(&osc::copy(text));
    }

    fn ring(&mut self) {
        say("\x07");
    }

    fn notice(&mut self, text: &str) {
        say(&osc::notice(text));
    }

    fn title(&mut self, text: Option<&str>) {
        let Some(text) = text else { return old_title() };
        if !TITLED.swap(true, Ordering::SeqCst) {
            say(osc::KEEP_TITLE);
        }
        say(&osc::title(text));
    }

    async fn suspend(&mut self) -> io::Result<()> {
        self.deafen().await;
        give_back();
        stand_still()?;
        self.retake()
    }

    fn refresh(&mut self) -> io::Result<()> {
        take()?;
        // A shell may have set its own modes, and crossterm sets no raw mode where it set one before. (Without one in
        // between, a key would be echoed, and might wait for the end of its line.)
        let tty = tty()?;
        let mut modes = tcgetattr(&tty)?;
        modes.make_raw();
        tcsetattr(&tty, OptionalActions::Now, &modes)?;
        // `Terminal::clear` would ask the terminal where its cursor is, and wait for an answer that the keys swallow.
        execute!(stdout(), Clear(ClearType::All))?;
        self.terminal = screen()?;
        Ok(())
    }

    async fn console(&mut self, title: &str, console: Console) -> Outcome<()> {
        self.deafen().await;
        let ended = match console {
            Console::Unix { socket, history } => external::serial(title, &socket, history.as_deref()).await,
            Console::Program { program, leave } => {
                give_back();
                external::show(title, &program, leave).await
            }
        };
        self.retake()?;
        ended
    }

    async fn edit(&mut self, name: &str, text: &str) -> Outcome<String> {
        self.deafen().await;
        give_back();
        let edited = external::edit(name, text).await;
        self.retake()?;
        edited
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn keys_that_end_by_a_bug_end_the_program_and_those_that_are_no_more_read_do_not() {
        for (is_bug, wanted) in [(true, Some(Outside::Broken)), (false, None)] {
            let (outside, mut inlet) = mpsc::channel(2);
            let stop = StopOnPanic(outside.clone().reserve_owned().await.ok());
            // Whatever else came, there is room for it.
            outside.try_send(Outside::Continued).unwrap();
            let mut input = JoinSet::new();
            input.spawn(async move {
                let _stop = stop;
                assert!(!is_bug, "rehearsed");
                std::future::pending::<()>().await;
            });
            if !is_bug {
                input.abort_all();
            }
            input.join_next().await.unwrap().unwrap_err();
            drop(outside);
            assert_eq!((inlet.recv().await, inlet.recv().await), (Some(Outside::Continued), wanted));
        }
    }
}
