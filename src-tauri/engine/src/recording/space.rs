//! Room on the disk: what is kept for how long, what goes when there is little left, and when recording must stop.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::config::{Config, WhenFull};
use super::index::{self, Seen};
use super::{film, repair};

/// How often the disk is looked at while something is recorded: at 100 Mbit/s that is 63 MB, far less than a usual reserve.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(5);

/// One of how many looks also applies the limits of age and size, for which the whole folder is read.
pub(super) const RETENTION_EVERY: u32 = 12;

/// Free space where `folder` is or will be made. Blocks.
pub(super) fn free(folder: &Path) -> Option<u64> {
    let folder = std::path::absolute(folder).ok()?;
    let there = folder.ancestors().find(|folder| folder.exists())?;
    fs4::available_space(there).ok()
}

/// The folders on whose disks less than the reserve is free: a recording goes on where it began when the folder is changed, and a
/// folder may be another disk. Blocks.
pub(super) fn short(folders: HashSet<PathBuf>, reserve: u64, free: impl Fn(&Path) -> Option<u64>) -> HashSet<PathBuf> {
    folders.into_iter().filter(|folder| free(folder).is_some_and(|free| free < reserve)).collect()
}

/// Makes room as the settings say: only ever with files that Weir wrote and nobody writes to, and for the reserve only while something is
/// recorded (`active`). Returns which recordings were deleted. Blocks.
pub(super) fn make_room(
    folder: &Path,
    config: &Config,
    active: &HashMap<PathBuf, f64>,
    retention: bool,
    now_ms: u64,
    free: impl Fn(&Path) -> Option<u64>,
) -> Vec<String> {
    let is_short = || free(folder).is_some_and(|free| free < config.reserve_bytes);
    let limits = retention && (config.keep_days > 0 || config.keep_bytes > 0);
    let makes_room = config.when_full == WhenFull::DeleteOldest && !active.is_empty() && is_short();
    let mut deleted = Vec::new();
    if limits || makes_room {
        let mut entries = index::see(folder).unwrap_or_default();
        let all = |entries: &[Seen]| entries.iter().map(|entry| entry.size).sum::<u64>();
        if limits && config.keep_bytes > 0 && all(&entries) > config.keep_bytes {
            // What is not Weir's takes no part in its limit. Files are opened for this only when all together are over it.
            entries.retain(|entry| film::is_ours(&entry.path));
        }
        let mut total = all(&entries);
        let day = 24 * 3600 * 1000;
        // The list is newest first: the oldest is taken from its end.
        while let Some(entry) = entries.pop() {
            let age_days = now_ms.saturating_sub(entry.modified_ms()) / day;
            let old = limits && config.keep_days > 0 && age_days >= u64::from(config.keep_days);
            let much = limits && config.keep_bytes > 0 && total > config.keep_bytes;
            if !(old || much || makes_room && is_short()) {
                break;
            }
            if remove(&entry, active) {
                total = total.saturating_sub(entry.size);
                deleted.push(entry.name);
            }
        }
    }
    deleted
}

