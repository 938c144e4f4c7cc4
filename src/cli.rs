//! The command line: its words, its help, and what is generated from them.
use crate::{
    app, completions,
    config::{Config, LOCAL, Paths},
    domain::Secret,
    fetch,
    input::{self, KeyMap},
    logging, manual,
    runtime::{
        has_iohyve,
        headless::{self, Streams},
        interrupt, libvirt_here, run_tui,
        setup::Errand,
    },
    transport::{APART, askpass},
    ui::Theme,
};
use clap::{CommandFactory as _, Parser, Subcommand, error::ErrorKind};
use std::{
    ffi::OsString,
    io::{IsTerminal as _, Read as _, Write as _},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::task::LocalSet;
use tokio_util::sync::CancellationToken;

/// How long hosts may take to answer where nobody waits at a screen.
const PATIENCE: Duration = Duration::from_secs(3);

const AFTER: &str = "\
Exit codes:
  0    done, and read back
  1    the host said no, or what it has now differs from what was asked for
  2    a word or value that cannot be; nothing was sent
  3    the host does not offer it, with the reason
  4    the host cannot be reached, or an answer from a person is needed
  5    no answer in time: the outcome is unknown
  130  interrupted

JSON of `call --json`, its last line:
  {\"host\", \"op\", \"ok\", \"result\", \"error\": {\"kind\", \"message\"}}
  `result` of a read is what it found; of a change, what was read back:
  the machine (start, create, install ...), its disks (insert-image, remove-disk ...),
  the new disk (add-disk), both sizes (resize-disk), the image,
  the setting (`current`: what a running machine has until its next start);
  null where nothing is left (delete, remove-image); {\"remark\"}: where disks were kept;
  `caution`: the disk is given more than the storage here holds (resize-disk, add-disk);
  with --detach, {\"job\"}: the name for resume-fetch, pause-fetch and cancel-fetch
  Before it, while a fetch is under way, one a line:
  {\"progress\": {\"done\", \"total\", \"percent\", \"rate\", \"note\"}}

Environment:
  VMDECK_HOME  one folder for configuration, machines, images and log
  VMDECK_LOG   what the log holds: error, warn, info, debug, trace
  VISUAL, EDITOR
               what descriptions are edited with; else vi
  NO_COLOR     no colours
  LC_ALL, LC_CTYPE, LANG
               a locale without UTF-8: ASCII alone on the screen";

/// A terminal UI for virtual machines on local and remote hosts.
///
/// Without a command it opens the screen; without a terminal it prints hosts and machines.
#[derive(Debug, Default, Parser)]
#[command(name = "vmdeck", version, after_help = AFTER, max_term_width = 100)]
pub struct Cli {
    /// Read this configuration instead of the user's own
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// Show machines that are not real: two small hosts, or N machines
    #[arg(long, value_name = "N", global = true, num_args = 0..=1, require_equals = true, default_missing_value = "0",
          value_parser = clap::value_parser!(u32).range(0..=100_000))]
    pub demo: Option<u32>,
    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Do one operation on one host, without the screen
    #[command(after_help = "`vmdeck call --help` tells all operations and their words.", after_long_help = headless::operations())]
    Call {
        /// The host's name in the configuration
        host: String,
        /// The operation: list, start, resize-disk ...; with --help, its words
        operation: String,
        /// Its words: vm=web disk=disk0 size=+10G; what may lose something needs yes=NAME;
        /// a host's question takes answer=@FILE, or answer=- to be asked
        #[arg(value_name = "KEY=VALUE")]
        words: Vec<String>,
        /// Print JSON: progress as lines, then one object
        #[arg(long)]
        json: bool,
        /// Return once a fetch is under way: it goes on by itself
        #[arg(long, conflicts_with = "wait")]
        detach: bool,
        /// Wait until it has ended: so it is without --detach, too
        #[arg(long)]
        wait: bool,
    },
    /// List the hosts and whether they answer
    Hosts,
    /// Install what this computer lacks to run machines, after asking
    Setup {
        /// Do not ask, unless something would be replaced by an older version
        #[arg(long)]
        yes: bool,
    },
    /// Say what this computer has and lacks to run machines
    Doctor,
    /// Start the machines whose property `autostart` is `yes`
    Autostart,
    /// Fetch one image, as a process of its own
    #[command(hide = true)]
    FetchWorker {
        #[arg(long)]
        at_once: usize,
        #[arg(long)]
        rate: Option<u64>,
        #[arg(long)]
        ca: Option<PathBuf>,
        folder: PathBuf,
        name: String,
    },
    /// Print the completions of a shell
    ///
    /// They know the hosts of the configuration as it is now: print them anew when others come.
    Completions { shell: clap_complete::Shell },
    /// Print the man page
    Man,
    /// Print the table of keys
    Keys,
    /// Print the part of the configuration that is made from the table of keys
    Config,
}

/// Runs the command line `words`; returns the exit code.
pub fn run(words: impl IntoIterator<Item = OsString>) -> u8 {
    let words: Vec<_> = words.into_iter().collect();
    match (words.as_slice(), std::env::var_os(askpass::SOCKET)) {
        // Started by ssh to ask something.
        ([_, question], Some(socket)) => return askpass::ask(&socket, question, &mut std::io::stdout()),
        // Started to become another program.
        ([_, word, program @ ..], _) if word == APART => return become_apart(program),
        _ => {}
    }
    let of_one = help_of_one(&words);
    let cli = match Cli::read(words) {
        Ok(cli) => cli,
        Err(error) if error.kind() == ErrorKind::DisplayHelp && of_one.is_some() => {
            let _ = std::io::stdout().write_all(of_one.unwrap_or_default().as_bytes());
            return 0;
        }
        Err(error) => {
            // Help asked for is no failure; a closed pipe neither.
            let _ = error.print();
            return if error.use_stderr() { 2 } else { 0 };
        }
    };
    match cli.execute() {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "vmdeck: {error}");
            2
        }
    }
}

/// The help of one operation, where `words` name one: `call HOST OP`.
fn help_of_one(words: &[OsString]) -> Option<String> {
    let mut after_config = false;
    let is_plain = |word: &&str| {
        let is_file = std::mem::replace(&mut after_config, *word == "--config");
        !is_file && !word.starts_with('-')
    };
    let mut plain = words.iter().skip(1).filter_map(|word| word.to_str()).filter(is_plain);
    (plain.next()? == "call").then(|| plain.nth(1)).flatten().and_then(headless::help)
}

/// Leaves the terminal and becomes `words`, a program and its arguments; comes back only where that fails.
#[expect(clippy::disallowed_methods, reason = "no program is started: this one becomes it")]
fn become_apart(words: &[OsString]) -> u8 {
    let Some((program, arguments)) = words.split_first() else { return 2 };
    // It fails where it leads a session already, which has no terminal then.
    let _ = rustix::process::setsid();
    let error = std::process::Command::new(program).args(arguments).exec();
    let _ = writeln!(std::io::stderr(), "{}: {error}", Path::new(program).display());
    127
}

/// What needs no configuration, whole, so that it can be written at once.
pub fn generated(command: &Command) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    match command {
        Command::Man => out.extend(manual::page(&Cli::command()).ok()?.into_bytes()),
        Command::Keys => out.extend(input::readme_table().into_bytes()),
        Command::Config => out.extend(input::config_table().into_bytes()),
        _ => return None,
    }
    Some(out)
}

