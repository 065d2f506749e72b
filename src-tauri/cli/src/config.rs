//! `weir config`: checking a settings file, and printing one with every setting.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;

use weir_engine::config::{self, Profile};

use crate::exit::Exit;

/// The command's name.
pub(crate) const COMMAND: &str = "config";

const USAGE: &str = "write: weir config check FILE, or weir config --print-default";

/// Runs what follows the word `config`.
pub(crate) fn run(arguments: &[OsString]) -> Result<(), Exit> {
    let words: Vec<&str> = arguments.iter().filter_map(|argument| argument.to_str()).collect();
    match (words.as_slice(), arguments) {
        (["--print-default" | "-print-default"], _) => Err(Exit::Answer(config::default_file(Profile::Serve))),
        (["check", ..], [_, file]) => check(Path::new(file)),
        _ => Err(Exit::Misused(USAGE.to_owned())),
    }
}

fn check(file: &Path) -> Result<(), Exit> {
    // A file that is not there would mean the defaults, which nobody asks to have checked.
    if let Err(error) = std::fs::metadata(file) {
        return Err(Exit::Failed(format!("{} cannot be read: {error}", file.display())));
    }
    config::check(file, Profile::Serve).map_err(Exit::failed)?;
    // A closed standard output is no reason to fail.
    let _ = writeln!(std::io::stdout(), "{}: every setting can be used", file.display());
    Ok(())
}
