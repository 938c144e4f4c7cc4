//! The file's sections and their defaults.
use super::{
    BackendConfig, ConfigError, HostConfig,
    host::{Demo, LOCAL, LOCAL_IOHYVE, LOCAL_LIBVIRT, Scene},
    read::{Result, Source, Table},
};
use crate::{
    domain::{ByteSize, HostId},
    input::{KeyMap, Overrides},
};
use std::{
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

/// What the looks are made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// The terminal's own sixteen colours, in the person's own shades.
    #[default]
    Terminal,
    /// Bold and dim alone.
    Mono,
}

/// Whether colours are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Color {
    /// Unless `NO_COLOR` is set.
    #[default]
    Auto,
    Always,
    Never,
}

/// `[ui]`: how it looks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ui {
    pub theme: Theme,
    pub color: Color,
    /// Borders and marks from ASCII alone; None: where the locale has no UTF-8.
    pub ascii: Option<bool>,
    /// Ring the terminal's bell when a task that took long has ended.
    pub bell: bool,
    /// Have the terminal show a notice (OSC 9) then.
    pub notice: bool,
}

impl Ui {
    /// Whether to use colours; `no_color` is the variable `NO_COLOR`, which counts when it is not empty.
    pub fn has_color(&self, no_color: Option<&OsStr>) -> bool {
        let is_wanted = match self.color {
            Color::Auto => no_color.is_none_or(OsStr::is_empty),
            Color::Always => true,
            Color::Never => false,
        };
        is_wanted && self.theme == Theme::Terminal
    }

    /// Whether to draw with ASCII alone. `locale`: the variables `LC_ALL`, `LC_CTYPE` and `LANG`, of which the first
    /// that is not empty counts. Where none is set, nothing is known, and terminals have UTF-8.
    pub fn is_ascii(&self, locale: [Option<&OsStr>; 3]) -> bool {
        let locale = locale.into_iter().flatten().find(|value| !value.is_empty());
        let has_utf8 = locale.is_none_or(|value| {
            let value = value.to_string_lossy().to_ascii_lowercase();
            value.contains("utf-8") || value.contains("utf8")
        });
        self.ascii.unwrap_or(!has_utf8)
    }
}

/// `[refresh]`: how often things are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refresh {
    /// The list, on hosts that do not say when something changes.
    pub list: Duration,
    /// What visible machines use.
    pub figures: Duration,
    /// How much time a bar of a graph stands for.
    pub graphs: Duration,
}

impl Default for Refresh {
    fn default() -> Self {
        Self { list: Duration::from_secs(10), figures: Duration::from_secs(1), graphs: Duration::from_secs(5) }
    }
}

/// `[fetch]`: how images are fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// How many at the same time; the others wait.
    pub at_once: usize,
    /// Bytes a second of all together; None: as fast as it goes.
    pub rate: Option<ByteSize>,
    /// A file with certificates to trust beside the system's.
    pub ca: Option<PathBuf>,
    /// The program that fetches, started as `fetch-worker`; None: this one.
    pub worker: Option<PathBuf>,
}

impl Default for Fetch {
    fn default() -> Self {
        Self { at_once: 2, rate: None, ca: None, worker: None }
    }
}

/// The whole configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// In their order; the implied one first. Those that are not enabled are left out.
    pub hosts: Vec<HostConfig>,
    /// A libvirt daemon of this computer is shown where one is found: the file says nothing of one.
    pub shows_libvirt: bool,
    /// The same for an `iohyve` of this computer.
    pub shows_iohyve: bool,
    /// Keys of actions that have others than their own.
    pub keys: Overrides,
    pub ui: Ui,
    pub refresh: Refresh,
    pub fetch: Fetch,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            hosts: vec![HostConfig::local()],
            shows_libvirt: true,
            shows_iohyve: true,
            keys: Overrides::new(),
            ui: Ui::default(),
            refresh: Refresh::default(),
            fetch: Fetch::default(),
        }
    }
}

impl Config {
    /// Reads `path`, which must be there; None: the user's own file, and the defaults where there is none.
    pub fn load(path: Option<&Path>) -> std::result::Result<Self, ConfigError> {
        let whole = |file: &Path, message: String| ConfigError { file: file.to_owned(), line: None, message };
        let own = || super::Paths::find().map_err(|why| whole(Path::new("config.toml"), why));
        let file = path.map_or_else(|| own().map(|paths| paths.config), |named| Ok(named.to_owned()))?;
        let file = file.as_path();
        match std::fs::read_to_string(file) {
            Ok(text) => Self::parse(file, &text),
            Err(e) if e.kind() == io::ErrorKind::NotFound && path.is_none() => Ok(Self::default()),
            Err(e) => Err(whole(file, format!("it cannot be read: {e}"))),
        }
    }

    /// Reads `text`; `file` is named in messages.
    pub fn parse(file: &Path, text: &str) -> std::result::Result<Self, ConfigError> {
        Source { file, text }.parse(|top| {
            let hosts = hosts(top)?;
            let is_libvirt = |host: &HostConfig| match &host.backend {
                BackendConfig::Libvirt(libvirt) => libvirt.uri.starts_with("qemu:///"),
                _ => host.name.as_str() == LOCAL_LIBVIRT,
            };
            let is_iohyve = |host: &HostConfig| match &host.backend {
                BackendConfig::Iohyve(iohyve) => iohyve.ssh.is_none(),
                _ => host.name.as_str() == LOCAL_IOHYVE,
            };
            let shows_libvirt = !hosts.iter().any(is_libvirt);
            let shows_iohyve = !hosts.iter().any(is_iohyve);
            let hosts = hosts.into_iter().filter(|host| host.enabled).collect();
            let keys = keys(top)?;
            let ui = section(top, "ui", ui)?;
            let refresh = section(top, "refresh", refresh)?;
            let fetch = section(top, "fetch", fetch)?;
            Ok(Self { hosts, shows_libvirt, shows_iohyve, keys, ui, refresh, fetch })
        })
    }

