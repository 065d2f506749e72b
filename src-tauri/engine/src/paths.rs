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
    /// Stream keys, beside the settings file but never in it; encrypted, and readable by the user alone.
    pub secrets_file: PathBuf,
    /// Whether the key to them may be in the keychain of the system: in the window with the system's own places. A server has
    /// no keychain that somebody unlocks, and a folder that is moved must take its key along.
    pub keychain: bool,
    /// Weir's own data.
    pub data_dir: PathBuf,
    /// Where recordings go when the settings name no folder.
    pub recordings_dir: PathBuf,
}

impl Paths {
    /// The OS's places, unless `config_file` or `data_dir` say otherwise. With a data folder of its own everything is
    /// kept in there, so that two instances never share a file.
    pub fn find(profile: Profile, config_file: Option<PathBuf>, data_dir: Option<PathBuf>) -> Self {
        let keychain = profile == Profile::Desktop && data_dir.is_none();
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
            keychain,
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
            keychain: false,
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

/// Replaces the file at `path` as a whole: temporary file beside it, fsync, rename. Creates the folder. A symbolic link stays one, and
/// what it leads to is replaced; whoever may read the file, and whose it is, stays so where the system lets us.
pub(crate) fn write_atomically(path: &Path, content: &[u8], access: Access) -> io::Result<()> {
    let path = &followed(path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    fs::create_dir_all(folder)?;
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{}.new", std::process::id()));
    let temporary = PathBuf::from(temporary);
    let before = fs::metadata(path).ok();
    let written = write_new(&temporary, content, access, before.as_ref()).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written?;
    sync_folder(folder);
    Ok(())
}

/// Most links that are followed one after the other, as systems have it: more of them lead in a circle.
const MAX_LINKS: usize = 40;

/// Where `path` leads, also to a file that is not there yet.
fn followed(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        let is_link = fs::symlink_metadata(&path).is_ok_and(|about| about.file_type().is_symlink());
        if !is_link {
            return Ok(path);
        }
        let target = fs::read_link(&path)?;
        path = path.parent().map_or_else(|| target.clone(), |folder| folder.join(&target));
    }
    Err(io::Error::other("it is a symbolic link that leads in a circle"))
}

fn write_new(path: &Path, content: &[u8], access: Access, before: Option<&fs::Metadata>) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if access == Access::OwnerOnly || before.is_some() {
        use std::os::unix::fs::OpenOptionsExt as _;
        // Nobody else looks into it before it is known who may.
        options.mode(0o600);
    }
    // What a crash left; its content, and who may read it, are no matter of ours.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = options.open(path)?;
    #[cfg(unix)]
    if let Some(before) = before {
        keep_owner_and_mode(&file, before, access)?;
    }
    #[cfg(not(unix))]
    let _ = (access, before);
    file.write_all(content)?;
    file.sync_all()
}

/// Makes a new file like the one that it replaces. Only the superuser can give a file to somebody else; a group that cannot be kept gets
/// no rights in another's name.
#[cfg(unix)]
fn keep_owner_and_mode(file: &fs::File, before: &fs::Metadata, access: Access) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};
    let now = file.metadata()?;
    let same_group = now.gid() == before.gid() || fchown(file, None, Some(before.gid())).is_ok();
    if now.uid() != before.uid() {
        let _ = fchown(file, Some(before.uid()), None);
    }
    let mode = match access {
        Access::OwnerOnly => 0o600,
        Access::Default if same_group => before.mode() & 0o777,
        Access::Default => before.mode() & 0o707,
    };
    file.set_permissions(fs::Permissions::from_mode(mode))
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

    #[cfg(unix)]
    #[test]
    fn a_file_stays_whose_it_is_for_whom_it_is_and_where_its_links_lead() {
        use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("elsewhere")).unwrap();
        let file = at("elsewhere/config.toml");
        fs::write(&file, "old").unwrap();
        // Only the superuser can say whose a file is; whoever runs this test otherwise keeps it for themselves.
        let given = chown(&file, Some(4321), Some(1234)).is_ok();
        let owner = |file: &Path| fs::metadata(file).map(|about| (about.uid(), about.gid())).unwrap();
        let before = owner(&file);
        assert!(!given || before == (4321, 1234));
        symlink("elsewhere", at("folder")).unwrap();
        symlink("../folder/config.toml", at("elsewhere/second")).unwrap();
        symlink("folder/second", at("first")).unwrap();
        // A crash left something, which anybody may read.
        fs::write(at(&format!("elsewhere/config.toml.{}.new", std::process::id())), "crash").unwrap();
        for mode in [0o640, 0o664, 0o600] {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            write_atomically(&at("first"), b"new", Access::Default).unwrap();
            assert_eq!(fs::read(&file).unwrap(), b"new");
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, mode);
            assert_eq!(owner(&file), before);
        }
        for link in ["first", "elsewhere/second"] {
            assert!(fs::symlink_metadata(at(link)).unwrap().file_type().is_symlink(), "{link}");
        }
        assert_eq!(fs::read_dir(at("elsewhere")).unwrap().count(), 2, "nothing temporary stays");
        // What a link leads to need not be there, but must not be the link itself.
        symlink("new/later.toml", at("later")).unwrap();
        write_atomically(&at("later"), b"new", Access::Default).unwrap();
        assert_eq!(fs::read(at("new/later.toml")).unwrap(), b"new");
        symlink("circle", at("circle")).unwrap();
        let error = write_atomically(&at("circle"), b"new", Access::Default).unwrap_err().to_string();
        assert!(error.contains("circle"), "{error}");
    }
}