/// Adds the hosts that this computer turns out to be.
fn with_found(config: Config) -> Config {
    let config = if let Some(uri) = libvirt_here() { config.with_libvirt(uri) } else { config };
    if has_iohyve() { config.with_iohyve() } else { config }
}

impl Cli {
    /// Without words there is nothing to parse: the parser stays out of memory where only the screen is wanted.
    fn read(words: Vec<OsString>) -> Result<Self, clap::Error> {
        if words.len() < 2 { Ok(Self::default()) } else { Self::try_parse_from(words) }
    }

    /// With the hosts that are meant: those of the demo, or those that this computer turns out to be as well.
    fn hosts_of(&self, config: Config) -> Config {
        match self.demo {
            Some(count) => config.demo((count > 0).then_some(count)),
            None => with_found(config),
        }
    }

    fn execute(self) -> Result<u8, String> {
        if let Some(text) = self.command.as_ref().and_then(generated) {
            // Whoever closed the pipe has read enough.
            let _ = std::io::stdout().write_all(&text);
            return Ok(0);
        }
        if let Some(Command::Completions { shell }) = &self.command {
            // Whoever packs the program has no configuration, and one with a mistake is no reason to complete nothing.
            let config = Config::load(self.config.as_deref()).map(|config| self.hosts_of(config));
            let hosts = config.map(|config| config.hosts).unwrap_or_default();
            let hosts: Vec<_> = hosts.iter().map(|host| (host.name.to_string(), host.backend.name())).collect();
            let _ = std::io::stdout().write_all(&completions::script(*shell, Self::command(), hosts));
            return Ok(0);
        }
        if let Some(Command::FetchWorker { at_once, rate, ca, folder, name }) = &self.command {
            let limit = fetch::Limit::new(*rate).shared_in(folder);
            let options = fetch::Options { limit, ca: ca.clone(), ..fetch::Options::default() };
            return fetch_worker(*at_once, &options, folder, name);
        }
        let paths = Paths::find()?;
        let config = Config::load(self.config.as_deref()).map_err(|e| e.to_string())?;
        let config = self.hosts_of(config);
        if let Err(why) = logging::start(&paths.state) {
            // A program that manages machines is of use without a log, too.
            let _ = writeln!(std::io::stderr(), "vmdeck: {why}");
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|e| format!("no runtime to work with: {e}"))?;
        let is_terminal = std::io::stdout().is_terminal();
        let (mut input, mut out, mut err) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
        let is_person = input.is_terminal();
        let mut streams = Streams { input: &mut input, out: &mut out, err: &mut err, is_terminal, is_person };
        let work = async {
            let errand = Errand { config: &config, paths: &paths, host: LOCAL };
            match self.command {
                Some(Command::Call { host, operation, words, json, detach, wait: _ }) => {
                    let call = headless::Call { host, op: operation, words, json, detach };
                    let interrupt = CancellationToken::new();
                    let _listener = interrupt::listen(interrupt.clone());
                    Ok(headless::call(&config, &paths, &call, &mut streams, interrupt).await)
                }
                Some(Command::Setup { yes }) => Ok(errand.set_up(yes, &mut streams).await),
                Some(Command::Doctor) => Ok(errand.doctor(&mut streams).await),
                Some(Command::Autostart) => Ok(errand.autostart(&mut streams).await),
                Some(Command::Hosts) => {
                    headless::hosts(&config, &paths, PATIENCE, &mut streams).await;
                    Ok(0)
                }
                None if is_terminal && std::io::stdin().is_terminal() => {
                    let settings = settings(&config, self.config.as_ref().unwrap_or(&paths.config))?;
                    let color = config.ui.has_color(std::env::var_os("NO_COLOR").as_deref());
                    let theme = Theme::new(color, settings.ascii);
                    let shown = Box::pin(run_tui(&config, &paths, settings, theme));
                    let shown = LocalSet::new().run_until(shown).await;
                    shown.map(|()| 0).map_err(|e| format!("the terminal: {e}"))
                }
                _ => {
                    headless::machines(&config, &paths, PATIENCE, &mut streams).await;
                    Ok(0)
                }
            }
        };
        let code = runtime.block_on(work);
        // A thread that hangs in a read of the standard input must not hold the program.
        runtime.shutdown_background();
        code
    }
}

