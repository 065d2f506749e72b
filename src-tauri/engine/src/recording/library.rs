//! What is remembered of the files in the folder, so that a list of thousands opens none of them.
//!
//! The folder stays the truth: a remembered file counts only while its size and time of change are as they were, whatever is
//! missing or different is looked at anew, and a lost or damaged index is made again from the folder.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::about::{About, Flaw};
use super::index::{self, Entry, EntryState, Seen};
use crate::paths::{self, Access};

/// The file's form; an index of another form is made anew.
const VERSION: u32 = 2;

/// Largest index that is read: 50,000 files with long names are below it.
const MAX_BYTES: u64 = 128 << 20;

/// How many new files are looked at between two looks at the clock.
const AT_ONCE: usize = 8;

/// What is remembered, and where.
#[derive(Debug)]
pub(super) struct Library {
    file: PathBuf,
    rows: Mutex<Rows>,
}

#[derive(Debug, Default)]
struct Rows {
    /// The folder that the rows are of.
    folder: PathBuf,
    rows: HashMap<String, Row>,
    is_loaded: bool,
    is_dirty: bool,
}

#[derive(Debug, Clone)]
struct Row {
    size: u64,
    /// Nanoseconds since 1970.
    modified: u64,
    about: Arc<About>,
}

/// A row as it is stored.
#[derive(Serialize, Deserialize)]
struct KeptRow<A> {
    size: u64,
    modified: u64,
    about: A,
}

#[derive(Serialize, Deserialize)]
struct Kept<R> {
    version: u32,
    folder: PathBuf,
    files: R,
}

/// The recordings of the folder.
#[derive(Debug, Default)]
pub(super) struct Listed {
    /// Newest first by the time of their last change.
    pub(super) entries: Vec<Entry>,
    /// Some are not looked at yet.
    pub(super) is_partial: bool,
}

impl Library {
    /// Remembers in `file`.
    pub(super) fn new(file: PathBuf) -> Self {
        Self { file, rows: Mutex::default() }
    }

