//! Room on the disk: what is kept for how long, what goes when there is little left, and when recording must stop.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::config::{Config, WhenFull};
use super::index::{self, Entry};

/// How often the disk is looked at while something is recorded: at 100 Mbit/s that is 63 MB, far less than a usual reserve.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(5);

/// One of how many looks also applies the limits of age and size, for which the whole folder is read.
pub(super) const RETENTION_EVERY: u32 = 12;

/// What a look at the disk found, and did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Look {
    /// Free bytes after it; `None` when the system does not tell.
    pub(super) free: Option<u64>,
    /// No more than the reserve is free, and nothing could be done about it.
    pub(super) is_full: bool,
    /// Recordings that were deleted.
    pub(super) deleted: Vec<String>,
}

/// Free space where `folder` is or will be made. Blocks.
pub(super) fn free(folder: &Path) -> Option<u64> {
    let folder = std::path::absolute(folder).ok()?;
    let there = folder.ancestors().find(|folder| folder.exists())?;
    fs4::available_space(there).ok()
}

/// Looks at the disk and makes room as the settings say. Never touches what is being written (`active`). Blocks.
pub(super) fn look(
    folder: &Path,
    config: &Config,
    active: &HashMap<PathBuf, f64>,
    retention: bool,
    now_ms: u64,
    free: impl Fn(&Path) -> Option<u64>,
) -> Look {
    let is_short = || free(folder).is_some_and(|free| free < config.reserve_bytes);
    let limits = retention && (config.keep_days > 0 || config.keep_bytes > 0);
    let makes_room = config.when_full == WhenFull::DeleteOldest && is_short();
    let mut deleted = Vec::new();
    if limits || makes_room {
        let mut entries = index::list(folder, active).unwrap_or_default();
        let mut total: u64 = entries.iter().map(|entry| entry.size).sum();
        let day = 24 * 3600 * 1000;
        // The list is newest first: the oldest is taken from its end.
        while let Some(entry) = entries.pop() {
            let age_days = now_ms.saturating_sub(entry.modified_ms) / day;
            let old = limits && config.keep_days > 0 && age_days >= u64::from(config.keep_days);
            let much = limits && config.keep_bytes > 0 && total > config.keep_bytes;
            if !(old || much || makes_room && is_short()) {
                break;
            }
            if remove(folder, &entry, active) {
                total = total.saturating_sub(entry.size);
                deleted.push(entry.name);
            }
        }
    }
    Look { free: free(folder), is_full: is_short(), deleted }
}

fn remove(folder: &Path, entry: &Entry, active: &HashMap<PathBuf, f64>) -> bool {
    let path = folder.join(&entry.name);
    !active.contains_key(&path) && fs::remove_file(path).is_ok()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    const DAY: u64 = 24 * 3600;

    /// Files of 1000 bytes that are 0, 1, 2… days old.
    fn folder_of(count: u64) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for days in 0..count {
            let path = folder.path().join(format!("{days}.flv"));
            fs::write(&path, vec![0; 1000]).unwrap();
            let time = SystemTime::now() - Duration::from_secs(days * DAY + 60);
            fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
        }
        folder
    }

    fn looked(folder: &Path, config: &Config, disk: u64) -> Look {
        let now = index::unix_millis(SystemTime::now());
        let used = |folder: &Path| fs::read_dir(folder).unwrap().count() as u64 * 1000;
        look(folder, config, &HashMap::new(), true, now, |folder| Some(disk - used(folder)))
    }

    #[test]
    fn nothing_is_deleted_unasked_and_a_short_disk_is_said() {
        let folder = folder_of(4);
        let config = Config { reserve_bytes: 6_001, ..Config::default() };
        let look = looked(folder.path(), &config, 10_000);
        assert_eq!((look.free, look.is_full, look.deleted.len()), (Some(6_000), true, 0));
        assert!(!looked(folder.path(), &Config { reserve_bytes: 6_000, ..config }, 10_000).is_full);
    }

    #[test]
    fn the_oldest_go_until_the_reserve_is_free_again() {
        let folder = folder_of(4);
        let config = Config { reserve_bytes: 7_500, when_full: WhenFull::DeleteOldest, ..Config::default() };
        let look = looked(folder.path(), &config, 10_000);
        assert_eq!((look.deleted, look.is_full), (vec!["3.flv".to_owned(), "2.flv".to_owned()], false));
        let config = Config { reserve_bytes: 70_000, ..config };
        let look = looked(folder.path(), &config, 10_000);
        assert_eq!((look.deleted.len(), look.is_full), (2, true), "when all are gone there is still too little");
    }

    #[test]
    fn age_and_size_have_their_limits_and_what_is_written_stays() {
        let folder = folder_of(6);
        let by_age = Config { keep_days: 4, ..Config::default() };
        assert_eq!(looked(folder.path(), &by_age, 1 << 40).deleted, ["5.flv", "4.flv"]);
        let by_size = Config { keep_bytes: 2_000, ..Config::default() };
        assert_eq!(looked(folder.path(), &by_size, 1 << 40).deleted, ["3.flv", "2.flv"]);
        let all = Config { keep_bytes: 1, ..Config::default() };
        let active = HashMap::from([(folder.path().join("1.flv"), 1.0)]);
        let look = look(folder.path(), &all, &active, true, index::unix_millis(SystemTime::now()), |_| None);
        assert_eq!(look.deleted, ["0.flv"]);
    }
}
