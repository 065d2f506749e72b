//! The settings file: TOML, only what differs from the defaults, replaced as a whole so that it is never half written.

use std::io;
use std::path::{Path, PathBuf};

use super::{Config, Mistake, Profile, edit};
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
    match read(path)? {
        Some(text) => parse(&text, &path.display().to_string(), profile),
        None => Ok(Config::defaults(profile)),
    }
}

/// What the file says; `None` when there is none.
pub(super) fn read(path: &Path) -> Result<Option<String>, ConfigError> {
    let failed = |source| ConfigError::Read { path: path.to_owned(), source };
    match std::fs::metadata(path) {
        Ok(about) if about.len() > MAX_FILE => {
            return Err(failed(io::Error::other("it is larger than 4 MiB, which no settings file is")));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        _ => {}
    }
    std::fs::read_to_string(path).map(Some).map_err(failed)
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
    let config: Config = all.try_into().map_err(|error| explain(&error))?;
    config.check().map_err(|mistake| at(text, file, &mistake))?;
    Ok(config)
}

/// Reads the settings at `path`, and refuses those too that do not do yet what they say, or that name a file which is not there or
/// cannot be used. A settings file that does not exist is fine.
pub fn check(path: &Path, profile: Profile) -> Result<(), ConfigError> {
    let (text, file) = (read(path)?.unwrap_or_default(), path.display().to_string());
    let config = parse(&text, &file, profile)?;
    config.gap().or_else(|| config.unusable()).map_or(Ok(()), |mistake| Err(at(&text, &file, &mistake)))
}

fn at(text: &str, file: &str, mistake: &Mistake) -> ConfigError {
    let (line, column) = position(text, mistake.offset(text));
    ConfigError::Parse { file: file.to_owned(), line, column, problem: mistake.problem.clone() }
}

/// Writes `config` so that a crash leaves the old file or the new one: `base`, the file as it was, with the lines changed that have
/// to be; without one, what differs from the defaults of `profile`. Returns what the file says now.
pub(super) fn save(path: &Path, base: Option<&str>, config: &Config, profile: Profile) -> Result<String, ConfigError> {
    let text = match base.and_then(|base| edited(base, config, profile)) {
        Some(text) => text,
        None => fresh(config, profile)?,
    };
    paths::write_atomically(path, text.as_bytes(), paths::Access::Default)
        .map_err(|source| ConfigError::Write { path: path.to_owned(), source })?;
    Ok(text)
}

/// What differs from the defaults, and nothing of anybody's own.
fn fresh(config: &Config, profile: Profile) -> Result<String, ConfigError> {
    let mut table = toml::Table::try_from(config)?;
    remove_equal(&mut table, &toml::Table::try_from(Config::defaults(profile))?);
    Ok(toml::to_string_pretty(&table)?)
}

/// The text with `config` in place of what it says; `None` where that cannot be had without writing all of it anew.
pub(super) fn edited(base: &str, config: &Config, profile: Profile) -> Option<String> {
    let table = |config: &Config| toml::Table::try_from(config).ok();
    let said = parse(base, "", profile).ok()?;
    if said == *config {
        return Some(base.to_owned());
    }
    let text = edit::edited(base, &table(&said)?, &table(config)?, &table(&Config::defaults(profile))?)?;
    let is_right = parse(&text, "", profile).is_ok_and(|said| said == *config);
    if !is_right {
        tracing::warn!("the settings file is written anew, without its comments: its form cannot be kept");
    }
    is_right.then_some(text)
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

/// The parser's words as one line, in words of people where they are those of programmers.
fn one_line(message: &str) -> String {
    let mut line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    for (theirs, ours) in WORDS {
        line = line.replace(theirs, ours);
    }
    line
}

/// The parser's words for kinds of values, and people's.
const WORDS: [(&str, &str); 9] = [
    ("wanted string or table", "expected a word in quotes"),
    ("expected u16", "expected a whole number from 0 to 65535"),
    ("expected u32", "expected a whole number from 0 to 4294967295"),
    ("expected u64", "expected a whole number from 0 on"),
    ("expected a boolean", "expected true or false, without quotes"),
    ("expected a string", "expected a text in quotes"),
    ("expected path string", "expected a path in quotes"),
    ("expected a sequence", "expected a list in square brackets"),
    ("unknown variant", "unknown word"),
];

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
        for (text, told) in [
            ("[log]\nlevel = 3\n", "line 2, column 9: expected a word in quotes"),
            ("[log]\nfiles = 1.5\n", "floating point `1.5`, expected a whole number from 0 to 4294967295"),
            ("[log]\nfiles = -1\n", "integer `-1`, expected a whole number from 0"),
            ("[recording]\nkeep_bytes = \"1\"\n", "expected a whole number from 0 on"),
            ("[rtmp]\nenabled = \"yes\"\n", "string \"yes\", expected true or false, without quotes"),
            ("[auth]\nfile = 3\n", "expected a path in quotes"),
            ("[rtmp]\nlisten = \":1935\"\n", "expected a list in square brackets"),
            ("[auth]\nmode = \"Token\"\n", "unknown word `Token`, expected one of `none`, `token`"),
        ] {
            let error = parse(text, "config.toml", Profile::Serve).unwrap_err().to_string();
            assert!(error.contains(told), "{text}: {error}");
        }
        let error = parse("[rtmp\n", "config.toml", Profile::Serve).unwrap_err().to_string();
        assert!(error.starts_with("config.toml, line 1"), "{error}");
    }

    #[test]
    fn only_what_differs_is_stored_and_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deep/config.toml");
        for profile in [Profile::Desktop, Profile::Serve] {
            save(&file, None, &Config::defaults(profile), profile).unwrap();
            assert_eq!(std::fs::read_to_string(&file).unwrap(), "");
            let mut config = Config::defaults(profile);
            config.streams.grace_seconds = Seconds::from(std::time::Duration::from_millis(1500));
            config.rtmp.listen = vec![ListenAddress::Localhost { port: 7 }];
            let written = save(&file, None, &config, profile).unwrap();
            let text = std::fs::read_to_string(&file).unwrap();
            assert!(text.contains("grace_seconds = 1.5") && !text.contains("play_wait"), "{text}");
            assert_eq!(text, written);
            assert_eq!(load(&file, profile).unwrap(), config);
            // Over what is there the same comes out, and nothing stays of what is as the defaults have it.
            assert_eq!(save(&file, Some(""), &config, profile).unwrap().trim(), text.trim());
            assert_eq!(save(&file, Some(&text), &Config::defaults(profile), profile).unwrap(), "");
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
