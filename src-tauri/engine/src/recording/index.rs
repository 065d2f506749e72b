//! The recordings in the folder. The folder is the truth: nothing is remembered that could disagree with it.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::probe::{Probe, is_repaired, probe};

/// Most files that one list names; more would make the answer, not the folder, the problem.
const MAX_ENTRIES: usize = 50_000;

/// Whether a file in the folder is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryState {
    /// Being written by this program now.
    Recording,
    /// Closed in order.
    Complete,
    /// Cut off once, and made whole again.
    Repaired,
    /// Playable to where a crash or a full disk cut it off.
    Interrupted,
    /// Not readable as what its name says.
    Damaged,
}

/// One file in the recording folder.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Entry {
    /// Its name within the folder; identifies it.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// When it was last written to, in milliseconds since 1970 (UTC).
    pub modified_ms: u64,
    /// Its length in seconds, where the file tells.
    pub duration_seconds: Option<f64>,
    /// Whether it is whole.
    pub state: EntryState,
}

/// Why a file was not deleted.
#[derive(Debug, thiserror::Error)]
pub enum DeleteError {
    /// There is no recording of this name in the folder.
    #[error("there is no recording {0:?}")]
    NotFound(String),
    /// It is being written.
    #[error("{0:?} is being recorded; stop the recording first")]
    InProgress(String),
    /// The disk refused.
    #[error("{0:?} could not be deleted: {1}")]
    Disk(String, #[source] io::Error),
}

/// The recordings in `folder`, newest first. `active` says which files are being written, with their length so far in
/// seconds. A folder that is not there is an empty list; a file that cannot be read is listed as damaged.
pub(crate) fn list(folder: &Path, active: &HashMap<PathBuf, f64>) -> io::Result<Vec<Entry>> {
    let mut entries: Vec<Entry> = files(folder)?.map(|(name, path)| entry(name, &path, active)).collect();
    entries.sort_by(|a, b| b.modified_ms.cmp(&a.modified_ms).then_with(|| b.name.cmp(&a.name)));
    Ok(entries)
}

/// Deletes one recording. The name is compared with what is in the folder, never joined to it, so no name reaches a file
/// anywhere else.
pub(crate) fn delete(folder: &Path, name: &str, active: &HashMap<PathBuf, f64>) -> Result<(), DeleteError> {
    let disk = |error| DeleteError::Disk(name.to_owned(), error);
    let found = files(folder).map_err(disk)?.find(|(known, _)| known == name);
    let (_, path) = found.ok_or_else(|| DeleteError::NotFound(name.to_owned()))?;
    if active.contains_key(&path) {
        return Err(DeleteError::InProgress(name.to_owned()));
    }
    fs::remove_file(&path).map_err(disk)
}

/// Where the recording of this name is. As with [`delete`], no name reaches a file anywhere else.
pub(crate) fn locate(folder: &Path, name: &str) -> io::Result<Option<PathBuf>> {
    Ok(files(folder)?.find(|(known, _)| known == name).map(|(_, path)| path))
}

/// Folders below the recordings folder that are looked into: rules put recordings there.
const MAX_DEPTH: usize = 4;

/// Every regular file that a recorder may have written, with its path below `folder`, slashes between; links are not
/// followed. A folder inside that cannot be read is passed over.
fn files(folder: &Path) -> io::Result<impl Iterator<Item = (String, PathBuf)>> {
    let mut found = Vec::new();
    match fs::read_dir(folder) {
        Ok(entries) => gather(entries, "", 0, &mut found),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    Ok(found.into_iter())
}

fn gather(entries: fs::ReadDir, prefix: &str, depth: usize, found: &mut Vec<(String, PathBuf)>) {
    for file in entries.flatten() {
        if found.len() >= MAX_ENTRIES {
            return;
        }
        let Ok(kind) = file.file_type() else { continue };
        let (name, path) = (format!("{prefix}{}", file.file_name().to_string_lossy()), file.path());
        if kind.is_dir() && depth < MAX_DEPTH && !name.starts_with('.') {
            if let Ok(inner) = fs::read_dir(&path) {
                gather(inner, &format!("{name}/"), depth + 1, found);
            }
        } else if kind.is_file() && (extension_is(&path, super::path::FLV) || extension_is(&path, super::path::MP4)) {
            found.push((name, path));
        }
    }
}

fn entry(name: String, path: &Path, active: &HashMap<PathBuf, f64>) -> Entry {
    let metadata = fs::metadata(path).ok();
    let size = metadata.as_ref().map_or(0, fs::Metadata::len);
    let modified = metadata.and_then(|metadata| metadata.modified().ok());
    let (state, duration_seconds) = match active.get(path) {
        Some(seconds) => (EntryState::Recording, Some(*seconds)),
        None => look(path, size).unwrap_or((EntryState::Damaged, None)),
    };
    Entry { name, size, modified_ms: unix_millis(modified.unwrap_or(UNIX_EPOCH)), duration_seconds, state }
}

/// What the ends of a file tell of it.
fn look(path: &Path, size: u64) -> io::Result<(EntryState, Option<f64>)> {
    let mut file = File::open(path)?;
    Ok(match probe(&mut file, size) {
        Probe::Closed(duration) if is_repaired(&mut file, size) => (EntryState::Repaired, duration),
        Probe::Closed(duration) => (EntryState::Complete, duration),
        Probe::Cut(duration) => (EntryState::Interrupted, duration),
        Probe::Damaged => (EntryState::Damaged, None),
    })
}

fn extension_is(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(extension))
}

/// Milliseconds since 1970; a clock before that is 1970.
pub(crate) fn unix_millis(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_folder_is_an_empty_list() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(list(&folder.path().join("none"), &HashMap::new()).unwrap(), []);
    }

