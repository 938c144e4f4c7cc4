//! The only place with tasks, a clock and a terminal; and the only one that sees both the application and the backends.
mod calls;
mod change;
mod console;
mod console_filter;
mod external;
mod found;
mod guarded;
pub mod headless;
mod host;
mod hosts;
pub mod interrupt;
mod keys;
mod lend;
mod moved;
mod osc;
mod policy;
mod reads;
mod screen_loop;
pub mod setup;
mod shown;
mod spawn;
mod terminal;
mod terse;
mod threads;
mod throttle;

pub use console::{Left, attach};
pub use found::{has_iohyve, libvirt_here};
pub use hosts::Hosts;
pub use policy::Policy;
pub use screen_loop::{ScreenLoop, Stage};
pub use terminal::Outside;
pub use terse::Terse;

use crate::{
    app::{self, App},
    config::{BackendConfig, Config, Fault, HostConfig, Paths},
    ui::Theme,
};
use std::io::Write as _;

/// Shows the hosts of `config` on the terminal until the person quits. To be called on the program's main thread,
/// inside a [`tokio::task::LocalSet`]: the screen and the keys stay on that thread, others serve the hosts.
///
/// # Errors
/// The terminal cannot be taken, or not be written to.
pub async fn run_tui(config: &Config, paths: &Paths, settings: app::Settings, theme: Theme) -> std::io::Result<()> {
    let (mut hosts, inbox) = Hosts::on_threads(config.hosts.len());
    let policy = Policy::watching(&config.refresh);
    let has = |fault| {
        let demo = |host: &HostConfig| matches!(&host.backend, BackendConfig::Demo(demo) if demo.fault == Some(fault));
        config.hosts.iter().any(demo)
    };
    terminal::set_hook();
    // They read while the terminal is taken.
    for host in &config.hosts {
        spawn::spawn(&mut hosts, host, config, paths, policy);
    }
    let stage = match terminal::TerminalGuard::new(has(Fault::Keys)) {
        Ok(stage) => stage,
        Err(error) => {
            hosts.stop().await;
            return Err(error);
        }
    };
    let app = App::new(settings, config.hosts.iter().map(crate::config::HostConfig::host).collect());
    let mut screen = ScreenLoop::new(app, (hosts, inbox), stage, theme);
    screen.is_faulty = has(Fault::Screen);
    let ended = screen.run().await;
    let ScreenLoop { hosts, stage, left, .. } = screen;
    drop(stage);
    for change in left {
        // Nobody may be there to read it.
        let _ = writeln!(std::io::stderr(), "vmdeck: {change}: left under way, its outcome is unknown");
    }
    hosts.stop().await;
    ended
}
