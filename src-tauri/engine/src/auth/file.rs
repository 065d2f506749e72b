//! Tokens in a file, read again when it changes: checked as a whole, then taken as a whole.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use weir_media::{Secret, StreamPath};

use super::attempt::Action;
use super::tokens::Given;
use crate::pairs::Pairs;

/// Largest file that is read: some hundred thousand tokens.
const MAX_FILE: u64 = 16 << 20;

/// Why the file cannot be used. Holds no token.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// There is no file to read.
    #[error("no file is set; set auth.file")]
    NotSet,
    /// It cannot be read.
    #[error("the file {} cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It breaks a rule.
    #[error("{}, line {line}, column {column}: {problem}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What is wrong there.
        problem: &'static str,
    },
    /// One of its streams cannot be one.
    #[error("{}: {stream:?} is no stream: {problem}", path.display())]
    Stream {
        /// The file.
        path: PathBuf,
        /// What should be a stream.
        stream: String,
        /// Why it is none.
        problem: String,
    },
    /// Two entries are for one stream.
    #[error(
        "{}: {stream} is there twice; give it one token for both, or an object with one for publish and one for play",
        path.display()
    )]
    Twice {
        /// The file.
        path: PathBuf,
        /// The stream.
        stream: StreamPath,
    },
    /// A stream has an empty token.
    #[error("{}: the token of {stream} is empty; write one, or leave the stream out", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
        /// The stream.
        stream: String,
    },
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Entry {
    Both(String),
    Each(Each),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Each {
    publish: Option<String>,
    play: Option<String>,
}

/// Reads the whole file. Blocks.
pub fn read(path: &Path) -> Result<Vec<Given>, FileError> {
    let failed = |source| FileError::Read { path: path.to_owned(), source };
    if std::fs::metadata(path).map_err(failed)?.len() > MAX_FILE {
        return Err(failed(io::Error::other("it is larger than 16 MiB")));
    }
    parse(&std::fs::read_to_string(path).map_err(failed)?, path)
}

fn parse(text: &str, path: &Path) -> Result<Vec<Given>, FileError> {
    // The reader's own words are left out: they may quote a token.
    let entries: Pairs<Entry> = serde_json::from_str(text).map_err(|error| FileError::Parse {
        path: path.to_owned(),
        line: error.line(),
        column: error.column(),
        problem: match error.classify() {
            serde_json::error::Category::Data => {
                "write a token in quotes, or an object with publish and play, for each stream"
            }
            serde_json::error::Category::Eof => "the file ends in the middle",
            serde_json::error::Category::Syntax | serde_json::error::Category::Io => {
                "this is no JSON; write {\"live/show\": \"token\"}"
            }
        },
    })?;
    let (mut given, mut seen) = (Vec::with_capacity(entries.0.len()), BTreeSet::new());
    for (stream, entry) in entries.0 {
        let parsed = StreamPath::parse(&stream).map_err(|error| FileError::Stream {
            path: path.to_owned(),
            stream: stream.chars().take(100).collect(),
            problem: error.to_string(),
        })?;
        if !seen.insert(parsed.clone()) {
            return Err(FileError::Twice { path: path.to_owned(), stream: parsed });
        }
        let (both, publish, play) = match entry {
            Entry::Both(token) => (Some(token), None, None),
            Entry::Each(Each { publish, play }) => (None, publish, play),
        };
        let each = [(None, both), (Some(Action::Publish), publish), (Some(Action::Play), play)];
        for (action, token) in each.into_iter().filter_map(|(action, token)| token.map(|token| (action, token))) {
            if token.is_empty() {
                return Err(FileError::Empty { path: path.to_owned(), stream });
            }
            given.push(Given { path: parsed.clone(), action, token: Secret::new(token) });
        }
    }
    Ok(given)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Vec<Given>, String> {
        parse(text, Path::new("auth.json")).map_err(|error| error.to_string())
    }

    #[test]
    fn both_forms_are_read() {
        let given =
            parsed(r#"{"live/a": "both", "/live//b": {"publish": "send", "play": "watch"}, "live/c": {}}"#).unwrap();
        let shown: Vec<_> = given.iter().map(|it| (it.path.as_str(), it.action, it.token.expose().as_str())).collect();
        assert_eq!(
            shown,
            [
                ("live/a", None, "both"),
                ("live/b", Some(Action::Publish), "send"),
                ("live/b", Some(Action::Play), "watch"),
            ]
        );
    }

    #[test]
    fn a_mistake_is_told_with_its_place_and_without_any_token() {
        for (text, told) in [
            ("", "auth.json, line 1, column 0: the file ends in the middle"),
            ("{\n \"live/a\": canary}", "auth.json, line 2, column 12: this is no JSON"),
            (r#"["canary"]"#, "auth.json, line 1"),
            (r#"{"live/a": 7777}"#, "auth.json, line 1, column"),
            (r#"{"live/a": {"publish": "canary", "wacht": "canary"}}"#, "write a token in quotes"),
            (r#"{"../a": "canary"}"#, "auth.json: \"../a\" is no stream: "),
            (r#"{"live/a": ""}"#, "the token of live/a is empty"),
            (r#"{"live/a": "canary", "/live//a": "canary"}"#, "auth.json: live/a is there twice; give it one token"),
        ] {
            let error = parsed(text).unwrap_err();
            assert!(error.contains(told), "{text}: {error}");
            assert!(!error.contains("canary") && !error.contains("7777"), "{error}");
        }
    }
}
