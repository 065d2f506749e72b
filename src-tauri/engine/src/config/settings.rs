//! The settings in force and the settings in the file: flags lie over the file, and must not leak into it.

use std::fmt;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use weir_media::Secret;

use super::{Config, ConfigError, Profile, file, merge};
use crate::{auth, destination, hook};

/// How long after a change a save of the file that undoes it counts as made without knowing of it: longer than an editor is open
/// for a small correction.
const AT_THE_SAME_TIME: Duration = Duration::from_secs(30);

/// The settings of a running engine: what is stored, and what holds with the flags on top.
#[derive(Debug, Clone)]
pub struct Settings {
    profile: Profile,
    stored: Config,
    config: Config,
    /// Identities of destinations that flags gave.
    lent: Vec<String>,
    secrets: Vec<(String, Secret<String>)>,
    /// Tokens that flags gave.
    tokens: Vec<auth::Given>,
    /// The flags, to be laid over the file again when it changes.
    flags: Flags,
    /// What the file said when it was read or written last.
    text: Option<String>,
    /// The last change that was not made by the file: when, and from what to what it changed the file.
    changed: Option<(Instant, Config, Config)>,
}

/// What a change of settings met.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Met {
    /// Settings that the file and somebody else made different things of at the same time; the later one holds.
    pub(crate) overwritten: Vec<String>,
    /// Where a file was put that could not be read and had to give way, and what is wrong with it.
    pub(crate) aside: Option<(PathBuf, String)>,
}

/// Lays some flags over settings.
type Overlay = dyn Fn(&mut Config) + Send + Sync;

/// What flags set.
#[derive(Clone, Default)]
struct Flags(Vec<Arc<Overlay>>);

impl Flags {
    fn over(&self, config: &Config) -> Config {
        let mut config = config.clone();
        self.0.iter().for_each(|flags| flags(&mut config));
        config
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} groups of flags", self.0.len())
    }
}

impl Settings {
    /// Reads the settings file.
    pub fn load(path: &Path, profile: Profile) -> Result<Self, ConfigError> {
        let text = file::read(path)?;
        let stored = match &text {
            Some(text) => file::parse(text, &path.display().to_string(), profile)?,
            None => Config::defaults(profile),
        };
        Ok(Self { text, ..Self::new(stored, profile) })
    }

    /// Settings that come from no file.
    pub fn new(config: Config, profile: Profile) -> Self {
        Self {
            profile,
            stored: config.clone(),
            config,
            lent: Vec::new(),
            secrets: Vec::new(),
            tokens: Vec::new(),
            flags: Flags::default(),
            text: None,
            changed: None,
        }
    }

    /// Lays flags over what is stored: they hold while the engine runs, also when the file changes, and are not written to it.
    pub fn override_with(&mut self, flags: impl Fn(&mut Config) + Send + Sync + 'static) {
        flags(&mut self.config);
        self.flags.0.push(Arc::new(flags));
    }

    /// Adds a destination that a flag gave: it and its key hold while the engine runs and are not written to a file. What was
    /// kept under its name is of an earlier run, for whatever the flag said then.
    pub fn lend_destination(&mut self, destination: destination::Config, key: Option<Secret<String>>) {
        self.config.destinations.retain(|known| known.id != destination.id);
        self.lent.push(destination.id.clone());
        self.secrets.push((destination::secret_name(&destination.id), key.unwrap_or_default()));
        self.secrets.push((destination::backup_secret_name(&destination.id), Secret::default()));
        self.config.destinations.push(destination);
    }

    /// Adds a hook that a flag gave, with its secrets; likewise.
    pub fn lend_hook(
        &mut self,
        hook: hook::Hook,
        secrets: impl IntoIterator<Item = (hook::SecretKind, Secret<String>)>,
    ) {
        self.config.hooks.list.retain(|known| known.id != hook.id);
        self.lent.push(hook.id.clone());
        let mut secrets: Vec<_> = secrets.into_iter().collect();
        for kind in hook::SecretKind::ALL {
            let given = secrets.iter().position(|(given, _)| *given == kind).map(|at| secrets.swap_remove(at).1);
            self.secrets.push((hook::secret_name(&hook.id, kind), given.unwrap_or_default()));
        }
        self.config.hooks.list.push(hook);
    }