    /// Lists the folder. `active` says which files are being written, with their length so far in seconds. New files are looked
    /// at until `deadline`; without one, all. Blocks.
    pub(super) fn list(
        &self,
        folder: &Path,
        active: &HashMap<PathBuf, f64>,
        deadline: Option<Instant>,
    ) -> io::Result<Listed> {
        let seen = index::see(folder)?;
        let (mut entries, unread) = self.remembered(folder, &seen, active);
        let mut is_partial = false;
        for some in unread.chunks(AT_ONCE) {
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                is_partial = true;
                break;
            }
            for at in some {
                let Some(seen) = seen.get(*at) else { continue };
                let about = Arc::new(index::look(&seen.path));
                self.remember(folder, seen, &about);
                if let Some(entry) = entries.get_mut(*at) {
                    *entry = entry_of(seen, about, active);
                }
            }
        }
        Ok(Listed { entries, is_partial })
    }

    /// Every file with what is known of it, and which of them must be looked at.
    fn remembered(&self, folder: &Path, seen: &[Seen], active: &HashMap<PathBuf, f64>) -> (Vec<Entry>, Vec<usize>) {
        let mut rows = self.rows(folder);
        let (mut entries, mut unread) = (Vec::with_capacity(seen.len()), Vec::new());
        for (at, seen) in seen.iter().enumerate() {
            // What is written changes all the time; its head does not.
            let is_active = active.contains_key(&seen.path);
            let row = rows.rows.get(&seen.name).filter(|row| is_active || row.is_of(seen));
            if row.is_none() {
                unread.push(at);
            }
            entries.push(entry_of(seen, row.map(|row| Arc::clone(&row.about)).unwrap_or_default(), active));
        }
        if rows.rows.len() > seen.len() {
            let there: HashSet<&str> = seen.iter().map(|seen| seen.name.as_str()).collect();
            rows.rows.retain(|name, _| there.contains(name.as_str()));
            rows.is_dirty = true;
        }
        (entries, unread)
    }

    fn remember(&self, folder: &Path, seen: &Seen, about: &Arc<About>) {
        let mut rows = self.rows(folder);
        let row = Row { size: seen.size, modified: nanos(seen), about: Arc::clone(about) };
        rows.rows.insert(seen.name.clone(), row);
        rows.is_dirty = true;
    }

    /// Remembers of a file, as long as it stays as it is, that a repair was tried in vain. Blocks.
    pub(super) fn tried(&self, folder: &Path, name: &str, flaw: Flaw) -> io::Result<()> {
        let Some(entry) = self.entry(folder, name, &HashMap::new())? else { return Ok(()) };
        let mut rows = self.rows(folder);
        if let Some(row) = rows.rows.get_mut(name) {
            row.about = Arc::new(entry.about.with_flaw(flaw));
            rows.is_dirty = true;
        }
        Ok(())
    }

    /// What is known of one file; looks at it if it is not known. Blocks.
    pub(super) fn entry(&self, folder: &Path, name: &str, active: &HashMap<PathBuf, f64>) -> io::Result<Option<Entry>> {
        let Some(path) = index::locate(folder, name)? else { return Ok(None) };
        let Ok(metadata) = std::fs::metadata(&path) else { return Ok(None) };
        let modified = metadata.modified().unwrap_or(UNIX_EPOCH);
        let seen = Seen { name: name.to_owned(), path, size: metadata.len(), modified };
        let known = {
            let rows = self.rows(folder);
            let row = rows.rows.get(name).filter(|row| active.contains_key(&seen.path) || row.is_of(&seen));
            row.map(|row| Arc::clone(&row.about))
        };
        let about = known.unwrap_or_else(|| {
            let about = Arc::new(index::look(&seen.path));
            self.remember(folder, &seen, &about);
            about
        });
        Ok(Some(entry_of(&seen, about, active)))
    }

    /// Stores what is remembered, if anything changed since it was stored last. Blocks.
    pub(super) fn store(&self) {
        let (folder, rows) = {
            let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
            if !std::mem::take(&mut rows.is_dirty) {
                return;
            }
            (rows.folder.clone(), rows.rows.clone())
        };
        let files: HashMap<&str, KeptRow<&About>> =
            rows.iter().map(|(name, row)| (name.as_str(), row.kept())).collect();
        let stored = serde_json::to_vec(&Kept { version: VERSION, folder, files })
            .map_err(io::Error::from)
            .and_then(|bytes| paths::write_atomically(&self.file, &bytes, Access::Default));
        if let Err(error) = stored {
            // It costs another look at the files, no more.
            tracing::debug!(file = %self.file.display(), %error, "the index of recordings was not stored");
        }
    }

    /// The rows of this folder, read from the disk the first time.
    fn rows(&self, folder: &Path) -> MutexGuard<'_, Rows> {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        if !rows.is_loaded {
            rows.is_loaded = true;
            if let Some(kept) = self.load() {
                (rows.folder, rows.rows) = kept;
            }
        }
        if rows.folder != folder {
            rows.folder = folder.to_owned();
            rows.rows.clear();
        }
        rows
    }

    fn load(&self) -> Option<(PathBuf, HashMap<String, Row>)> {
        let small = std::fs::metadata(&self.file).is_ok_and(|metadata| metadata.len() <= MAX_BYTES);
        let bytes = small.then(|| std::fs::read(&self.file).ok())??;
        let kept: Kept<HashMap<String, KeptRow<About>>> = serde_json::from_slice(&bytes).ok()?;
        let row = |(name, KeptRow { size, modified, about }): (String, KeptRow<About>)| {
            (name, Row { size, modified, about: Arc::new(about) })
        };
        (kept.version == VERSION).then(|| (kept.folder, kept.files.into_iter().map(row).collect()))
    }
}

