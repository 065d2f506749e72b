//! What is done about recordings that a crash left behind, when Weir starts: each is made whole, and that is said.

use std::path::Path;
use std::time::SystemTime;

use super::index::{self, EntryState};
use super::repair::{Outcome, RepairError, repair};
use crate::problem::{Problems, Report};

/// Repairs every file below `folder` that was interrupted by `started`; one that is being written anew is locked. Blocks,
/// for as long as the files are large.
pub(super) fn heal(folder: &Path, started: SystemTime, problems: &Problems) {
    let started = index::unix_millis(started);
    let entries = match index::list(folder, &std::collections::HashMap::new()) {
        Ok(entries) => entries,
        Err(error) => {
            tracing::warn!(folder = %folder.display(), %error, "recordings were not looked through");
            return;
        }
    };
    let interrupted = |entry: &index::Entry| entry.state == EntryState::Interrupted && entry.modified_ms <= started;
    for entry in entries.into_iter().filter(interrupted) {
        let outcome = repair(&folder.join(&entry.name));
        tracing::info!(file = entry.name, ?outcome, "an interrupted recording was looked after");
        match outcome {
            Ok(Outcome::Repaired { seconds, cut_bytes }) => problems.report(Report {
                code: "recording_repaired",
                message: format!(
                    "The recording {} was cut off last time and is whole again: {seconds:.0} s; {cut_bytes} bytes at its end \
                     belonged to nothing.",
                    entry.name
                ),
                hint: String::new(),
                path: None,
                peer: Some(entry.name),
            }),
            Ok(Outcome::Damaged) => problems.report(Report {
                code: "recording_damaged",
                message: format!("The recording {} was cut off before anything in it was whole.", entry.name),
                hint: "Delete it, or keep it for a closer look; it was left as it is.".to_owned(),
                path: None,
                peer: Some(entry.name),
            }),
            Ok(Outcome::Whole | Outcome::Foreign) | Err(RepairError::InUse) => {}
            Err(RepairError::Disk(error)) => problems.report(Report {
                code: "recording_not_repaired",
                message: format!("The recording {} was cut off and could not be repaired: {error}.", entry.name),
                hint: "It plays up to where it was cut off. Free some space, then run: weir recording repair FILE".to_owned(),
                path: None,
                peer: Some(entry.name),
            }),
        }
    }
}