    /// Adds tokens that flags gave for publishing and playing: they hold while the engine runs.
    pub fn lend_tokens(&mut self, tokens: impl IntoIterator<Item = auth::Given>) {
        self.tokens.extend(tokens);
    }

    /// The tokens that flags gave.
    pub(crate) fn take_tokens(&mut self) -> Vec<auth::Given> {
        std::mem::take(&mut self.tokens)
    }

    /// Adds a secret that a flag gave: it holds while the engine runs and is not written to a file.
    pub fn lend_secret(&mut self, name: &str, secret: Secret<String>) {
        self.secrets.push((name.to_owned(), secret));
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

    /// Reads the file again: what changed in it since it was read or written last holds from now on, except where flags say
    /// otherwise. On an error nothing changes. Blocks for a small file.
    pub(crate) fn reread(&mut self, path: &Path) -> Result<Met, ConfigError> {
        // A file that is not there says nothing: an editor may be replacing it, or the settings came from none.
        let Some(text) = file::read(path)?.filter(|text| self.text.as_ref() != Some(text)) else {
            return Ok(Met::default());
        };
        let stored = file::parse(&text, &path.display().to_string(), self.profile)?;
        let (before, after) = (self.flags.over(&self.stored), self.flags.over(&stored));
        let lent = |id: &String| self.lent.contains(id);
        let mut config = merge::with_changes(&self.without_lent(&self.config), &before, &after)?;
        config.destinations.extend(self.config.destinations.iter().filter(|known| lent(&known.id)).cloned());
        config.hooks.list.extend(self.config.hooks.list.iter().filter(|known| lent(&known.id)).cloned());
        let overwritten = match &self.changed {
            Some((at, from, to)) if at.elapsed() < AT_THE_SAME_TIME => merge::undone(from, to, &stored)?,
            _ => Vec::new(),
        };
        (self.stored, self.config, self.text) = (stored, config, Some(text));
        Ok(Met { overwritten, aside: None })
    }

    /// Takes what leads from `before` to `after`, and stores it at `path`. What the file says that has not been read yet is read
    /// first, so that it is not lost; on an error nothing changes, what the file says among it. Blocks for a small file.
    pub(crate) fn change(&mut self, before: &Config, after: &Config, path: &Path) -> Result<Met, ConfigError> {
        let mut changed = self.clone();
        let met = changed.follow(before, after, path)?;
        *self = changed;
        Ok(met)
    }

    fn follow(&mut self, before: &Config, after: &Config, path: &Path) -> Result<Met, ConfigError> {
        let mut met = Met::default();
        if before != after {
            match self.reread(path) {
                Ok(read) => met = read,
                Err(error @ ConfigError::Parse { .. }) => met.aside = Some((put_aside(path)?, error.to_string())),
                Err(error) => return Err(error),
            }
        }
        met.overwritten.extend(merge::conflicts(before, &self.config, after)?);
        let config = merge::with_changes(&self.config, before, after)?;
        let (held, wanted) = (self.without_lent(&self.config), self.without_lent(&config));
        let stored = merge::with_changes(&self.stored, &held, &wanted)?;
        // A file that could not be read again would be written.
        stored.check().map_err(|mistake| ConfigError::Parse {
            file: "the changed settings".to_owned(),
            line: 1,
            column: 1,
            problem: format!("{mistake}: {}", mistake.problem),
        })?;
        if stored != self.stored || met.aside.is_some() {
            // Where the file could not be used, what it said when it could be is what is changed.
            let saved = file::save(path, self.text.as_deref(), &stored, self.profile).inspect_err(|_| {
                // It is where it was, so nobody needs a second one.
                let _ = met.aside.as_ref().map(|(aside, _)| std::fs::remove_file(aside));
            });
            self.text = Some(saved?);
            self.changed = Some((Instant::now(), std::mem::replace(&mut self.stored, stored.clone()), stored));
        }
        self.config = config;
        Ok(met)
    }
}

/// Keeps what a file that cannot be used says, in a file of its own beside it, so that what somebody wrote is not lost; what was kept
/// earlier is not either.
fn put_aside(path: &Path) -> Result<PathBuf, ConfigError> {
    let failed = |path: &Path, source| ConfigError::Write { path: path.to_owned(), source };
    let about = std::fs::metadata(path).map_err(|source| failed(path, source))?;
    let text = std::fs::read(path).map_err(|source| failed(path, source))?;
    for number in 1_u32.. {
        let mut name = path.as_os_str().to_owned();
        name.push(if number == 1 { ".broken".to_owned() } else { format!(".broken-{number}") });
        let aside = PathBuf::from(name);
        let file = match std::fs::OpenOptions::new().write(true).create_new(true).open(&aside) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            Err(source) => return Err(failed(&aside, source)),
        };
        // Whoever may not read the one may not read the other either.
        let kept = file.set_permissions(about.permissions()).and_then(|()| (&file).write_all(&text));
        return match kept.and_then(|()| file.sync_all()) {
            Ok(()) => Ok(aside),
            Err(source) => {
                let _ = std::fs::remove_file(&aside);
                Err(failed(&aside, source))
            }
        };
    }
    Err(failed(path, io::Error::other("there are too many that were put aside before")))
}

