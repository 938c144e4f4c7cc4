//! The loop of the screen: wait, drain, update, execute, draw. Keys come first and are drawn at once; what hosts cause
//! is drawn thirty times a second at most.
use super::{
    Hosts,
    guarded::{at, instant},
    lend::lend,
    terminal::{Outside, broken},
};
use crate::{
    app::{App, Effect, Message, Title, Visible},
    backend::Console,
    domain::{HostId, Result, VmId},
    input::Input,
    transport::now,
    ui::{self, Theme, Viewport},
};
use ratatui::{Terminal, backend::Backend};
use std::{future::Future, io, time::Duration};
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, sleep_until},
};

/// At most one frame in this time for what hosts cause, but for [`SPARE`].
const FRAME: Duration = Duration::from_millis(33);
/// So many frames may follow at once after a rest: the first rows after the first frame, the answer after a key.
const SPARE: u32 = 2;
/// How long a person pauses who has typed something whole.
const PAUSE: Duration = Duration::from_millis(400);
const TICK: Duration = Duration::from_secs(1);
/// How long a title stands of which only the share is not true any more: each one is sent.
const TITLE: Duration = Duration::from_secs(10);
/// How long changes that are under way get to end when the program does.
const GRACE: Duration = Duration::from_secs(2);
/// How many messages are taken between two looks at the keys.
pub(super) const BATCH: usize = 256;

/// Where the application is shown: a terminal, or a screen in memory.
pub trait Stage {
    type Screen: Backend;
    fn terminal(&mut self) -> &mut Terminal<Self::Screen>;
    /// Puts text into the clipboard.
    fn copy(&mut self, text: &str);
    /// Rings the bell.
    fn ring(&mut self);
    /// Shows a notice outside the screen.
    fn notice(&mut self, text: &str);
    /// Sets the title; None: brings back what it was before.
    fn title(&mut self, text: Option<&str>);
    /// Stops the program until it is continued.
    fn suspend(&mut self) -> impl Future<Output = io::Result<()>>;
    /// Takes the terminal again after somebody else may have used it; nothing is on it then.
    fn refresh(&mut self) -> io::Result<()>;
    /// Lends the terminal to a console until the person leaves it.
    fn console(&mut self, title: &str, console: Console) -> impl Future<Output = Result<()>>;
    /// Lends the terminal to the person's editor with `text` in a file called `name`; returns what was left of it.
    fn edit(&mut self, name: &str, text: &str) -> impl Future<Output = Result<String>>;
}

/// How late a signal is noticed at most.
const LATE: Duration = Duration::from_secs(1);

/// The application between its hosts and its screen.
pub struct ScreenLoop<S> {
    pub app: App,
    pub hosts: Hosts,
    pub stage: S,
    pub theme: Theme,
    inbox: mpsc::Receiver<Message>,
    outside: mpsc::Receiver<Outside>,
    viewport: Viewport,
    told_visible: Visible,
    consoles: JoinSet<(HostId, VmId, Result<Console>)>,
    /// What is asked for when the person pauses, and when that will have been.
    soon: Option<(Instant, Effect)>,
    stopped: bool,
    dirty: bool,
    /// When the next frame may be drawn: it moves on by [`FRAME`] with each, and lags behind the clock by [`SPARE`] of them.
    next_frame: Instant,
    /// What the title of the terminal says, and since when.
    title: Option<(Instant, Title)>,
    /// The changes that were left under way at the end: their outcome is unknown.
    pub left: Vec<String>,
    last_tick: Instant,
    /// Until when a signal may still be meant for the program that had the terminal.
    edited: Instant,
    /// How many frames were drawn.
    pub frames: u64,
    /// The first key is a bug to rehearse.
    pub is_faulty: bool,
}

/// Where [`ScreenLoop::next_frame`] stands after a rest.
fn rested(now: Instant) -> Instant {
    now.checked_sub(FRAME * SPARE).unwrap_or(now)
}