    #[test]
    fn a_broken_file_never_breaks_the_list() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("good.flv"), b"FLV\x01\x05\0\0\0\x09\0\0\0\0").unwrap();
        fs::write(folder.path().join("bad.flv"), [0xFF; 700]).unwrap();
        fs::write(folder.path().join("empty.FLV"), b"").unwrap();
        fs::write(folder.path().join("notes.txt"), b"no recording").unwrap();
        fs::create_dir(folder.path().join("folder.flv")).unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("link.flv")).unwrap();
        #[cfg(target_os = "linux")]
        {
            use std::os::unix::ffi::OsStrExt;
            let odd = std::ffi::OsStr::from_bytes(b"odd\xFF.flv");
            fs::write(folder.path().join(odd), b"").unwrap();
        }
        let entries = list(folder.path(), &HashMap::new()).unwrap();
        let state = |name: &str| entries.iter().find(|entry| entry.name == name).map(|entry| entry.state);
        assert_eq!(state("good.flv"), Some(EntryState::Interrupted));
        assert_eq!(state("bad.flv"), Some(EntryState::Damaged));
        assert_eq!(state("empty.FLV"), Some(EntryState::Damaged));
        assert_eq!(entries.len(), if cfg!(target_os = "linux") { 4 } else { 3 }, "{entries:?}");
        #[cfg(target_os = "linux")]
        delete(folder.path(), "odd\u{FFFD}.flv", &HashMap::new()).unwrap();
    }

    #[test]
    fn only_a_recording_of_the_folder_is_deleted_and_never_one_in_progress() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("recordings");
        fs::create_dir(&folder).unwrap();
        fs::write(parent.path().join("precious.flv"), b"").unwrap();
        for name in ["one.flv", "two.flv"] {
            fs::write(folder.join(name), b"").unwrap();
        }
        let active = HashMap::from([(folder.join("two.flv"), 1.0)]);
        for name in ["../precious.flv", "..", "", "/etc/passwd", "sub/one.flv", "./one.flv"] {
            assert!(matches!(delete(&folder, name, &active), Err(DeleteError::NotFound(_))), "{name:?}");
        }
        assert!(matches!(delete(&folder, "two.flv", &active), Err(DeleteError::InProgress(_))));
        delete(&folder, "one.flv", &active).unwrap();
        let left: Vec<String> = list(&folder, &active).unwrap().into_iter().map(|entry| entry.name).collect();
        assert_eq!(left, ["two.flv"]);
        assert!(parent.path().join("precious.flv").exists());
    }
}
