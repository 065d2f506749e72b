//! Stream keys and other secrets: kept apart from the settings, encrypted, readable by the user alone, never part of a reply.
//!
//! One seam: everything asks [`Secrets`]. What is stored is one small file, sealed with one key; where that key is kept is
//! what protects it ([`Storage`]). In memory secrets are plain: they must be sent.

mod keychain;
mod keyfile;
mod seal;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use weir_media::Secret;

use crate::hex;
use crate::paths::{self, Access, Paths};
use seal::Key;

/// Why secrets could not be read or stored.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// The OS refuses the file.
    #[error("the file for stream keys {} cannot be used: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the OS says.
        source: io::Error,
    },
    /// The file is not what Weir wrote. The text is withheld: it may hold keys.
    #[error("the file for stream keys {} is damaged; correct it or delete it and enter the keys again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// The key that opens the file is in the keychain, which does not give it out.
    #[error(
        "the keychain of this system does not give out the key to {}: {why}; unlock it and start Weir again, \
         or delete the file and enter the keys again",
        path.display()
    )]
    Keychain {
        /// The file.
        path: PathBuf,
        /// What the keychain says.
        why: String,
    },
    /// The file with the key that opens the file is gone, or another one.
    #[error(
        "the key to {} is not in {} any more; put it back, or delete both and enter the keys again",
        path.display(), key.display()
    )]
    KeyLost {
        /// The file.
        path: PathBuf,
        /// Where its key was.
        key: PathBuf,
    },
}

/// Where the key is kept that opens the stored secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Storage {
    /// In the keychain of the operating system: whoever copies the files has nothing.
    Keychain,
    /// In a file that the user alone may read: whoever can read all of the user's files can read the secrets, a copy of the
    /// settings alone does not hold them.
    KeyFile,
}

impl Storage {
    /// What this protects from, and what it does not: two sentences for people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Keychain => {
                "Stream keys are encrypted; the key to them is in this system's keychain. \
                 Whoever copies Weir's files cannot read them; programs that run under your account may ask the keychain."
            }
            Self::KeyFile => {
                "Stream keys are encrypted with a key in a file that only your account may read, because no keychain is used here. \
                 This keeps them out of copies of the settings, and out of sight; it does not protect them from somebody who can \
                 read all of your files."
            }
        }
    }
}

/// The secrets of one engine by name, e.g. `destination/<id>`. Cheap to clone; clones share.
#[derive(Debug, Clone)]
pub struct Secrets(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    key_file: PathBuf,
    /// What the file is sealed with; none until something is stored for the first time.
    key: Mutex<Option<(Key, Storage)>>,
    /// Where a new key would be kept.
    wanted: Storage,
    /// Held to look into it, never while a disk or a person is waited for.
    values: Mutex<BTreeMap<String, Secret<String>>>,
    /// Held while they are stored, so that one change is on the disk before the next begins.
    writing: Mutex<()>,
    /// What holds while the engine runs and is never stored.
    held: Mutex<BTreeMap<String, Secret<String>>>,
}

/// What there was under a name before it was changed.
#[derive(Debug)]
pub struct Before {
    held: Option<Secret<String>>,
    stored: Option<Secret<String>>,
}

/// The file as it is stored.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u32,
    /// Where its key is.
    key: Storage,
    /// The sealed secrets, hexadecimal.
    sealed: String,
}

/// The only layout there has been since secrets are sealed.
const VERSION: u32 = 2;

impl Secrets {
    /// Opens the secrets of these places; a file that does not exist holds nothing, and one of an earlier version that was not
    /// sealed is sealed now. May wait for the keychain, and for the person it asks: not for a task that others wait for.
    pub fn open(paths: &Paths) -> Result<Self, SecretsError> {
        let wanted = if paths.keychain && keychain::is_there() { Storage::Keychain } else { Storage::KeyFile };
        Self::open_with(&paths.secrets_file, &paths.data_dir.join("secrets.key"), wanted)
    }

