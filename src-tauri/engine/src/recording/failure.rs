//! Why a recording stopped, in words: what is wrong and what to do.

use std::io::{self, ErrorKind};
use std::path::Path;

/// What kind of trouble ended a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureCode {
    /// The disk, or the quota on it, has no room left.
    DiskFull,
    /// No more than the reserve is free.
    LowSpace,
    /// The folder or the disk may not be written to.
    NotWritable,
    /// The folder is not there, or the file went away while it was written.
    FolderMissing,
    /// The file system takes no file this large (FAT32 ends at 4 GiB).
    FileTooLarge,
    /// Anything else the disk said.
    DiskError,
    /// The file format holds no more.
    FormatLimit,
    /// The file is not what its name says.
    Unreadable,
    /// The file was cut off before anything in it was whole.
    NothingWhole,
    /// The file was never closed, and another program wrote it.
    Foreign,
    /// The file was cut off, and the disk refused its repair.
    NotRepaired,
    /// The program itself went wrong: a bug.
    Internal,
}

/// Why a recording stopped. The stream it was made of goes on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, serde::Serialize, serde::Deserialize)]
#[error("{message}")]
pub struct Failure {
    /// The kind, for programs.
    pub code: FailureCode,
    /// What happened, one sentence.
    pub message: String,
    /// What to do, one sentence.
    pub hint: String,
}

impl Failure {
    /// What the disk's error means for a recording in `folder`.
    pub(crate) fn of_disk(error: &io::Error, folder: &Path) -> Self {
        let code = match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::WriteZero => FailureCode::DiskFull,
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => FailureCode::NotWritable,
            ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::StaleNetworkFileHandle => {
                FailureCode::FolderMissing
            }
            ErrorKind::FileTooLarge => FailureCode::FileTooLarge,
            _ => FailureCode::DiskError,
        };
        let folder = folder.display();
        let (message, hint) = match code {
            FailureCode::DiskFull => (
                format!("The disk of the recording folder {folder} is full."),
                "Free some space or choose a folder on another disk: then it goes on by itself, in a new file.",
            ),
            FailureCode::NotWritable => (
                format!("Weir may not write into the recording folder {folder}."),
                "Allow writing there or choose another folder: then it goes on by itself, in a new file.",
            ),
            FailureCode::FolderMissing => (
                format!("The recording folder {folder} or the file in it is gone."),
                "Connect the disk again or choose another folder: then it goes on by itself, in a new file.",
            ),
            FailureCode::FileTooLarge => (
                "The file has reached the largest size that its disk allows.".to_owned(),
                "It goes on by itself, in a new file; a disk formatted as NTFS, exFAT, APFS or ext4 takes larger ones (FAT32 ends at 4 GiB).",
            ),
            FailureCode::DiskError
            | FailureCode::LowSpace
            | FailureCode::FormatLimit
            | FailureCode::Unreadable
            | FailureCode::NothingWhole
            | FailureCode::Foreign
            | FailureCode::NotRepaired
            | FailureCode::Internal => (
                format!("Writing the recording in {folder} failed: {error}."),
                "Check the disk: then it goes on by itself, in a new file.",
            ),
        };
        Self { code, message, hint: hint.to_owned() }
    }

    /// The format cannot hold what the stream sends.
    pub(crate) fn of_format(error: &weir_mp4::Error) -> Self {
        Self {
            code: FailureCode::FormatLimit,
            message: format!("The stream cannot be written as MP4: {error}."),
            hint: "It goes on by itself, as FLV; choose that for recordings of this stream.".to_owned(),
        }
    }

    /// A file cannot be worked on, for this reason.
    pub(crate) fn of_file(why: &dyn std::fmt::Display) -> Self {
        Self {
            code: FailureCode::Unreadable,
            message: format!("The file cannot be read as what its name says: {why}."),
            hint: "Play it with another program to see what is in it.".to_owned(),
        }
    }

    /// A copy would not leave the reserve free.
    pub(crate) fn no_room(folder: &Path, needed: u64) -> Self {
        Self {
            code: FailureCode::LowSpace,
            message: format!(
                "The new file needs {:.1} GB on the disk of {} beside the reserve, and they are not free.",
                needed as f64 / 1e9,
                folder.display()
            ),
            hint: "Free some space, then start it again.".to_owned(),
        }
    }

    /// The reserve is reached.
    pub(crate) fn low_space(folder: &Path, reserve: u64) -> Self {
        Self {
            code: FailureCode::LowSpace,
            message: format!(
                "Less than {:.1} GB are free on the disk of {}: the recording is complete up to here.",
                reserve as f64 / 1e9,
                folder.display()
            ),
            hint:
                "Free some space, or let Weir delete the oldest recordings: then it goes on by itself, in a new file."
                    .to_owned(),
        }
    }

    /// The disk does not answer at all.
    pub(crate) fn disk_hangs(folder: &Path) -> Self {
        Self {
            code: FailureCode::DiskError,
            message: format!(
                "The disk of {} does not answer; the file is playable up to that point.",
                folder.display()
            ),
            hint: "Check the disk or the network folder.".to_owned(),
        }
    }

    /// The recorder ended without saying how.
    pub(crate) fn internal() -> Self {
        Self {
            code: FailureCode::Internal,
            message: "The recorder stopped unexpectedly; the file is playable up to that point.".to_owned(),
            hint: "Start the recording again, and report this with the log.".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_disk_error_has_its_code_and_a_remedy() {
        for (kind, code) in [
            (ErrorKind::StorageFull, FailureCode::DiskFull),
            (ErrorKind::QuotaExceeded, FailureCode::DiskFull),
            (ErrorKind::PermissionDenied, FailureCode::NotWritable),
            (ErrorKind::ReadOnlyFilesystem, FailureCode::NotWritable),
            (ErrorKind::NotFound, FailureCode::FolderMissing),
            (ErrorKind::FileTooLarge, FailureCode::FileTooLarge),
            (ErrorKind::Other, FailureCode::DiskError),
        ] {
            let failure = Failure::of_disk(&io::Error::from(kind), Path::new("/recordings"));
            assert_eq!(failure.code, code, "{kind:?}");
            assert!(failure.message.ends_with('.') && failure.hint.ends_with('.'), "{failure:?}");
        }
    }
}
