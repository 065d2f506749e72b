//! One program for one data folder: two of them would overwrite each other's keys, lists and logs.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io, thread};

/// The file that is locked. It stays when Weir ends; the lock does not.
const NAME: &str = "weir.lock";

/// How often the lock is tried: a program that is just being started shares every file of ours, locks included, for a moment.
const TRIES: u32 = 8;

/// Between two tries.
const PAUSE: Duration = Duration::from_millis(25);

/// Says that a data folder is used, for as long as it is kept. Hosts take it before they start an engine.
#[derive(Debug)]
pub struct DataLock {
    /// Locked while it is open; none where nothing can be locked.
    _file: Option<File>,
}

/// Another program uses the data folder.
#[derive(Debug, thiserror::Error)]
#[error(
    "another Weir is using the data folder {}; end that one, or give this one another folder with --data-dir (WEIR_DATA_DIR)",
    _0.display()
)]
pub struct FolderInUse(PathBuf);

impl DataLock {
    /// Takes the lock of `folder`, which is made if need be. Where nothing can be locked, as in a folder that is for reading only
    /// or on some network disks, it is used all the same. Blocks, for a fifth of a second at most.
    pub fn take(folder: &Path) -> Result<Self, FolderInUse> {
        let Ok(file) = open(folder) else { return Ok(Self { _file: None }) };
        for attempt in 1..=TRIES {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: Some(file) }),
                Err(TryLockError::Error(_)) => return Ok(Self { _file: None }),
                Err(TryLockError::WouldBlock) if attempt < TRIES => thread::sleep(PAUSE),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        Err(FolderInUse(folder.to_owned()))
    }
}

fn open(folder: &Path) -> io::Result<File> {
    fs::create_dir_all(folder)?;
    let mut options = OpenOptions::new();
    options.create(true).write(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(folder.join(NAME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_one_programs_until_it_ends() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("new/data");
        let first = DataLock::take(&folder).unwrap();
        let error = DataLock::take(&folder).unwrap_err().to_string();
        assert!(error.contains(&folder.display().to_string()) && error.contains("--data-dir"), "{error}");
        DataLock::take(&home.path().join("other")).unwrap();
        drop(first);
        DataLock::take(&folder).unwrap();
    }

    #[test]
    fn a_folder_that_cannot_be_locked_is_used_all_the_same() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("file"), "").unwrap();
        let folder = home.path().join("file/data");
        let both = [DataLock::take(&folder).unwrap(), DataLock::take(&folder).unwrap()];
        assert!(both.iter().all(|lock| lock._file.is_none()));
    }
}