impl<S: Stage> ScreenLoop<S>
where
    <S::Screen as Backend>::Error: Into<io::Error>,
{
    pub fn new(
        app: App,
        (hosts, inbox): (Hosts, mpsc::Receiver<Message>),
        (stage, outside): (S, mpsc::Receiver<Outside>),
        theme: Theme,
    ) -> Self {
        Self {
            app,
            hosts,
            stage,
            theme,
            inbox,
            outside,
            viewport: Viewport::default(),
            told_visible: Visible::default(),
            consoles: JoinSet::new(),
            soon: None,
            stopped: false,
            dirty: true,
            next_frame: rested(instant()),
            title: None,
            left: Vec::new(),
            last_tick: instant(),
            edited: instant(),
            frames: 0,
            is_faulty: false,
        }
    }

    /// Runs until the person or the system ends it.
    pub async fn run(&mut self) -> io::Result<()> {
        self.app.set_now(now());
        self.measure().await?;
        // What hosts have told already needs no frame of its own.
        for _ in 0..BATCH {
            let Ok(message) = self.inbox.try_recv() else { break };
            self.update(message).await?;
        }
        self.draw().await?;
        while !self.app.quit && !self.stopped {
            self.turn().await?;
        }
        if !self.stopped {
            self.finish().await?;
        }
        Ok(())
    }

    /// Tells the application how large the terminal is: while it was lent, nobody did.
    async fn measure(&mut self) -> io::Result<()> {
        let size = self.stage.terminal().size().map_err(Into::into)?;
        self.dirty = true;
        self.update(Message::Resized(size.width, size.height)).await
    }

    async fn turn(&mut self) -> io::Result<()> {
        let mut batch = Vec::new();
        let (due, tick) = (self.next_frame, self.last_tick + TICK);
        let paused = self.soon.as_ref().map(|(at, _)| *at);
        tokio::select! {
            biased;
            outside = self.outside.recv() => {
                self.take(outside.unwrap_or(Outside::Stop)).await?;
                // A key that is held down is many keys and one frame.
                for _ in 1..BATCH {
                    let Ok(outside) = self.outside.try_recv() else { break };
                    self.take(outside).await?;
                }
                // Nobody looks at another frame: the terminal may be gone, or the shell's again.
                if !self.stopped {
                    self.draw().await?;
                }
            }
            () = sleep_until(due), if self.dirty => self.draw().await?,
            Some(Ok((host, vm, console))) = self.consoles.join_next() => self.console(host, vm, console).await?,
            _ = self.inbox.recv_many(&mut batch, BATCH) => {
                self.app.set_now(now());
                for message in batch {
                    self.update(message).await?;
                }
            }
            () = at(paused) => {
                if let Some((_, effect)) = self.soon.take() {
                    self.ask_soon(effect).await?;
                }
            }
            () = sleep_until(tick), if self.app.is_moving() => {
                self.last_tick = instant();
                self.app.set_now(now());
                self.update(Message::Tick).await?;
            }
        }
        Ok(())
    }

    async fn take(&mut self, outside: Outside) -> io::Result<()> {
        self.app.set_now(now());
        match outside {
            Outside::Input(Input::Key(_)) if self.is_faulty => panic!("rehearsed on the demo"),
            Outside::Input(Input::Key(key)) => self.update(Message::Key(key)).await,
            Outside::Input(Input::Paste(text)) => self.update(Message::Paste(text)).await,
            Outside::Input(Input::Resized(columns, rows)) => self.update(Message::Resized(columns, rows)).await,
            Outside::Suspend => self.execute(Effect::Suspend).await,
            Outside::Continued => self.execute(Effect::Redraw).await,
            // Ctrl-C that ended an editor reaches us too, and may come after its end. Ours comes as a key.
            Outside::Interrupt if instant() < self.edited => Ok(()),
            Outside::Broken => broken(),
            Outside::Stop | Outside::Interrupt => {
                self.stopped = true;
                Ok(())
            }
        }
    }

    async fn update(&mut self, message: Message) -> io::Result<()> {
        let effects = self.app.update(message);
        for effect in effects {
            Box::pin(self.execute(effect)).await?;
        }
        self.dirty |= self.app.take_changed();
        Ok(())
    }

    async fn execute(&mut self, effect: Effect) -> io::Result<()> {
        match effect {
            Effect::Copy(text) => self.stage.copy(&text),
            effect @ Effect::CallSoon { .. } => self.soon = Some((instant() + PAUSE, effect)),
            Effect::Bell => self.stage.ring(),
            Effect::Notice(text) => self.stage.notice(&text),
            Effect::Suspend => {
                self.stage.suspend().await?;
                self.title = None;
                self.measure().await?;
            }
            Effect::Redraw => {
                self.stage.refresh()?;
                self.measure().await?;
            }
            Effect::Edit { name, text } => self.edit(&name, &text).await?,
            Effect::Console { host, vm } => {
                let asked = self.hosts.console(&host, vm.clone());
                self.consoles.spawn(async move {
                    let gone = |_| Err(crate::domain::Error::not_found("the host is gone"));
                    (host, vm, asked.await.unwrap_or_else(gone))
                });
            }
            effect => {
                let is_call = matches!(effect, Effect::Call { .. });
                if let Some(refused) = self.hosts.execute(effect) {
                    // A refusal makes no effects for the host that is behind.
                    self.app.update(refused);
                }
                if is_call {
                    // The host, where it shares the processor, would have to wait for the next frame.
                    std::thread::yield_now();
                }
            }
        }
        Ok(())
    }

    /// The person has paused: what was to be asked is asked, unless nobody waits for it any more.
    async fn ask_soon(&mut self, effect: Effect) -> io::Result<()> {
        let is_wanted = |task| self.app.tasks.get(task).is_some();
        match effect {
            Effect::CallSoon { host, task, request } if is_wanted(task) => {
                self.execute(Effect::Call { host, task, request }).await
            }
            _ => Ok(()),
        }
    }

    async fn console(&mut self, host: HostId, vm: VmId, console: Result<Console>) -> io::Result<()> {
        let ended = match console {
            Err(error) => Err(error),
            Ok(console) => {
                let title = format!("{vm} on {host}");
                let Self { app, hosts, stage, inbox, outside, .. } = self;
                let is_program = matches!(console, Console::Program { .. });
                match lend(stage.console(&title, console), is_program, (app, hosts, inbox, outside)).await {
                    Ok(ended) => ended,
                    Err(Outside::Suspend) => self.stage.suspend().await.map(Ok)?,
                    Err(_) => {
                        self.stopped = true;
                        return Ok(());
                    }
                }
            }
        };
        self.measure().await?;
        if let Err(error) = ended {
            self.update(Message::Refused(format!("console of {vm}: {error}"))).await?;
        }
        Ok(())
    }

    async fn edit(&mut self, name: &str, text: &str) -> io::Result<()> {
        let Self { app, hosts, stage, inbox, outside, .. } = self;
        let Ok(edited) = lend(stage.edit(name, text), true, (app, hosts, inbox, outside)).await else {
            self.stopped = true;
            return Ok(());
        };
        self.edited = instant() + LATE;
        self.measure().await?;
        self.update(Message::Edited(edited)).await
    }

    /// Draws what changed; tells the application which machines are seen.
    async fn draw(&mut self) -> io::Result<()> {
        if !std::mem::take(&mut self.dirty) {
            return Ok(());
        }
        let (app, theme, viewport) = (&self.app, &self.theme, &mut self.viewport);
        let drawn = self.stage.terminal().draw(|frame| ui::render(frame, app, theme, viewport));
        drawn.map_err(Into::into)?;
        self.frames += 1;
        self.retitle();
        let now = instant();
        // Keys are drawn out of turn: however many there were, hosts wait for one frame at most.
        self.next_frame = (self.next_frame.max(rested(now)) + FRAME).min(now + FRAME);
        if self.told_visible != *self.viewport.visible() {
            self.told_visible = self.viewport.visible().clone();
            self.update(Message::Visible(self.told_visible.clone())).await?;
        }
        Ok(())
    }

    fn retitle(&mut self) {
        let title = self.app.title();
        let stands = match (&self.title, &title) {
            (Some((at, old)), Some(new)) => old == new || old.is_like(new) && at.elapsed() < TITLE,
            (old, new) => old.is_none() && new.is_none(),
        };
        if !stands {
            self.stage.title(title.as_ref().map(ToString::to_string).as_deref());
            self.title = title.map(|title| (instant(), title));
        }
    }

    /// Gives changes that are under way a moment. Another key, and it ends at once.
    async fn finish(&mut self) -> io::Result<()> {
        let until = instant() + GRACE;
        let mut told = Vec::new();
        loop {
            // A job and a fetch are their host's own and go on without us.
            let own = self.app.tasks.running().filter(|t| t.job.is_none() && t.image.is_none());
            self.left = own.map(|t| format!("{} on {}", t.title, t.host)).collect();
            if self.left.is_empty() {
                return Ok(());
            }
            if told != self.left {
                told.clone_from(&self.left);
                let titles = told.join(", ");
                self.update(Message::Refused(format!("finishing: {titles} · any key ends at once"))).await?;
                self.draw().await?;
            }
            tokio::select! {
                () = sleep_until(until) => return Ok(()),
                outside = self.outside.recv() => match outside {
                    Some(Outside::Input(Input::Key(_)) | Outside::Stop | Outside::Interrupt) | None => return Ok(()),
                    Some(Outside::Broken) => broken(),
                    Some(_) => {}
                },
                Some(message) = self.inbox.recv() => {
                    self.app.set_now(now());
                    self.update(message).await?;
                }
            }
        }
    }
}