    /// Opens a file whose key is in a file beside it, whatever the system has.
    pub fn load(path: &Path) -> Result<Self, SecretsError> {
        Self::open_with(path, &path.with_file_name("secrets.key"), Storage::KeyFile)
    }

    fn open_with(path: &Path, key_file: &Path, wanted: Storage) -> Result<Self, SecretsError> {
        let damaged = || SecretsError::Damaged { path: path.to_owned() };
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(source) => return Err(SecretsError::File { path: path.to_owned(), source }),
        };
        if let Ok(stored) = toml::from_str::<Stored>(&text) {
            let key = key(stored.key, path, key_file, Missing::Lost)?;
            let sealed = hex::read(&stored.sealed).filter(|_| stored.version == VERSION).ok_or_else(damaged)?;
            let plain = seal::open(&key, &sealed).ok_or_else(|| match stored.key {
                Storage::KeyFile => SecretsError::KeyLost { path: path.to_owned(), key: key_file.to_owned() },
                Storage::Keychain => damaged(),
            })?;
            let values = toml::from_str(plain.expose()).map_err(|_| damaged())?;
            let opened = Self::new(path, key_file, Some((key, stored.key)), wanted, values);
            opened.move_to_keychain();
            return Ok(opened);
        }
        // Earlier versions wrote the secrets as they are.
        let values: BTreeMap<String, String> = toml::from_str(&text).map_err(|_| damaged())?;
        let opened = Self::new(path, key_file, None, wanted, values);
        if !text.is_empty() {
            opened.store(&opened.values())?;
            tracing::info!("stream keys of an earlier version are encrypted now");
        }
        Ok(opened)
    }

    fn new(
        path: &Path,
        key_file: &Path,
        key: Option<(Key, Storage)>,
        wanted: Storage,
        values: BTreeMap<String, String>,
    ) -> Self {
        let values = values.into_iter().map(|(name, value)| (name, Secret::new(value))).collect();
        Self(Arc::new(Inner {
            path: path.to_owned(),
            key_file: key_file.to_owned(),
            key: Mutex::new(key),
            wanted,
            values: Mutex::new(values),
            writing: Mutex::default(),
            held: Mutex::default(),
        }))
    }

    /// Seals the file with a key in the keychain, where there is one by now; where that fails the old key stays in use.
    fn move_to_keychain(&self) {
        let Inner { path, key_file, wanted, .. } = &*self.0;
        if *wanted != Storage::Keychain || self.storage() == Storage::Keychain {
            return;
        }
        let Ok(key) = key(Storage::Keychain, path, key_file, Missing::Made) else { return };
        let before = self.lock_key().replace((key, Storage::Keychain));
        if self.store(&self.values()).is_err() {
            *self.lock_key() = before;
            return;
        }
        let _ = std::fs::remove_file(key_file);
        tracing::info!("the key to the stream keys is in the keychain now");
    }

    fn lock_key(&self) -> MutexGuard<'_, Option<(Key, Storage)>> {
        self.0.key.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What to seal with; made when there is nothing yet.
    fn sealing(&self) -> Result<(Key, Storage), SecretsError> {
        let Inner { path, key_file, wanted, .. } = &*self.0;
        let mut kept = self.lock_key();
        if let Some(kept) = &*kept {
            return Ok(kept.clone());
        }
        let made = match key(*wanted, path, key_file, Missing::Made) {
            Ok(key) => (key, *wanted),
            // A keychain that is there and takes nothing is none.
            Err(error) if *wanted == Storage::Keychain => {
                tracing::warn!(%error, "the keychain is not used");
                (key(Storage::KeyFile, path, key_file, Missing::Made)?, Storage::KeyFile)
            }
            Err(error) => return Err(error),
        };
        *kept = Some(made.clone());
        Ok(made)
    }

    /// Where the key is kept that opens the stored secrets.
    pub fn storage(&self) -> Storage {
        self.lock_key().as_ref().map_or(self.0.wanted, |(_, storage)| *storage)
    }

    /// The secret of this name.
    pub fn find(&self, name: &str) -> Option<Secret<String>> {
        match self.held().get(name) {
            Some(held) => Some(held.clone()).filter(Secret::is_set),
            None => self.stored(name),
        }
    }

    fn stored(&self, name: &str) -> Option<Secret<String>> {
        self.0.values.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<String, Secret<String>>> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Holds `value` under `name` while the engine runs, before whatever is stored: what a flag says must not reach a file. An
    /// empty one means that there is none.
    pub fn hold(&self, name: &str, value: Secret<String>) {
        self.held().insert(name.to_owned(), value);
    }

    /// Keeps `value` under `name` and stores it; `None` forgets it. Blocks for a small file.
    pub fn set(&self, name: &str, value: Option<Secret<String>>) -> Result<(), SecretsError> {
        let _turn = self.0.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.values();
        let mut values = before.clone();
        match value {
            Some(value) => values.insert(name.to_owned(), value),
            None => values.remove(name),
        };
        if values != before {
            self.store(&values)?;
            *self.0.values.lock().unwrap_or_else(PoisonError::into_inner) = values;
        }
        self.held().remove(name);
        Ok(())
    }

    /// What there is under `name`, for [`Secrets::put_back`].
    pub fn before(&self, name: &str) -> Before {
        Before { held: self.held().get(name).cloned(), stored: self.stored(name) }
    }

    /// Puts back what there was: what was held is held again, and not stored. Blocks for a small file.
    pub fn put_back(&self, name: &str, before: Before) -> Result<(), SecretsError> {
        let stored = self.set(name, before.stored);
        before.held.into_iter().for_each(|held| self.hold(name, held));
        stored
    }

    fn values(&self) -> BTreeMap<String, Secret<String>> {
        self.0.values.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn store(&self, values: &BTreeMap<String, Secret<String>>) -> Result<(), SecretsError> {
        let plain: BTreeMap<&str, &str> =
            values.iter().map(|(name, value)| (name.as_str(), value.expose().as_str())).collect();
        let file = |source| SecretsError::File { path: self.0.path.clone(), source };
        let plain = toml::to_string(&plain).map(Secret::new).map_err(|error| file(io::Error::other(error)))?;
        let (key, storage) = self.sealing()?;
        let sealed = seal::seal(&key, &plain).map_err(file)?;
        let stored = Stored { version: VERSION, key: storage, sealed: hex::write(&sealed) };
        let text = toml::to_string(&stored).map_err(|error| file(io::Error::other(error)))?;
        paths::write_atomically(&self.0.path, text.as_bytes(), Access::OwnerOnly).map_err(file)
    }
}

/// What is done where there is no key yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Missing {
    /// One is made: nothing is sealed yet.
    Made,
    /// It should be there.
    Lost,
}