fn remove(file: &Seen, active: &HashMap<PathBuf, f64>) -> bool {
    // Whatever lies in the folder may be somebody's only copy of their wedding: only what says that Weir wrote it goes.
    !active.contains_key(&file.path)
        && film::is_ours(&file.path)
        && repair::is_free(&file.path)
        && fs::remove_file(&file.path).is_ok()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use bytes::BytesMut;
    use weir_amf0::Value;

    use super::*;

    const DAY: u64 = 24 * 3600;

    /// A file of 1000 bytes that says that it is Weir's.
    fn ours() -> Vec<u8> {
        let label =
            Value::object([("stream", Value::from("live/show")), ("creation_time", "2026-11-26T12:00:00Z".into())]);
        let mut body = BytesMut::new();
        weir_amf0::encode_all(&["onMetaData".into(), label], &mut body);
        let length = u32::try_from(body.len()).unwrap().to_be_bytes();
        let tag = [&[18], &length[1..], &[0; 7], &body].concat();
        let mut file = b"FLV\x01\x05\0\0\0\x09\0\0\0\0".to_vec();
        file.extend_from_slice(&tag);
        file.extend_from_slice(&u32::try_from(tag.len()).unwrap().to_be_bytes());
        file.resize(1000, 0);
        file
    }

    /// Files of 1000 bytes that are 0, 1, 2… days old.
    fn folder_of(count: u64) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        (0..count).for_each(|days| put(folder.path(), &format!("{days}.flv"), &ours(), days));
        folder
    }

    fn put(folder: &Path, name: &str, bytes: &[u8], days: u64) {
        let path = folder.join(name);
        fs::write(&path, bytes).unwrap();
        let time = SystemTime::now() - Duration::from_secs(days * DAY + 60);
        fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
    }

    /// What is deleted on a disk of this size, and whether there is still too little.
    fn looked(folder: &Path, config: &Config, disk: u64) -> (Vec<String>, bool) {
        let now = index::unix_millis(SystemTime::now());
        let used = |folder: &Path| fs::read_dir(folder).unwrap().count() as u64 * 1000;
        let active = HashMap::from([(folder.join("now.flv"), 1.0)]);
        let free = |folder: &Path| Some(disk - used(folder));
        let deleted = make_room(folder, config, &active, true, now, free);
        (deleted, !short(HashSet::from([folder.to_owned()]), config.reserve_bytes, free).is_empty())
    }

    #[test]
    fn what_others_made_or_write_is_never_deleted_and_nothing_while_nothing_is_recorded() {
        let folder = folder_of(1);
        put(folder.path(), "wedding.flv", &file_of(b"FLV\x01\x05\0\0\0\x09\0\0\0\0"), 9);
        put(folder.path(), "holiday.mp4", &file_of(b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41\0\0\0\x08free"), 9);
        let all = Config {
            keep_days: 1,
            keep_bytes: 1,
            reserve_bytes: 70_000,
            when_full: WhenFull::DeleteOldest,
            ..Config::default()
        };
        assert_eq!(looked(folder.path(), &all, 10_000).0, ["0.flv"]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);

        let folder = folder_of(2);
        let now = index::unix_millis(SystemTime::now());
        let reserve = Config { keep_days: 0, keep_bytes: 0, ..all };
        let idle = make_room(folder.path(), &reserve, &HashMap::new(), true, now, |_| Some(1));
        assert_eq!(idle.len(), 0);
        #[cfg(not(windows))]
        {
            let held = fs::File::options().write(true).open(folder.path().join("1.flv")).unwrap();
            repair::claim(&held);
            assert_eq!(looked(folder.path(), &reserve, 10_000).0, ["0.flv"]);
        }
    }

    fn file_of(start: &[u8]) -> Vec<u8> {
        let mut file = start.to_vec();
        file.resize(1000, 0);
        file
    }

    #[test]
    fn nothing_is_deleted_unasked_and_a_short_disk_is_said() {
        let folder = folder_of(4);
        let config = Config { reserve_bytes: 6_001, ..Config::default() };
        assert_eq!(looked(folder.path(), &config, 10_000), (vec![], true));
        assert_eq!(looked(folder.path(), &Config { reserve_bytes: 6_000, ..config }, 10_000), (vec![], false));
    }

    #[test]
    fn each_folder_is_as_short_as_its_own_disk() {
        let (small, large, odd) = (PathBuf::from("/small"), PathBuf::from("/large"), PathBuf::from("/odd"));
        let free = |folder: &Path| match folder.to_str() {
            Some("/small") => Some(99),
            Some("/large") => Some(100),
            _ => None,
        };
        let all = HashSet::from([small.clone(), large, odd]);
        assert_eq!(short(all, 100, free), HashSet::from([small]));
    }

    #[test]
    fn the_oldest_go_until_the_reserve_is_free_again() {
        let folder = folder_of(4);
        let config = Config { reserve_bytes: 7_500, when_full: WhenFull::DeleteOldest, ..Config::default() };
        let look = looked(folder.path(), &config, 10_000);
        assert_eq!(look, (vec!["3.flv".to_owned(), "2.flv".to_owned()], false));
        let config = Config { reserve_bytes: 70_000, ..config };
        let (deleted, is_short) = looked(folder.path(), &config, 10_000);
        assert_eq!((deleted.len(), is_short), (2, true), "when all are gone there is still too little");
    }

    #[test]
    fn age_and_size_have_their_limits_and_what_is_written_stays() {
        let folder = folder_of(6);
        let by_age = Config { keep_days: 4, ..Config::default() };
        assert_eq!(looked(folder.path(), &by_age, 1 << 40).0, ["5.flv", "4.flv"]);
        let by_size = Config { keep_bytes: 2_000, ..Config::default() };
        assert_eq!(looked(folder.path(), &by_size, 1 << 40).0, ["3.flv", "2.flv"]);
        let all = Config { keep_bytes: 1, ..Config::default() };
        let active = HashMap::from([(folder.path().join("1.flv"), 1.0)]);
        let deleted = make_room(folder.path(), &all, &active, true, index::unix_millis(SystemTime::now()), |_| None);
        assert_eq!(deleted, ["0.flv"]);
    }
}
