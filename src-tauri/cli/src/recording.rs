//! `weir recording repair FILE…`: what is done by itself at every start, by hand.

use std::ffi::OsString;
use std::path::Path;

use weir_engine::recording::{self, Outcome, RepairError};

use crate::exit::Exit;

/// The word that this command begins with.
pub(crate) const COMMAND: &str = "recording";

/// Runs what follows the word `recording`.
pub(crate) fn run(arguments: &[OsString]) -> Result<(), Exit> {
    let files = match arguments.split_first() {
        Some((verb, files)) if verb == "repair" && !files.is_empty() => files,
        _ => return Err(Exit::Misused("write: weir recording repair FILE".to_owned())),
    };
    let mut failed = 0;
    for file in files {
        let shown = Path::new(file).display();
        let line = match recording::repair(Path::new(file)) {
            Ok(Outcome::Whole) => "whole; nothing to repair".to_owned(),
            Ok(Outcome::Repaired { seconds, cut_bytes }) => {
                format!("repaired; {seconds:.3} s, {cut_bytes} bytes at the end belonged to nothing")
            }
            Ok(Outcome::Damaged) => failure(&mut failed, "nothing in it can be saved; it is left as it was"),
            Ok(Outcome::Foreign) => failure(&mut failed, "not written by Weir; it is left as it was"),
            Err(RepairError::InUse) => failure(&mut failed, "it is being written; stop the recording first"),
            Err(error @ (RepairError::Disk(_) | RepairError::Cancelled)) => failure(&mut failed, &error.to_string()),
        };
        println(&format!("{shown}: {line}"));
    }
    if failed == 0 { Ok(()) } else { Err(Exit::Failed(format!("{failed} of {} files are not whole", files.len()))) }
}

fn failure(failed: &mut usize, line: &str) -> String {
    *failed += 1;
    line.to_owned()
}

#[expect(clippy::print_stdout, reason = "this is what the command is for")]
fn println(line: &str) {
    println!("{line}");
}
