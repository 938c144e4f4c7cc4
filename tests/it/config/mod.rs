//! The configuration: what is read, and what each mistake is told as.
mod mistakes;
mod values;

use std::path::Path;
use vmdeck::config::{Config, ConfigError};

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(Path::new("c.toml"), text)
}
