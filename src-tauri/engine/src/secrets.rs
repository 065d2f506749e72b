//! Stream keys and other secrets: kept apart from the settings, readable by the user alone, never part of a reply.
//!
//! One seam: everything asks [`Secrets`], so that the OS's keychain can take the file's place without a change elsewhere.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use weir_media::Secret;

use crate::paths::{self, Access};

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
}

/// The secrets of one engine by name, e.g. `destination/<id>`. Cheap to clone; clones share.
#[derive(Debug, Clone)]
pub struct Secrets {
    path: Arc<Path>,
    values: Arc<Mutex<BTreeMap<String, Secret<String>>>>,
    /// What holds while the engine runs and is never stored.
    held: Arc<Mutex<BTreeMap<String, Secret<String>>>>,
}

impl Secrets {
    /// Reads the file; one that does not exist holds nothing.
    pub fn load(path: &Path) -> Result<Self, SecretsError> {
        let values = match std::fs::read_to_string(path) {
            Ok(text) => toml::from_str::<BTreeMap<String, String>>(&text)
                .map_err(|_| SecretsError::Damaged { path: path.to_owned() })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(source) => return Err(SecretsError::File { path: path.to_owned(), source }),
        };
        let values = values.into_iter().map(|(name, value)| (name, Secret::new(value))).collect();
        Ok(Self { path: path.into(), values: Arc::new(Mutex::new(values)), held: Arc::default() })
    }

    /// The secret of this name.
    pub fn find(&self, name: &str) -> Option<Secret<String>> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        if held.is_some() {
            return held;
        }
        self.values.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Holds `value` under `name` while the engine runs, before whatever is stored: what a flag says must not reach a file.
    pub fn hold(&self, name: &str, value: Secret<String>) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), value);
    }

    /// Keeps `value` under `name` and stores it; `None` forgets it. Blocks for a small file.
    pub fn set(&self, name: &str, value: Option<Secret<String>>) -> Result<(), SecretsError> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
        let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        let before = values.clone();
        match value {
            Some(value) => values.insert(name.to_owned(), value),
            None => values.remove(name),
        };
        if *values == before {
            return Ok(());
        }
        let stored = self.store(&values);
        if stored.is_err() {
            *values = before;
        }
        stored
    }

    fn store(&self, values: &BTreeMap<String, Secret<String>>) -> Result<(), SecretsError> {
        let plain: BTreeMap<&str, &str> =
            values.iter().map(|(name, value)| (name.as_str(), value.expose().as_str())).collect();
        let text = toml::to_string(&plain).map_err(io::Error::other);
        text.and_then(|text| paths::write_atomically(&self.path, text.as_bytes(), Access::OwnerOnly))
            .map_err(|source| SecretsError::File { path: self.path.to_path_buf(), source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_comes_back_and_can_be_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secrets.toml");
        let secrets = Secrets::load(&file).unwrap();
        secrets.set("destination/a", Some(Secret::new("canary \"key\"".to_owned()))).unwrap();
        assert!(!format!("{secrets:?}").contains("canary"));
        let again = Secrets::load(&file).unwrap();
        assert_eq!(again.find("destination/a").unwrap().expose(), "canary \"key\"");
        again.set("destination/a", None).unwrap();
        assert_eq!(Secrets::load(&file).unwrap().find("destination/a"), None);
    }

    #[test]
    fn what_is_held_comes_first_and_is_not_stored() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secrets.toml");
        let secrets = Secrets::load(&file).unwrap();
        secrets.hold("destination/flag", Secret::new("canary".to_owned()));
        secrets.set("destination/a", Some(Secret::new("kept".to_owned()))).unwrap();
        assert_eq!(secrets.find("destination/flag").unwrap().expose(), "canary");
        assert!(!std::fs::read_to_string(&file).unwrap().contains("canary"));
        secrets.set("destination/flag", None).unwrap();
        assert_eq!(secrets.find("destination/flag"), None);
    }

    #[test]
    fn a_damaged_file_is_reported_without_its_content() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secrets.toml");
        std::fs::write(&file, "canary").unwrap();
        let error = Secrets::load(&file).unwrap_err();
        assert!(!error.to_string().contains("canary") && !format!("{error:?}").contains("canary"));
    }
}
