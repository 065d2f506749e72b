//! `weir config`: checking a settings file, and printing one with every setting.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use weir_engine::config::{self, Profile};

use crate::exit::{Exit, say};

/// The right forms, for who wrote another.
pub(crate) const USAGE: &str = "write: weir config check FILE, or weir config --print-default";

/// What is asked of `weir config`.
#[derive(Debug, Args)]
pub(crate) struct Asked {
    /// Print a settings file with every setting, its default and what it means
    #[arg(long)]
    print_default: bool,
    #[command(subcommand)]
    about: Option<About>,
}

#[derive(Debug, Subcommand)]
enum About {
    /// Check a settings file as a start would: code 0, or code 1 and a line with the first mistake, its line and its column
    Check {
        /// The file, in TOML form
        file: PathBuf,
    },
}

/// Does what is asked.
pub(crate) fn run(asked: Asked) -> Result<(), Exit> {
    match (asked.print_default, asked.about) {
        (true, None) => Err(Exit::Answer(config::default_file(Profile::Serve))),
        (false, Some(About::Check { file })) => check(&file),
        _ => Err(Exit::Misused(USAGE.to_owned())),
    }
}

fn check(file: &Path) -> Result<(), Exit> {
    // A file that is not there would mean the defaults, which nobody asks to have checked.
    if let Err(error) = std::fs::metadata(file) {
        return Err(Exit::Failed(format!("{} cannot be read: {error}", file.display())));
    }
    config::check(file, Profile::Serve).map_err(Exit::failed)?;
    say(&format!("{}: every setting can be used", file.display()));
    Ok(())
}
