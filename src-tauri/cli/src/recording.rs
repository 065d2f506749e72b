//! `weir recording repair FILE…`: what is done by itself at every start, by hand.

use std::io;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use weir_engine::recording::{self, Outcome, RepairError};

use crate::exit::{Exit, say};

/// The right form, for who wrote another.
pub(crate) const USAGE: &str = "write: weir recording repair FILE";

/// What is asked of `weir recording`.
#[derive(Debug, Subcommand)]
pub(crate) enum Asked {
    /// Make recordings whole that were cut off, in place; a line for each file, and code 1 when there is one that nothing could
    /// be done for
    Repair {
        /// Recordings in FLV or MP4 that Weir wrote
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
    },
}

/// Does what is asked.
pub(crate) fn run(asked: &Asked) -> Result<(), Exit> {
    let Asked::Repair { files } = asked;
    repair(files)
}

/// Repairs files one after the other, and says what became of each.
fn repair(files: &[PathBuf]) -> Result<(), Exit> {
    let mut failed = 0;
    for file in files {
        let (Ok(line) | Err(line)) = repair_one(file).inspect_err(|_| failed += 1);
        say(&format!("{}: {line}", file.display()));
    }
    match (failed, files.len()) {
        (0, _) => Ok(()),
        // There is nothing to sum up.
        (_, 1) => Err(Exit::Told),
        (failed, all) => Err(Exit::Failed(format!("nothing could be done for {failed} of {all} files"))),
    }
}

/// What became of a file that is whole now, or why it is not.
fn repair_one(file: &Path) -> Result<String, String> {
    if file.is_dir() {
        return Err("it is a folder; name the files in it".to_owned());
    }
    match recording::repair(file) {
        Ok(Outcome::Whole) => Ok("whole; nothing to repair".to_owned()),
        Ok(Outcome::Repaired { seconds, cut_bytes }) => {
            let cut = recording::cut_off(cut_bytes).map(|words| format!(", {words}"));
            Ok(format!("repaired; {seconds:.3} s{}", cut.unwrap_or_default()))
        }
        Ok(Outcome::Damaged) if std::fs::metadata(file).is_ok_and(|about| about.len() == 0) => {
            Err("it is empty; nothing can be repaired".to_owned())
        }
        Ok(Outcome::Damaged) => Err("nothing in it can be saved; it is left as it was".to_owned()),
        Ok(Outcome::Foreign) => Err("not written by Weir; it is left as it was".to_owned()),
        Err(RepairError::InUse) => Err("it is being written; stop the recording first".to_owned()),
        Err(RepairError::Disk(error)) if error.kind() == io::ErrorKind::NotFound => {
            Err("there is no such file".to_owned())
        }
        Err(error @ (RepairError::Disk(_) | RepairError::Cancelled)) => Err(error.to_string()),
    }
}
