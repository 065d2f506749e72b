//! Where Weir keeps things on this machine, and how it writes a small file so that it is never half written.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use directories::{ProjectDirs, UserDirs};

use crate::config::Profile;

/// The places of one running engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// The settings file.
    pub config_file: PathBuf,
    /// Stream keys, beside the settings file but never in it; readable by the user alone.
    pub secrets_file: PathBuf,
    /// Weir's own data.
    pub data_dir: PathBuf,
    /// Where recordings go when the settings name no folder.
    pub recordings_dir: PathBuf,
}

impl Paths {
    /// The OS's places, unless `config_file` or `data_dir` say otherwise. With a data folder of its own everything is
    /// kept in there, so that two instances never share a file.
    pub fn find(profile: Profile, config_file: Option<PathBuf>, data_dir: Option<PathBuf>) -> Self {
        let project = ProjectDirs::from("", "", "Weir");
        let config_dir = data_dir
            .clone()
            .or_else(|| project.as_ref().map(|dirs| dirs.config_dir().to_owned()))
            .unwrap_or_else(|| PathBuf::from("weir"));
        let data_dir = data_dir
            .or_else(|| project.as_ref().map(|dirs| dirs.data_dir().to_owned()))
            .unwrap_or_else(|| PathBuf::from("weir"));
        let config_file = config_file.unwrap_or_else(|| config_dir.join("config.toml"));
        Self {
            secrets_file: config_file.with_file_name("secrets.toml"),
            config_file,
            recordings_dir: match profile {
                Profile::Serve => PathBuf::from("recordings"),
                Profile::Desktop => videos_dir().map_or_else(|| data_dir.join("recordings"), |dir| dir.join("Weir")),
            },
            data_dir,
        }
    }

    /// Everything under one folder: for tests and portable use.
    pub fn under(folder: &Path) -> Self {
        Self {
            config_file: folder.join("config.toml"),
            secrets_file: folder.join("secrets.toml"),
            data_dir: folder.to_owned(),
            recordings_dir: folder.join("recordings"),
        }
    }
}

fn videos_dir() -> Option<PathBuf> {
    let user = UserDirs::new()?;
    // A Linux without the XDG user folders still has a home.
    Some(user.video_dir().map_or_else(|| user.home_dir().join("Videos"), Path::to_owned))
}

/// Who may read a file that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// As the user's settings have it.
    Default,
    /// The user alone (mode 0600; on Windows the user's profile folder guards it).
    OwnerOnly,
}

/// Replaces the file at `path` as a whole: temporary file beside it, fsync, rename. Creates the folder.
pub(crate) fn write_atomically(path: &Path, content: &[u8], access: Access) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    fs::create_dir_all(folder)?;
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{}.new", std::process::id()));
    let temporary = PathBuf::from(temporary);
    let written = write_new(&temporary, content, access).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written?;
    sync_folder(folder);
    Ok(())
}

fn write_new(path: &Path, content: &[u8], access: Access) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    if access == Access::OwnerOnly {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    #[cfg(not(unix))]
    let _ = access;
    let mut file = options.open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

/// Makes new and changed names in a folder durable where folders can be synced; elsewhere the file system has to do.
pub(crate) fn sync_folder(folder: &Path) {
    #[cfg(unix)]
    if let Ok(folder) = fs::File::open(folder) {
        let _ = folder.sync_all();
    }
    #[cfg(not(unix))]
    let _ = folder;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_folder_of_its_own_holds_everything() {
        let paths = Paths::find(Profile::Serve, None, Some("/d".into()));
        assert_eq!(paths.config_file, Path::new("/d/config.toml"));
        assert_eq!(paths.secrets_file, Path::new("/d/secrets.toml"));
        assert_eq!(paths.recordings_dir, Path::new("recordings"));
        let paths = Paths::find(Profile::Desktop, Some("/c/w.toml".into()), Some("/d".into()));
        assert_eq!(paths.config_file, Path::new("/c/w.toml"));
        assert_eq!(paths.secrets_file, Path::new("/c/secrets.toml"));
    }

    #[cfg(unix)]
    #[test]
    fn what_is_for_the_owner_only_is_unreadable_to_others() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secrets.toml");
        fs::write(&file, "old").unwrap();
        write_atomically(&file, b"new", Access::OwnerOnly).unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read(&file).unwrap(), b"new");
    }
}
