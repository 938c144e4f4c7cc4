//! The log: a file a day in the state folder, never the screen. Where it cannot be written the program runs without.
use std::{os::unix::fs::DirBuilderExt as _, path::Path};
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::{
    Layer as _,
    filter::{LevelFilter, Targets},
    fmt::layer,
    layer::SubscriberExt as _,
    registry,
    util::SubscriberInitExt as _,
};

/// How many days are kept.
const DAYS: usize = 7;

/// Logs into `folder` from now on what `VMDECK_LOG` asks for, and warnings where it does not say: `debug`,
/// `vmdeck::backend=trace`. The error says why there is no log.
pub fn start(folder: &Path) -> Result<(), String> {
    let why = |e: &dyn std::fmt::Display| format!("no log in {}: {e}", folder.display());
    // Only for the user: names of machines and hosts are nobody else's business.
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|e| why(&e))?;
    let file = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix("vmdeck")
        .filename_suffix("log")
        .max_log_files(DAYS)
        .build(folder)
        .map_err(|e| why(&e))?;
    let asked = std::env::var("VMDECK_LOG").unwrap_or_default();
    let filter: Targets =
        asked.parse().map_err(|e| format!("VMDECK_LOG: {e}: write error, warn, info, debug or trace"))?;
    let filter = match filter.default_level() {
        None => filter.with_default(LevelFilter::WARN),
        Some(_) => filter,
    };
    let lines = layer().with_ansi(false).with_writer(std::sync::Mutex::new(file)).with_filter(filter);
    registry().with(lines).try_init().map_err(|e| why(&e))
}