impl Row {
    fn kept(&self) -> KeptRow<&About> {
        KeptRow { size: self.size, modified: self.modified, about: &self.about }
    }

    fn is_of(&self, seen: &Seen) -> bool {
        self.size == seen.size && self.modified == nanos(seen)
    }
}

fn nanos(seen: &Seen) -> u64 {
    seen.modified.duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

fn entry_of(seen: &Seen, about: Arc<About>, active: &HashMap<PathBuf, f64>) -> Entry {
    let (state, duration_seconds) = match active.get(&seen.path) {
        Some(seconds) => (EntryState::Recording, Some(*seconds)),
        None => (about.state, about.duration_seconds),
    };
    let (name, size, modified_ms) = (seen.name.clone(), seen.size, seen.modified_ms());
    Entry { name, size, modified_ms, duration_seconds, state, about }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::*;

    const CUT: &[u8] = b"FLV\x01\x05\0\0\0\x09\0\0\0\0";

    struct Case {
        folder: tempfile::TempDir,
        data: tempfile::TempDir,
    }

    impl Case {
        fn new(count: usize) -> Self {
            let case = Self { folder: tempfile::tempdir().unwrap(), data: tempfile::tempdir().unwrap() };
            for number in 0..count {
                fs::write(case.folder.path().join(format!("{number:05}.flv")), CUT).unwrap();
            }
            case
        }

        fn library(&self) -> Library {
            Library::new(self.data.path().join("index.json"))
        }

        fn list(&self, library: &Library) -> Vec<Entry> {
            library.list(self.folder.path(), &HashMap::new(), None).unwrap().entries
        }
    }

    #[test]
    fn what_is_remembered_counts_until_the_file_changes() {
        let case = Case::new(2);
        let library = case.library();
        assert!(case.list(&library).iter().all(|entry| entry.state == EntryState::Interrupted));
        library.store();
        // The same size and time: the file is not opened again. Another program cannot do this by accident.
        let path = case.folder.path().join("00000.flv");
        let time = fs::metadata(&path).unwrap().modified().unwrap();
        fs::write(&path, [0xFF; 13]).unwrap();
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(time).unwrap();
        let again = case.library();
        assert!(case.list(&again).iter().all(|entry| entry.state == EntryState::Interrupted), "from the disk");
        file.set_modified(time + Duration::from_nanos(1_000_000)).unwrap();
        let state = |name: &str| case.list(&again).into_iter().find(|entry| entry.name == name).unwrap().state;
        assert_eq!((state("00000.flv"), state("00001.flv")), (EntryState::Damaged, EntryState::Interrupted));
        fs::remove_file(&path).unwrap();
        assert_eq!(case.list(&again).len(), 1);
    }

    #[test]
    fn a_broken_index_is_made_again_from_the_folder() {
        let case = Case::new(3);
        for content in ["", "{", "[]", r#"{"version":99,"folder":"/","files":{}}"#, r#"{"version":1,"folder":3}"#] {
            fs::write(case.data.path().join("index.json"), content).unwrap();
            assert_eq!(case.list(&case.library()).len(), 3, "{content}");
        }
    }

    #[test]
    fn a_list_does_not_wait_for_files_that_nobody_has_looked_at() {
        let case = Case::new(100);
        let library = case.library();
        let past = Instant::now();
        let listed = library.list(case.folder.path(), &HashMap::new(), Some(past)).unwrap();
        assert!(listed.is_partial);
        assert!(listed.entries.iter().all(|entry| entry.state == EntryState::Unread && entry.size == 13));
        assert!(!library.list(case.folder.path(), &HashMap::new(), None).unwrap().is_partial);
        let listed = library.list(case.folder.path(), &HashMap::new(), Some(past)).unwrap();
        assert!(!listed.is_partial, "all are known now");
        assert!(listed.entries.iter().all(|entry| entry.state == EntryState::Interrupted));
    }
}
