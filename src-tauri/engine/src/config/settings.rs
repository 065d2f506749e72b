//! The settings in force and the settings in the file: flags lie over the file, and must not leak into it.

use std::path::Path;

use weir_media::Secret;

use super::{Config, ConfigError, Profile, file};
use crate::destination;

/// The settings of a running engine: what is stored, and what holds with the flags on top.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    profile: Profile,
    stored: Config,
    config: Config,
    /// Identities of destinations that flags gave.
    lent: Vec<String>,
    secrets: Vec<(String, Secret<String>)>,
}

impl Settings {
    /// Reads the settings file.
    pub fn load(path: &Path, profile: Profile) -> Result<Self, ConfigError> {
        let stored = file::load(path, profile)?;
        Ok(Self { profile, config: stored.clone(), stored, lent: Vec::new(), secrets: Vec::new() })
    }

    /// Settings that come from no file.
    pub fn new(config: Config, profile: Profile) -> Self {
        Self { profile, stored: config.clone(), config, lent: Vec::new(), secrets: Vec::new() }
    }

    /// Lays flags over what is stored: they hold while the engine runs and are not written to the file.
    pub fn override_with(&mut self, flags: impl FnOnce(&mut Config)) {
        flags(&mut self.config);
    }

    /// Adds a destination that a flag gave: it and its key hold while the engine runs and are not written to a file.
    pub fn lend_destination(&mut self, destination: destination::Config, key: Option<Secret<String>>) {
        self.config.destinations.retain(|known| known.id != destination.id);
        self.lent.push(destination.id.clone());
        self.secrets.extend(key.map(|key| (format!("destination/{}", destination.id), key)));
        self.config.destinations.push(destination);
    }

    /// The secrets that flags gave.
    pub(crate) fn take_secrets(&mut self) -> Vec<(String, Secret<String>)> {
        std::mem::take(&mut self.secrets)
    }

    /// What holds.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Whose defaults they are.
    pub const fn profile(&self) -> Profile {
        self.profile
    }

    /// Takes `config` and stores what changed by it at `path`; on an error nothing changes. Blocks for a small file.
    pub(crate) fn change(&mut self, config: Config, path: &Path) -> Result<(), ConfigError> {
        let stored = file::with_changes(&self.stored, &self.without_lent(&self.config), &self.without_lent(&config))?;
        if stored != self.stored {
            file::save(path, &stored, self.profile)?;
        }
        self.stored = stored;
        self.config = config;
        Ok(())
    }
}

impl Settings {
    fn without_lent(&self, config: &Config) -> Config {
        let mut config = config.clone();
        config.destinations.retain(|destination| !self.lent.contains(&destination.id));
        config
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_hold_but_are_not_stored() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        let mut settings = Settings::load(&path, Profile::Serve).unwrap();
        settings.override_with(|config| config.recording.record_all = true);
        let mut config = settings.config().clone();
        config.rtmp.enabled = false;
        config.recording.dir = Some("/somewhere".into());
        settings.change(config.clone(), &path).unwrap();
        assert!(settings.config().recording.record_all);
        let stored = file::load(&path, Profile::Serve).unwrap();
        assert!(!stored.rtmp.enabled && !stored.recording.record_all);
        assert_eq!(stored.recording.dir.as_deref(), Some(Path::new("/somewhere")));
        config.recording.dir = None;
        settings.change(config, &path).unwrap();
        assert_eq!(file::load(&path, Profile::Serve).unwrap().recording.dir, None);
    }

    #[test]
    fn a_destination_of_a_flag_is_not_stored_with_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        let destination = |id: &str| destination::Config {
            id: id.to_owned(),
            name: String::new(),
            url: "rtmp://host/app".to_owned(),
            streams: Default::default(),
            enabled: true,
        };
        let mut settings = Settings::load(&path, Profile::Serve).unwrap();
        settings.lend_destination(destination("relay-1"), Some(Secret::new("canary".to_owned())));
        let mut config = settings.config().clone();
        config.destinations.push(destination("mine"));
        settings.change(config, &path).unwrap();
        assert_eq!(settings.config().destinations.len(), 2);
        let stored = file::load(&path, Profile::Serve).unwrap();
        assert_eq!(stored.destinations, [destination("mine")]);
        assert_eq!(settings.take_secrets()[0].0, "destination/relay-1");
    }
}