/// Works on one fetch, without a terminal and whoever asked for it. How it ends stands in its journal.
fn fetch_worker(at_once: usize, options: &fetch::Options, folder: &Path, name: &str) -> Result<u8, String> {
    // From here on no terminal that closes can end it. It fails where it leads a session already, which does as well.
    let _ = rustix::process::setsid();
    let mut words = String::new();
    if !std::io::stdin().is_terminal() {
        std::io::stdin().take(65_536).read_to_string(&mut words).map_err(|e| e.to_string())?;
    }
    let login = words.split_once('\n').map(|(user, password)| (user.to_owned(), Secret::new(password.to_owned())));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    let done = runtime.block_on(fetch::work(folder, name, login, at_once, options));
    runtime.shutdown_background();
    done.map(|_| 0).map_err(|error| error.to_string())
}

/// What the configuration says about the application.
fn settings(config: &Config, file: &Path) -> Result<app::Settings, String> {
    let [all, kind, lang] = ["LC_ALL", "LC_CTYPE", "LANG"].map(std::env::var_os);
    Ok(app::Settings {
        keymap: KeyMap::new(&config.keys)?,
        ascii: config.ui.is_ascii([all.as_deref(), kind.as_deref(), lang.as_deref()]),
        bell: config.ui.bell,
        notice: config.ui.notice,
        graphs: config.refresh.graphs,
        config_path: file.display().to_string(),
        zone: jiff::tz::TimeZone::system(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_of_one_operation_is_found_wherever_its_words_stand() {
        let help = |words: &str| help_of_one(&words.split(' ').map(OsString::from).collect::<Vec<_>>());
        let of_create = help("vmdeck call local create --help");
        assert!(of_create.as_ref().is_some_and(|text| text.contains("create")));
        for words in
            ["vmdeck --config c.toml call local create --help", "vmdeck call --config=c local --json create -h"]
        {
            assert_eq!(help(words), of_create, "{words}");
        }
        for words in
            ["vmdeck call local --help", "vmdeck hosts local create --help", "vmdeck --config call local create"]
        {
            assert_eq!(help(words), None, "{words}");
        }
    }

    #[test]
    fn no_words_are_what_the_parser_makes_of_none() {
        let parsed = Cli::try_parse_from(["vmdeck"]).unwrap();
        assert_eq!(format!("{:?}", Cli::default()), format!("{parsed:?}"));
    }
}