impl Settings {
    fn without_lent(&self, config: &Config) -> Config {
        let mut config = config.clone();
        config.destinations.retain(|destination| !self.lent.contains(&destination.id));
        config.hooks.list.retain(|hook| !self.lent.contains(&hook.id));
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
        let before = settings.config().clone();
        settings.change(&before, &config, &path).unwrap();
        assert!(settings.config().recording.record_all);
        let stored = file::load(&path, Profile::Serve).unwrap();
        assert!(!stored.rtmp.enabled && !stored.recording.record_all);
        assert_eq!(stored.recording.dir.as_deref(), Some(Path::new("/somewhere")));
        let before = config.clone();
        config.recording.dir = None;
        settings.change(&before, &config, &path).unwrap();
        assert_eq!(file::load(&path, Profile::Serve).unwrap().recording.dir, None);
    }

    #[test]
    fn a_changed_file_holds_except_where_flags_and_what_was_set_since_say_otherwise() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        std::fs::write(&path, "[recording]\nrecord_all = true\nkeep_days = 3\n").unwrap();
        let mut settings = Settings::load(&path, Profile::Serve).unwrap();
        settings.override_with(|config| config.recording.record_all = true);
        let hook = hook::Hook::new(
            "flag-1".to_owned(),
            String::new(),
            true,
            vec![crate::lifecycle::Kind::PlayStart],
            hook::Target::Script { path: "true".into(), arguments: Vec::new() },
        );
        settings.lend_hook(hook.unwrap(), []);
        let mut config = settings.config().clone();
        let before = config.clone();
        config.rtmp.enabled = false;
        settings.change(&before, &config, &path).unwrap();
        assert!(!std::fs::read_to_string(&path).unwrap().contains("flag-1"));
        std::fs::write(&path, "[recording]\nrecord_all = false\nkeep_days = 4\n[rtmp]\nenabled = false\n").unwrap();
        assert_eq!(settings.reread(&path).unwrap(), Met::default());
        let config = settings.config().clone();
        assert!(config.recording.record_all, "the flag says so");
        assert_eq!((config.recording.keep_days, config.rtmp.enabled), (4, false));
        assert_eq!(config.hooks.list.len(), 1);
        std::fs::write(&path, "[recording]\nkeep_days = \"x\"\n").unwrap();
        let error = settings.reread(&path).unwrap_err().to_string();
        assert!(error.contains("line 2, column 13"), "{error}");
        assert_eq!(settings.config(), &config);
    }

    #[test]
    fn a_destination_of_a_flag_is_not_stored_with_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        let destination = |id: &str| destination::Config::new(id, "rtmp://host/app");
        let mut settings = Settings::load(&path, Profile::Serve).unwrap();
        settings.lend_destination(destination("relay-1"), Some(Secret::new("canary".to_owned())));
        let mut config = settings.config().clone();
        let before = config.clone();
        config.destinations.push(destination("mine"));
        settings.change(&before, &config, &path).unwrap();
        assert_eq!(settings.config().destinations.len(), 2);
        let stored = file::load(&path, Profile::Serve).unwrap();
        assert_eq!(stored.destinations, [destination("mine")]);
        // Under its name there may be something from a run in which the flag said something else.
        settings.lend_destination(destination("relay-2"), None);
        let secrets = settings.take_secrets();
        let held: Vec<_> = secrets.iter().map(|(name, secret)| (name.as_str(), secret.is_set())).collect();
        let names =
            ["destination/relay-1", "destination/relay-1/backup", "destination/relay-2", "destination/relay-2/backup"];
        assert_eq!(held, names.map(|name| (name, name == "destination/relay-1")));
    }

    #[test]
    fn a_change_and_a_save_of_the_file_at_the_same_time_both_hold_and_what_cannot_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        let mut settings = Settings::load(&path, Profile::Serve).unwrap();
        let before = settings.config().clone();
        // An editor saves; nobody has read it yet when a change comes that was made without knowing of it.
        std::fs::write(&path, "[recording]\nkeep_days = 4\n[log]\nfiles = 7\n").unwrap();
        let mut after = before.clone();
        (after.recording.record_all, after.log.files) = (true, 9);
        let met = settings.change(&before, &after, &path).unwrap();
        assert_eq!(met, Met { overwritten: vec!["log.files".to_owned()], aside: None });
        let config = settings.config().clone();
        assert_eq!((config.recording.keep_days, config.recording.record_all, config.log.files), (4, true, 9));
        assert_eq!(file::load(&path, Profile::Serve).unwrap(), config);
        assert_eq!(settings.reread(&path).unwrap(), Met::default(), "what was written here is no news");
        // The other way round: the editor still has the text from before, and saves it.
        std::fs::write(&path, "[recording]\nkeep_days = 5\n[log]\nfiles = 7\n").unwrap();
        let met = settings.reread(&path).unwrap();
        assert_eq!(met.overwritten, ["log.files", "recording.record_all"]);
        assert_eq!((settings.config().recording.keep_days, settings.config().log.files), (5, 7));
    }

    #[test]
    fn a_file_with_a_mistake_gives_way_to_a_change_and_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        let mut settings = Settings::load(&path, Profile::Serve).unwrap();
        std::fs::write(&path, "[recording]\nkeep_days = ").unwrap();
        let before = settings.config().clone();
        let mut after = before.clone();
        after.recording.record_all = true;
        let met = settings.change(&before, &after, &path).unwrap();
        let (aside, mistake) = met.aside.unwrap();
        assert!(mistake.contains("line 2"), "{mistake}");
        assert_eq!(std::fs::read_to_string(&aside).unwrap(), "[recording]\nkeep_days = ");
        assert_eq!(file::load(&path, Profile::Serve).unwrap(), after);
        // What was put aside before stays, and what was good of the file before it was broken is changed.
        std::fs::write(&path, "# mine\n[recording] # all\nrecord_all = true\n").unwrap();
        settings.reread(&path).unwrap();
        std::fs::write(&path, "[[recording").unwrap();
        let mut again = after.clone();
        again.log.files = 9;
        let met = settings.change(&after, &again, &path).unwrap();
        let second = met.aside.unwrap().0;
        assert_eq!(second, folder.path().join("config.toml.broken-2"));
        assert_eq!(std::fs::read_to_string(&aside).unwrap(), "[recording]\nkeep_days = ");
        assert_eq!(std::fs::read_to_string(second).unwrap(), "[[recording");
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, "# mine\n[recording] # all\nrecord_all = true\n\n[log]\nfiles = 9\n");
    }

    #[cfg(unix)]
    #[test]
    fn a_change_that_cannot_be_saved_changes_nothing_and_the_file_is_news_as_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        let mut settings = Settings::load(&path, Profile::Serve).unwrap();
        let before = settings.config().clone();
        let mut after = before.clone();
        after.recording.record_all = true;
        for (text, is_good) in [("[log]\nfiles = 7\n", true), ("[log]\nfiles = \n", false)] {
            std::fs::write(&path, text).unwrap();
            // Nothing can take the place of the temporary file.
            let blocked = folder.path().join(format!("config.toml.{}.new", std::process::id()));
            std::fs::create_dir(&blocked).unwrap();
            assert!(matches!(settings.change(&before, &after, &path), Err(ConfigError::Write { .. })));
            assert_eq!(settings.config(), &before, "{text}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
            std::fs::remove_dir(&blocked).unwrap();
            if is_good {
                let mut follows = settings.clone();
                follows.reread(&path).unwrap();
                assert_eq!(follows.config().log.files, 7, "the file's change is still to be followed");
            }
        }
    }
}
