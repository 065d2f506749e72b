//! The recordings in the folder. The folder is the truth: what is remembered of a file ([`super::library`]) counts only as long as
//! its size and time are the same.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::about::About;
use super::film;
use super::probe::{Probe, is_repaired, probe};

/// Most files that one list names; more would make the answer, not the folder, the problem.
const MAX_ENTRIES: usize = 50_000;

/// Whether a file in the folder is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryState {
    /// Not looked at yet: there are many new files.
    #[default]
    Unread,
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
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its path below the folder, slashes between; identifies it.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// When it was last written to, in milliseconds since 1970 (UTC).
    pub modified_ms: u64,
    /// Its length in seconds, where the file tells.
    pub duration_seconds: Option<f64>,
    /// Whether it is whole.
    pub state: EntryState,
    /// What else it tells.
    pub about: std::sync::Arc<About>,
}

impl Entry {
    /// When it began, as far as it tells; else when it was last written to. Milliseconds since 1970.
    pub fn time_ms(&self) -> u64 {
        self.about.started_ms.unwrap_or(self.modified_ms)
    }
}

/// A file of the folder as the folder shows it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// Its path below the folder, slashes between.
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) size: u64,
    pub(crate) modified: SystemTime,
}

impl Seen {
    pub(crate) fn modified_ms(&self) -> u64 {
        unix_millis(self.modified)
    }
}

/// All recordings in `folder`, newest first. A folder that is not there is an empty list; what went away meanwhile is left out.
pub(crate) fn see(folder: &Path) -> io::Result<Vec<Seen>> {
    let seen = |(name, path): (String, PathBuf)| {
        let metadata = fs::metadata(&path).ok();
        let size = metadata.as_ref().map_or(0, fs::Metadata::len);
        let modified = metadata.and_then(|metadata| metadata.modified().ok()).unwrap_or(UNIX_EPOCH);
        Seen { name, path, size, modified }
    };
    let mut all: Vec<_> = files(folder)?.map(seen).collect();
    all.sort_by(|a, b| b.modified.cmp(&a.modified).then_with(|| b.name.cmp(&a.name)));
    Ok(all)
}

/// The file of this name. The name is compared with what is in the folder, never joined to it, so no name reaches a file
/// anywhere else.
pub(crate) fn locate(folder: &Path, name: &str) -> io::Result<Option<PathBuf>> {
    Ok(files(folder)?.find(|(known, _)| known == name).map(|(_, path)| path))
}

/// Looks into a file: whether it is whole, and what is in it. One that cannot be read is damaged.
pub(crate) fn look(path: &Path) -> About {
    let ends = || {
        let mut file = File::open(path)?;
        let size = file.metadata()?.len();
        io::Result::Ok(match probe(&mut file, size) {
            Probe::Closed(duration) if is_repaired(&mut file, size) => (EntryState::Repaired, duration),
            Probe::Closed(duration) => (EntryState::Complete, duration),
            Probe::Cut(duration) => (EntryState::Interrupted, duration),
            Probe::Damaged => (EntryState::Damaged, None),
        })
    };
    let (state, duration_seconds) = ends().unwrap_or((EntryState::Damaged, None));
    let head = match state {
        EntryState::Damaged => film::Head::default(),
        _ => film::read_head(path).unwrap_or_default(),
    };
    About { state, duration_seconds, ..About::of(&head) }
}

/// Folders below the recordings folder that are looked into: rules put recordings there.
pub(super) const MAX_DEPTH: usize = 4;

/// Every regular file that a recorder may have written, with its path below `folder`, slashes between; links are not
/// followed. A folder inside that cannot be read is passed over.
fn files(folder: &Path) -> io::Result<impl Iterator<Item = (String, PathBuf)>> {
    let mut found = Vec::new();
    let is_recording = |path: &Path| extension_is(path, super::path::FLV) || extension_is(path, super::path::MP4);
    match fs::read_dir(folder) {
        Ok(entries) => gather(entries, "", 0, &is_recording, &mut found),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    Ok(found.into_iter())
}

/// What is left of conversions that were never finished.
pub(crate) fn unfinished(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let is_unfinished = |path: &Path| path.to_string_lossy().ends_with(super::convert::UNFINISHED);
    if let Ok(entries) = fs::read_dir(folder) {
        gather(entries, "", 0, &is_unfinished, &mut found);
    }
    found.into_iter().map(|(_, path)| path).collect()
}

fn gather(
    entries: fs::ReadDir,
    prefix: &str,
    depth: usize,
    wanted: &impl Fn(&Path) -> bool,
    found: &mut Vec<(String, PathBuf)>,
) {
    for file in entries.flatten() {
        if found.len() >= MAX_ENTRIES {
            return;
        }
        let Ok(kind) = file.file_type() else { continue };
        let (name, path) = (format!("{prefix}{}", file.file_name().to_string_lossy()), file.path());
        if kind.is_dir() && depth < MAX_DEPTH && !name.starts_with('.') {
            if let Ok(inner) = fs::read_dir(&path) {
                gather(inner, &format!("{name}/"), depth + 1, wanted, found);
            }
        } else if kind.is_file() && wanted(&path) {
            found.push((name, path));
        }
    }
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
        assert!(see(&folder.path().join("none")).unwrap().is_empty());
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
        let entries = see(folder.path()).unwrap();
        let state = |name: &str| entries.iter().find(|seen| seen.name == name).map(|seen| look(&seen.path).state);
        assert_eq!(state("good.flv"), Some(EntryState::Interrupted));
        assert_eq!(state("bad.flv"), Some(EntryState::Damaged));
        assert_eq!(state("empty.FLV"), Some(EntryState::Damaged));
        assert_eq!(entries.len(), if cfg!(target_os = "linux") { 4 } else { 3 }, "{entries:?}");
        #[cfg(target_os = "linux")]
        assert!(locate(folder.path(), "odd\u{FFFD}.flv").unwrap().is_some());
    }
}
