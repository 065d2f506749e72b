//! What is done with files of the folder by hand: renamed, thrown away.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;

use super::folder_of;
use super::index;
use super::path::{is_safe, tamed};

/// Longest name in bytes: what every file system takes, with room for an ending.
const MAX_NAME: usize = 200;

/// How a file goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Removal {
    /// To the system's trash, from where it can be taken back.
    #[default]
    Trash,
    /// For good.
    Permanent,
}

/// Why a file was not deleted.
#[derive(Debug, thiserror::Error)]
pub enum DeleteError {
    /// There is no recording of this name in the folder.
    #[error("there is no recording {0:?}")]
    NotFound(String),
    /// It is being written, or converted.
    #[error("{0:?} is in use; stop the recording first")]
    InProgress(String),
    /// There is no trash that takes it.
    #[error("{0:?} could not be moved to the trash: {1}")]
    NoTrash(String, String),
    /// The disk refused.
    #[error("{0:?} could not be deleted: {1}")]
    Disk(String, #[source] io::Error),
}

/// Why a file was not renamed.
#[derive(Debug, thiserror::Error)]
pub enum RenameError {
    /// There is no recording of this name in the folder.
    #[error("there is no recording {0:?}")]
    NotFound(String),
    /// It is being written, or converted.
    #[error("{0:?} is in use; stop the recording first")]
    InProgress(String),
    /// Another file has the name.
    #[error("there is already a file {0:?}")]
    Taken(String),
    /// No file can have the name.
    #[error("a file cannot be called {0:?}: {1}")]
    Name(String, &'static str),
    /// The disk refused.
    #[error("{0:?} could not be renamed: {1}")]
    Disk(String, #[source] io::Error),
}

/// Deletes one recording.
pub(super) fn delete(folder: &Path, name: &str, removal: Removal) -> Result<(), DeleteError> {
    let disk = |error| DeleteError::Disk(name.to_owned(), error);
    let path = index::locate(folder, name).map_err(disk)?;
    let path = path.ok_or_else(|| DeleteError::NotFound(name.to_owned()))?;
    match removal {
        Removal::Permanent => fs::remove_file(&path).map_err(disk),
        Removal::Trash => {
            let full = std::path::absolute(&path).map_err(disk)?;
            trash::delete(full).map_err(|error| DeleteError::NoTrash(name.to_owned(), error.to_string()))
        }
    }
}

/// Gives one recording another name in its folder, never that of another file. Returns its new identity.
pub(super) fn rename(folder: &Path, name: &str, new_name: &str) -> Result<String, RenameError> {
    let disk = |error| RenameError::Disk(name.to_owned(), error);
    let path = index::locate(folder, name).map_err(disk)?;
    let path = path.ok_or_else(|| RenameError::NotFound(name.to_owned()))?;
    let ending = path.extension().map(|ending| ending.to_string_lossy().into_owned()).unwrap_or_default();
    let file_name = checked(new_name, &ending)?;
    let below = name.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
    let target = path.with_file_name(&file_name);
    let now = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if now == file_name {
        return Ok(name.to_owned());
    }
    // Some file systems know no difference between large and small letters: the new name is the old one then.
    let is_same = now.to_lowercase() == file_name.to_lowercase() && !has(folder_of(&path), &file_name).map_err(disk)?;
    if !is_same {
        // The name is taken first, so that no file of that name is ever replaced.
        let place = OpenOptions::new().write(true).create_new(true).open(&target);
        place.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => RenameError::Taken(file_name.clone()),
            _ => disk(error),
        })?;
    }
    if let Err(error) = fs::rename(&path, &target) {
        if !is_same {
            let _ = fs::remove_file(&target);
        }
        return Err(disk(error));
    }
    crate::paths::sync_folder(target.parent().unwrap_or(folder));
    Ok(format!("{below}{file_name}"))
}

/// Whether a folder has a file of exactly this name.
fn has(folder: &Path, name: &str) -> io::Result<bool> {
    Ok(fs::read_dir(folder)?.flatten().any(|entry| entry.file_name() == name))
}

/// The name with the ending it must keep.
fn checked(name: &str, ending: &str) -> Result<String, RenameError> {
    let trimmed = name.trim();
    let refuse = |why| Err(RenameError::Name(trimmed.to_owned(), why));
    let stem = match trimmed.rsplit_once('.') {
        Some((stem, given)) if given.eq_ignore_ascii_case(ending) => stem,
        _ => trimmed,
    };
    let stem = stem.trim_end_matches([' ', '.']);
    if stem.is_empty() {
        return refuse("it is empty");
    }
    if stem.len() > MAX_NAME {
        return refuse("it is longer than 200 bytes");
    }
    // A percent sign is fine in a name, only not in a pattern.
    if !stem.chars().all(|c| c == '%' || is_safe(c)) {
        return refuse("it has a character that file systems do not take, such as / \\ : * ? \" < > |");
    }
    if tamed(stem.to_owned()) != stem {
        return refuse("Windows or a file manager would take it for something else");
    }
    Ok(format!("{stem}.{ending}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("sub")).unwrap();
        for name in ["one.flv", "two.flv", "sub/three.mp4"] {
            fs::write(folder.path().join(name), name).unwrap();
        }
        folder
    }

    #[test]
    fn only_a_recording_of_the_folder_is_deleted() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("recordings");
        fs::create_dir(&folder).unwrap();
        fs::write(parent.path().join("precious.flv"), b"").unwrap();
        fs::write(folder.join("one.flv"), b"").unwrap();
        for name in ["../precious.flv", "..", "", "/etc/passwd", "sub/one.flv", "./one.flv"] {
            let refused = delete(&folder, name, Removal::Permanent);
            assert!(matches!(refused, Err(DeleteError::NotFound(_))), "{name:?}");
        }
        delete(&folder, "one.flv", Removal::Permanent).unwrap();
        assert!(index::see(&folder).unwrap().is_empty());
        assert!(parent.path().join("precious.flv").exists());
    }

    #[test]
    fn a_new_name_keeps_the_ending_and_the_folder() {
        let folder = folder();
        for (from, to, expected) in [
            ("one.flv", "evening show", "evening show.flv"),
            ("evening show.flv", "Evening Show.FLV", "Evening Show.flv"),
            ("sub/three.mp4", " 100 % ", "sub/100 %.mp4"),
            ("sub/100 %.mp4", "a.flv", "sub/a.flv.mp4"),
        ] {
            assert_eq!(rename(folder.path(), from, to).unwrap(), expected);
            assert!(folder.path().join(expected).exists() && !folder.path().join(from).exists(), "{expected}");
        }
    }

    #[test]
    fn no_name_leads_out_replaces_a_file_or_confuses_a_system() {
        let folder = folder();
        assert!(matches!(rename(folder.path(), "one.flv", "two"), Err(RenameError::Taken(_))));
        assert_eq!(fs::read(folder.path().join("two.flv")).unwrap(), b"two.flv");
        let long = "x".repeat(201);
        for name in ["", ".flv", "../x", "a/b", "a\\b", "a:b", "con.x", ".hidden", "a\u{202E}b", "a\nb", &long] {
            let refused = rename(folder.path(), "one.flv", name);
            assert!(matches!(refused, Err(RenameError::Name(..))), "{name:?} {refused:?}");
        }
        assert!(matches!(rename(folder.path(), "../one.flv", "x"), Err(RenameError::NotFound(_))));
        assert_eq!(index::see(folder.path()).unwrap().len(), 3);
    }
}
