//! A screen in memory that keeps every frame with the time at which it was drawn, and the whole program behind it.
use super::{fake::Fake, hosts::clock};
use ratatui::{
    Terminal,
    backend::{Backend, ClearType, TestBackend, WindowSize},
    buffer::Cell,
    layout::{Position, Size},
};
use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{sync::mpsc, time::Instant};
use vmdeck::{
    app::{App, Settings},
    backend::Console,
    domain::{Error, Host, HostId, Result},
    input::Input,
    runtime::{Hosts, Outside, Policy, ScreenLoop, Stage},
    ui::Theme,
};

/// One frame: when, how it looked, how many cells were sent.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub at: Instant,
    pub text: String,
    pub cells: usize,
}

pub(crate) type Frames = Arc<Mutex<Vec<Frame>>>;

/// [`TestBackend`] with a memory.
pub(crate) struct Film {
    screen: TestBackend,
    cells: usize,
    frames: Frames,
}

fn shown<T, E>(result: std::result::Result<T, E>) -> io::Result<T> {
    result.map_err(|_| io::Error::other("a screen in memory does not fail"))
}

impl Backend for Film {
    type Error = io::Error;

    fn draw<'a, I: Iterator<Item = (u16, u16, &'a Cell)>>(&mut self, content: I) -> io::Result<()> {
        let mut cells = 0;
        shown(self.screen.draw(content.inspect(|_| cells += 1)))?;
        self.cells += cells;
        Ok(())
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        shown(self.screen.hide_cursor())
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        shown(self.screen.show_cursor())
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        shown(self.screen.get_cursor_position())
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        shown(self.screen.set_cursor_position(position))
    }

    fn clear(&mut self) -> io::Result<()> {
        shown(self.screen.clear())
    }

    fn clear_region(&mut self, clear_type: ClearType) -> io::Result<()> {
        shown(self.screen.clear_region(clear_type))
    }

    fn size(&self) -> io::Result<Size> {
        shown(self.screen.size())
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        shown(self.screen.window_size())
    }

    fn flush(&mut self) -> io::Result<()> {
        let buffer = self.screen.buffer();
        let rows = buffer.content.chunks(buffer.area.width.into());
        let text = rows.map(|row| row.iter().map(Cell::symbol).chain(["\n"]).collect::<String>()).collect();
        let cells = std::mem::take(&mut self.cells);
        self.frames.lock().unwrap().push(Frame { at: clock(), text, cells });
        Ok(())
    }
}

/// The terminal of [`ScreenLoop`], in memory.
pub(crate) struct Reel {
    terminal: Terminal<Film>,
    frames: Frames,
    size: (u16, u16),
    /// How long a console keeps the terminal.
    pub console: Duration,
    /// What the person makes of a text.
    pub editor: fn(&str) -> String,
    /// What the title said; None: what it had said before.
    pub titles: Vec<Option<String>>,
}

fn blank(frames: &Frames, (width, height): (u16, u16)) -> Terminal<Film> {
    let screen = TestBackend::new(width, height);
    Terminal::new(Film { screen, cells: 0, frames: frames.clone() }).unwrap()
}

impl Stage for Reel {
    type Screen = Film;

    fn terminal(&mut self) -> &mut Terminal<Film> {
        &mut self.terminal
    }

    fn copy(&mut self, _: &str) {}

    fn ring(&mut self) {}

    fn notice(&mut self, _: &str) {}

    fn title(&mut self, text: Option<&str>) {
        self.titles.push(text.map(str::to_owned));
    }

    async fn suspend(&mut self) -> io::Result<()> {
        self.refresh()
    }

    fn refresh(&mut self) -> io::Result<()> {
        self.terminal = blank(&self.frames, self.size);
        Ok(())
    }

    async fn edit(&mut self, _: &str, text: &str) -> Result<String> {
        self.refresh()?;
        Ok((self.editor)(text))
    }

    async fn console(&mut self, _: &str, _: Console) -> Result<()> {
        tokio::time::sleep(self.console).await;
        self.refresh().map_err(Error::from)
    }
}

/// The program on fakes: its loop, the person's hands, and what was drawn.
pub(crate) struct Show {
    pub screen: ScreenLoop<Reel>,
    pub hands: Hands,
    pub frames: Frames,
}

/// Presses keys.
#[derive(Clone)]
pub(crate) struct Hands(pub mpsc::Sender<Outside>);

fn presses(keys: &str) -> impl Iterator<Item = Outside> {
    keys.split_whitespace().map(|key| Outside::Input(Input::Key(key.parse().unwrap())))
}

impl Hands {
    pub(crate) async fn press(&self, keys: &str) {
        for press in presses(keys) {
            self.0.send(press).await.unwrap();
        }
    }

    /// Before any of them is looked at.
    pub(crate) fn press_at_once(&self, keys: &str) {
        presses(keys).for_each(|press| self.0.try_send(press).unwrap());
    }
}

impl Show {
    pub(crate) fn new(fakes: &[(&str, &Fake)]) -> Self {
        let (mut hosts, inbox) = Hosts::new();
        let mut known = Vec::new();
        for (name, fake) in fakes {
            hosts.add(HostId::from(*name), (*fake).clone(), Policy::default());
            known.push(Host { id: (*name).into(), backend: "demo", address: String::new(), peer: None });
        }
        let (hands, outside) = mpsc::channel(1024);
        let frames = Frames::default();
        let size = (120, 30);
        let console = Duration::from_secs(3600);
        let reel = Reel {
            terminal: blank(&frames, size),
            frames: frames.clone(),
            size,
            console,
            editor: str::to_owned,
            titles: Vec::new(),
        };
        let app = App::new(Settings::default(), known);
        let screen = ScreenLoop::new(app, (hosts, inbox), (reel, outside), Theme::new(true, false));
        Self { screen, hands: Hands(hands), frames }
    }

    /// Runs the program while `script` acts on it, and ends it then.
    pub(crate) async fn play<T>(&mut self, script: impl AsyncFnOnce(&Hands, &Frames) -> T) -> T {
        let acts = async |hands: &Hands, frames: &Frames| {
            let came = script(hands, frames).await;
            hands.0.send(Outside::Stop).await.unwrap();
            came
        };
        self.play_to_the_end(acts).await
    }

    /// Runs the program until it ends by what `script` does.
    pub(crate) async fn play_to_the_end<T>(&mut self, script: impl AsyncFnOnce(&Hands, &Frames) -> T) -> T {
        let (hands, frames) = (self.hands.clone(), self.frames.clone());
        let (ended, came) = tokio::join!(self.screen.run(), script(&hands, &frames));
        ended.unwrap();
        came
    }
}

pub(crate) fn count(frames: &Frames) -> usize {
    frames.lock().unwrap().len()
}

/// The first frame from number `from` on that shows `text`; waits for it at most a minute of virtual time.
pub(crate) async fn until_shown(frames: &Frames, from: usize, text: &str) -> Frame {
    let search = async {
        loop {
            let found = frames.lock().unwrap().iter().skip(from).find(|f| f.text.contains(text)).cloned();
            if let Some(found) = found {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let found = tokio::time::timeout(Duration::from_secs(60), search).await;
    found.unwrap_or_else(|_| panic!("{text} never came: {:#?}", frames.lock().unwrap().last()))
}
