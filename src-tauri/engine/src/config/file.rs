//! The settings file: TOML, only what differs from the defaults, replaced as a whole so that it is never half written.

use std::io;
use std::path::{Path, PathBuf};

use super::{Config, Profile};
use crate::paths;

/// Largest settings file that is read: far above any real one, so that a wrong path cannot fill the memory.
const MAX_FILE: u64 = 4 << 20;

/// Why the settings could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The text breaks a rule; the sentence names file, line and column.
    #[error("{file}, line {line}, column {column}: {problem}")]
    Parse {
        /// The file, as people know it.
        file: String,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What is wrong there.
        problem: String,
    },
    /// The file cannot be read.
    #[error("the settings file {} cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the OS says.
        source: io::Error,
    },
    /// The file cannot be written.
    #[error("the settings file {} cannot be written: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the OS says.
        source: io::Error,
    },
    /// The settings cannot be put into words; a bug.
    #[error("the settings cannot be written as text: {0}")]
    Encode(#[from] toml::ser::Error),
}

/// Reads the settings at `path` over the defaults of `profile`. A file that does not exist means the defaults.
pub fn load(path: &Path, profile: Profile) -> Result<Config, ConfigError> {
    let read = |source| ConfigError::Read { path: path.to_owned(), source };
    match std::fs::metadata(path) {
        Ok(about) if about.len() > MAX_FILE => {
            return Err(read(io::Error::other("it is larger than 4 MiB, which no settings file is")));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Config::defaults(profile)),
        _ => {}
    }
    let text = std::fs::read_to_string(path).map_err(read)?;
    parse(&text, &path.display().to_string(), profile)
}

/// Reads settings from text; `file` is the name used in errors.
pub fn parse(text: &str, file: &str, profile: Profile) -> Result<Config, ConfigError> {
    let explain = |error: &toml::de::Error| {
        let (line, column) = position(text, error.span().map_or(0, |span| span.start));
        ConfigError::Parse { file: file.to_owned(), line, column, problem: one_line(error.message()) }
    };
    // The first pass finds every mistake with its place; the second lays the file over this profile's defaults.
    toml::from_str::<Config>(text).map_err(|error| explain(&error))?;
    let set: toml::Table = toml::from_str(text).map_err(|error| explain(&error))?;
    let mut all = toml::Table::try_from(Config::defaults(profile))?;
    overlay(&mut all, set);
    all.try_into().map_err(|error| explain(&error))
}

/// Writes what differs from the defaults of `profile`, atomically: a crash leaves the old file or the new one.
pub fn save(path: &Path, config: &Config, profile: Profile) -> Result<(), ConfigError> {
    let mut table = toml::Table::try_from(config)?;
    let defaults = toml::Table::try_from(Config::defaults(profile))?;
    remove_equal(&mut table, &defaults);
    let text = toml::to_string_pretty(&table)?;
    paths::write_atomically(path, text.as_bytes(), paths::Access::Default)
        .map_err(|source| ConfigError::Write { path: path.to_owned(), source })
}

/// `stored` with the changes that lead from `before` to `after`, and no others.
pub(super) fn with_changes(stored: &Config, before: &Config, after: &Config) -> Result<Config, ConfigError> {
    let mut stored = toml::Table::try_from(stored)?;
    transfer(&mut stored, &toml::Table::try_from(before)?, toml::Table::try_from(after)?);
    stored.try_into().map_err(|error: toml::de::Error| ConfigError::Parse {
        file: "the changed settings".to_owned(),
        line: 1,
        column: 1,
        problem: one_line(error.message()),
    })
}

fn transfer(stored: &mut toml::Table, before: &toml::Table, after: toml::Table) {
    for gone in before.keys().filter(|key| !after.contains_key(*key)) {
        stored.remove(gone);
    }
    for (key, value) in after {
        match (stored.get_mut(&key), before.get(&key), value) {
            (_, Some(before), value) if *before == value => {}
            (Some(toml::Value::Table(stored)), Some(toml::Value::Table(before)), toml::Value::Table(after)) => {
                transfer(stored, before, after);
            }
            (_, _, value) => {
                stored.insert(key, value);
            }
        }
    }
}

fn overlay(base: &mut toml::Table, set: toml::Table) {
    for (key, value) in set {
        match (base.get_mut(&key), value) {
            (Some(toml::Value::Table(base)), toml::Value::Table(set)) => overlay(base, set),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

fn remove_equal(table: &mut toml::Table, defaults: &toml::Table) {
    table.retain(|key, value| match (value, defaults.get(key)) {
        (toml::Value::Table(inner), Some(toml::Value::Table(default))) => {
            remove_equal(inner, default);
            !inner.is_empty()
        }
        (value, default) => default != Some(value),
    });
}

fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Seconds;
    use crate::net::ListenAddress;

    #[test]
    fn an_empty_file_means_the_defaults_of_the_profile() {
        for profile in [Profile::Desktop, Profile::Serve] {
            assert_eq!(parse("", "x", profile).unwrap(), Config::defaults(profile));
        }
        assert_ne!(Config::defaults(Profile::Desktop), Config::defaults(Profile::Serve));
    }

    #[test]
    fn a_mistake_is_named_with_its_line_and_column() {
        let error =
            parse("[rtmp]\nenabled = true\nspeed = 3\n", "config.toml", Profile::Serve).unwrap_err().to_string();
        assert!(error.starts_with("config.toml, line 3, column 1: "), "{error}");
        assert!(error.contains("speed") && !error.contains('\n'), "{error}");
        let error = parse("[streams]\ngrace_seconds = -1\n", "config.toml", Profile::Serve).unwrap_err().to_string();
        assert!(error.starts_with("config.toml, line 2, column 17: ") && error.contains("seconds"), "{error}");
        let error = parse("[rtmp\n", "config.toml", Profile::Serve).unwrap_err().to_string();
        assert!(error.starts_with("config.toml, line 1"), "{error}");
    }

    #[test]
    fn only_what_differs_is_stored_and_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deep/config.toml");
        for profile in [Profile::Desktop, Profile::Serve] {
            save(&file, &Config::defaults(profile), profile).unwrap();
            assert_eq!(std::fs::read_to_string(&file).unwrap(), "");
            let mut config = Config::defaults(profile);
            config.streams.grace_seconds = Seconds::from(std::time::Duration::from_millis(1500));
            config.rtmp.listen = vec![ListenAddress::Localhost { port: 7 }];
            save(&file, &config, profile).unwrap();
            let text = std::fs::read_to_string(&file).unwrap();
            assert!(text.contains("grace_seconds = 1.5") && !text.contains("play_wait"), "{text}");
            assert_eq!(load(&file, profile).unwrap(), config);
        }
        assert_eq!(std::fs::read_dir(file.parent().unwrap()).unwrap().count(), 1, "no temporary file stays");
    }

    #[test]
    fn a_missing_file_is_no_error() {
        let folder = tempfile::tempdir().unwrap();
        let config = load(&folder.path().join("none.toml"), Profile::Desktop).unwrap();
        assert_eq!(config, Config::defaults(Profile::Desktop));
    }
}