fn key(storage: Storage, path: &Path, key_file: &Path, missing: Missing) -> Result<Key, SecretsError> {
    match storage {
        Storage::Keychain => keychain::key(path, missing == Missing::Made)
            .map_err(|why| SecretsError::Keychain { path: path.to_owned(), why }),
        Storage::KeyFile => keyfile::key(key_file, missing == Missing::Made).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::InvalidData if missing == Missing::Lost => {
                SecretsError::KeyLost { path: path.to_owned(), key: key_file.to_owned() }
            }
            _ => SecretsError::File { path: key_file.to_owned(), source: error },
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secrets.toml");
        (folder, file)
    }

    /// Everything in a folder, as bytes.
    fn everything(folder: &Path) -> Vec<u8> {
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        files.flat_map(|file| std::fs::read(file).unwrap()).collect()
    }

    fn holds(bytes: &[u8], text: &str) -> bool {
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    }

    #[test]
    fn a_secret_comes_back_can_be_forgotten_and_is_never_written_as_it_is() {
        let (folder, file) = place();
        let secrets = Secrets::load(&file).unwrap();
        secrets.set("destination/a", Some(Secret::new("canary \"key\"".to_owned()))).unwrap();
        assert!(!format!("{secrets:?}").contains("canary"));
        assert!(!holds(&everything(folder.path()), "canary"));
        let again = Secrets::load(&file).unwrap();
        assert_eq!(again.find("destination/a").unwrap().expose(), "canary \"key\"");
        assert_eq!(again.storage(), Storage::KeyFile);
        again.set("destination/a", None).unwrap();
        assert_eq!(Secrets::load(&file).unwrap().find("destination/a"), None);
    }

    #[test]
    fn secrets_of_an_earlier_version_are_taken_over_and_sealed() {
        let (folder, file) = place();
        std::fs::write(&file, "\"destination/a\" = \"canary-1\"\n\"rtmp/key\" = \"canary-2\"\n").unwrap();
        let secrets = Secrets::load(&file).unwrap();
        assert_eq!(secrets.find("destination/a").unwrap().expose(), "canary-1");
        assert!(!holds(&everything(folder.path()), "canary"));
        assert_eq!(Secrets::load(&file).unwrap().find("rtmp/key").unwrap().expose(), "canary-2");
    }

    #[test]
    fn without_its_key_the_file_stays_shut_and_is_left_alone() {
        let (folder, file) = place();
        Secrets::load(&file).unwrap().set("a", Some(Secret::new("canary".to_owned()))).unwrap();
        let before = std::fs::read(&file).unwrap();
        let key = folder.path().join("secrets.key");
        let kept = std::fs::read(&key).unwrap();
        std::fs::remove_file(&key).unwrap();
        assert!(matches!(Secrets::load(&file), Err(SecretsError::KeyLost { .. })));
        std::fs::write(&key, "00".repeat(32)).unwrap();
        assert!(matches!(Secrets::load(&file), Err(SecretsError::KeyLost { .. })));
        assert_eq!(std::fs::read(&file).unwrap(), before);
        std::fs::write(&key, kept).unwrap();
        assert_eq!(Secrets::load(&file).unwrap().find("a").unwrap().expose(), "canary");
    }

    #[cfg(unix)]
    #[test]
    fn both_files_are_for_the_owner_only() {
        use std::os::unix::fs::PermissionsExt as _;
        let (folder, file) = place();
        Secrets::load(&file).unwrap().set("a", Some(Secret::new("b".to_owned()))).unwrap();
        for name in ["secrets.toml", "secrets.key"] {
            let mode = std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }

    #[test]
    fn what_is_held_comes_first_and_is_not_stored() {
        let (_folder, file) = place();
        let secrets = Secrets::load(&file).unwrap();
        secrets.hold("destination/flag", Secret::new("canary".to_owned()));
        secrets.set("destination/a", Some(Secret::new("kept".to_owned()))).unwrap();
        assert_eq!(secrets.find("destination/flag").unwrap().expose(), "canary");
        assert_eq!(Secrets::load(&file).unwrap().find("destination/flag"), None);
        let before = secrets.before("destination/flag");
        secrets.set("destination/flag", None).unwrap();
        assert_eq!(secrets.find("destination/flag"), None);
        secrets.put_back("destination/flag", before).unwrap();
        assert_eq!(secrets.find("destination/flag").unwrap().expose(), "canary");
        assert_eq!(Secrets::load(&file).unwrap().find("destination/flag"), None, "it is held and not stored");
        secrets.hold("destination/a", Secret::default());
        assert_eq!(secrets.find("destination/a"), None, "a flag without a key means none");
    }

    #[test]
    fn a_damaged_file_is_reported_without_its_content() {
        let (_folder, file) = place();
        for text in ["canary", "version = 2\nkey = \"key_file\"\nsealed = \"canary\"\n"] {
            std::fs::write(&file, text).unwrap();
            let _ = keyfile::key(&file.with_file_name("secrets.key"), true).unwrap();
            let error = Secrets::load(&file).unwrap_err();
            assert!(matches!(error, SecretsError::Damaged { .. }), "{error}");
            assert!(!error.to_string().contains("canary") && !format!("{error:?}").contains("canary"));
        }
    }
}