    /// With the libvirt daemon of this computer that was found, unless the file speaks of one.
    #[must_use]
    pub fn with_libvirt(mut self, uri: &str) -> Self {
        if self.shows_libvirt {
            self.hosts.push(HostConfig::local_libvirt(uri));
        }
        self
    }

    /// With the `iohyve` of this computer that was found, unless the file speaks of it.
    #[must_use]
    pub fn with_iohyve(mut self) -> Self {
        if self.shows_iohyve {
            self.hosts.push(HostConfig::local_iohyve());
        }
        self
    }

    /// Machines in memory instead of hosts: two small scenes, or one host with `machines` of them.
    #[must_use]
    pub fn demo(self, machines: Option<u32>) -> Self {
        let host = |name: &str, scene| HostConfig {
            name: HostId::from(name),
            enabled: true,
            backend: BackendConfig::Demo(Demo { scene, machines, ..Demo::default() }),
        };
        let hosts = match machines {
            None => vec![host("alpha", Scene::Home), host("beta", Scene::Lab)],
            Some(_) => vec![host("alpha", Scene::Home)],
        };
        Self { hosts, ..self }
    }
}

/// A section, or its defaults where it is missing.
fn section<T: Default>(
    top: &mut Table<'_>,
    name: &'static str,
    read: impl FnOnce(&mut Table<'_>) -> Result<T>,
) -> Result<T> {
    let Some(value) = top.get(name) else { return Ok(T::default()) };
    let mut table = value.table()?;
    table.place = format!("[{name}]");
    let read = read(&mut table)?;
    table.end()?;
    Ok(read)
}

fn hosts(top: &mut Table<'_>) -> Result<Vec<HostConfig>> {
    let mut hosts: Vec<HostConfig> = Vec::new();
    if let Some(value) = top.get("host") {
        let items = value.list().ok_or_else(|| value.error("write [[host]], in double brackets"))?;
        for item in items {
            let mut table = item.table()?;
            let host = HostConfig::read(&mut table)?;
            if hosts.iter().any(|h| h.name == host.name) {
                return Err(table.error(format_args!("there are two hosts called `{}`", host.name)));
            }
            hosts.push(host);
        }
    }
    if !hosts.iter().any(|h| h.name.as_str() == LOCAL) {
        hosts.insert(0, HostConfig::local());
    }
    Ok(hosts)
}

/// Checked one by one, so that a name that is not there or a key that is taken is told with its line.
fn keys(top: &mut Table<'_>) -> Result<Overrides> {
    let mut keys = Overrides::new();
    let Some(section) = top.get("keys") else { return Ok(keys) };
    let mut table = section.table()?;
    "[keys]".clone_into(&mut table.place);
    let mut all = table.all();
    for (action, value) in &mut all {
        // The sentences below name the action themselves.
        "[keys]".clone_into(&mut value.name);
        keys.insert((*action).to_owned(), value.texts()?.into_iter().map(str::to_owned).collect());
    }
    // What is wrong by itself first; then what is wrong only together.
    for (action, value) in &all {
        let alone = keys.get(*action).map(|k| Overrides::from([((*action).to_owned(), k.clone())]));
        alone.map_or(Ok(()), |alone| KeyMap::new(&alone).map(|_| ())).map_err(|why| value.error(why))?;
    }
    KeyMap::new(&keys).map(|_| ()).map_err(|why| table.error(why))?;
    Ok(keys)
}

fn ui(table: &mut Table<'_>) -> Result<Ui> {
    let mut ui = Ui::default();
    if let Some(v) = table.get("theme") {
        ui.theme = v.choice(&[("terminal", Theme::Terminal), ("mono", Theme::Mono)])?;
    }
    if let Some(v) = table.get("color") {
        ui.color = v.choice(&[("auto", Color::Auto), ("always", Color::Always), ("never", Color::Never)])?;
    }
    if let Some(v) = table.get("ascii") {
        ui.ascii = v.flag_or_auto()?;
    }
    for (key, flag) in [("bell", &mut ui.bell), ("notice", &mut ui.notice)] {
        if let Some(v) = table.get(key) {
            *flag = v.flag()?;
        }
    }
    Ok(ui)
}

fn refresh(table: &mut Table<'_>) -> Result<Refresh> {
    let mut refresh = Refresh::default();
    for (key, time) in [("list", &mut refresh.list), ("figures", &mut refresh.figures), ("graphs", &mut refresh.graphs)]
    {
        if let Some(v) = table.get(key) {
            *time = Duration::from_secs(v.number(1..=3600)?);
        }
    }
    Ok(refresh)
}

fn fetch(table: &mut Table<'_>) -> Result<Fetch> {
    let mut fetch = Fetch::default();
    if let Some(v) = table.get("at_once") {
        fetch.at_once = usize::try_from(v.number(1..=16)?).unwrap_or(fetch.at_once);
    }
    if let Some(v) = table.get("rate") {
        let rate: ByteSize = v.text()?.parse().map_err(|why: String| v.error(why))?;
        fetch.rate = Some(rate).filter(|r| r.0 > 0);
    }
    fetch.ca = table.path("ca")?;
    fetch.worker = table.path("worker")?;
    Ok(fetch)
}
