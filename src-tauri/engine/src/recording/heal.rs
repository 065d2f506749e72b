//! What is done about recordings that a crash left behind, when Weir starts: each is made whole, and that is said. What cannot be
//! made whole is said once and remembered.

use super::about::Flaw;
use super::index::{Entry, EntryState};
use super::repair::{Outcome, RepairError, cut_off, repair};
use super::{Recordings, convert};
use crate::problem::Report;

/// Repairs every file that was interrupted. Whatever the clock says, one that is being written is left alone: it is known here,
/// or locked by whoever writes it. Blocks, for as long as the files are large.
pub(super) fn heal(recordings: &Recordings) {
    let folder = recordings.folder();
    convert::clear_unfinished(&folder);
    let entries = match recordings.list() {
        Ok(entries) => entries,
        Err(error) => {
            tracing::warn!(folder = %folder.display(), %error, "recordings were not looked through");
            return;
        }
    };
    let can_be_healed =
        |entry: &Entry| entry.state == EntryState::Interrupted && entry.about.flaw.is_none_or(|flaw| !flaw.is_final());
    for entry in entries.into_iter().filter(can_be_healed) {
        let path = folder.join(&entry.name);
        // Recording may have begun since the folder was read.
        if recordings.book().active().contains_key(&path) {
            continue;
        }
        let outcome = repair(&path);
        match &outcome {
            Ok(outcome) => tracing::info!(file = entry.name, %outcome, "an interrupted recording was looked after"),
            Err(error) => tracing::info!(file = entry.name, %error, "an interrupted recording was not repaired"),
        }
        let flaw = recordings.note_flaw(&entry.name, &outcome);
        let is_news = flaw != entry.about.flaw;
        if let Some(report) = words(entry.name, outcome).filter(|_| is_news || flaw.is_none()) {
            recordings.0.context.problems.report(report);
        }
    }
}

impl Recordings {
    /// Remembers what stood in the way of a repair, if anything did. Blocks.
    pub(super) fn note_flaw(&self, name: &str, outcome: &Result<Outcome, RepairError>) -> Option<Flaw> {
        let flaw = match outcome {
            Ok(Outcome::Damaged) => Flaw::NothingWhole,
            Ok(Outcome::Foreign) => Flaw::Foreign,
            Err(RepairError::Disk(_)) => Flaw::NotRepaired,
            Ok(Outcome::Whole | Outcome::Repaired { .. }) | Err(RepairError::InUse | RepairError::Cancelled) => {
                return None;
            }
        };
        if let Err(error) = self.0.library.tried(&self.folder(), name, flaw) {
            // It is tried again at the next start, no more.
            tracing::debug!(file = name, %error, "what a repair found was not remembered");
        }
        Some(flaw)
    }
}

/// What people are told; nothing of a file that is not one of ours, and shows what is wrong with it in the list.
fn words(name: String, outcome: Result<Outcome, RepairError>) -> Option<Report> {
    let (code, message, hint) = match outcome {
        Ok(Outcome::Repaired { seconds, cut_bytes }) => (
            "recording_repaired",
            format!(
                "The recording {name} was cut off last time and is whole again: {seconds:.0} s{}.",
                cut_off(cut_bytes).map(|words| format!("; {words}")).unwrap_or_default()
            ),
            "",
        ),
        Ok(Outcome::Damaged) => (
            "recording_damaged",
            format!("The recording {name} was cut off before anything in it was whole."),
            "Delete it, or keep it for a closer look; it was left as it is.",
        ),
        Err(RepairError::Disk(error)) => (
            "recording_not_repaired",
            format!("The recording {name} was cut off and could not be repaired: {error}."),
            "It plays up to where it was cut off. Free some space, then run: weir recording repair FILE",
        ),
        Ok(Outcome::Whole | Outcome::Foreign) | Err(RepairError::InUse | RepairError::Cancelled) => return None,
    };
    Some(Report { code, message, hint: hint.to_owned(), path: None, peer: Some(name) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_were_cut_off_are_said_when_there_are_any() {
        for (cut_bytes, end) in [
            (0, "whole again: 60 s."),
            (1, "60 s; 1 byte at the end belonged to nothing."),
            (5, "60 s; 5 bytes at the end belonged to nothing."),
        ] {
            let report = words("show.mp4".to_owned(), Ok(Outcome::Repaired { seconds: 60.0, cut_bytes })).unwrap();
            assert!(report.message.ends_with(end), "{}", report.message);
        }
    }
}
