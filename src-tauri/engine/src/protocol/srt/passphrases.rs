//! Which passphrase a stream has: one for all, each its own from the secrets, or each its own from a JSON file.

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use weir_media::{PathError, Secret, StreamPath};
use weir_srt::crypto::{Passphrase, PassphraseError};

use super::{Config, Encryption};
use crate::pairs::Pairs;
use crate::secrets::Secrets;

/// The secret that holds the passphrase of all streams.
pub const ONE: &str = "srt/passphrase";
/// Largest passphrase file that is read: far above any real one, so that a wrong path cannot fill the memory.
const MAX_FILE: u64 = 4 << 20;
/// Characters of a passphrase that Weir makes: letters and digits that cannot be taken for one another, about 5.8 bits each.
const GENERATED: usize = 24;
const ALPHABET: &[u8; 56] = b"abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ2345678";

/// The secret that holds the passphrase of one stream.
pub fn secret_of(path: &StreamPath) -> String {
    format!("srt/stream/{path}")
}

/// Passphrases by stream.
pub type Book = BTreeMap<StreamPath, Secret<String>>;

/// Why passphrases cannot be taken. No sentence holds one.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("the passphrase file {} cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the OS says.
        source: io::Error,
    },
    /// It is no JSON object of texts.
    #[error("line {line}, column {column}: this is no JSON object of the form {{\"live/show\": \"passphrase\"}}")]
    Form {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// A name that no stream can have.
    #[error("{name:?} cannot be the name of a stream: {source}")]
    Name {
        /// As it stands there.
        name: String,
        /// What is wrong with it.
        source: PathError,
    },
    /// Two names mean one stream.
    #[error("{0} has two passphrases")]
    Twice(StreamPath),
    /// A passphrase of an impossible length.
    #[error("the passphrase of {path}: {source}")]
    Length {
        /// The stream.
        path: StreamPath,
        /// What is wrong with it.
        source: PassphraseError,
    },
}

/// Reads passphrases from JSON, `{"live/show": "passphrase"}`: all of them, or none.
pub fn parse(text: &str) -> Result<Book, Error> {
    // The error's own text could quote a passphrase.
    let entries: Pairs<String> = serde_json::from_str(text)
        .map_err(|error| Error::Form { line: error.line().max(1), column: error.column().max(1) })?;
    let mut book = Book::new();
    for (name, passphrase) in entries.0 {
        let name_for_people = || name.chars().take(80).collect();
        let path = StreamPath::parse(&name).map_err(|source| Error::Name { name: name_for_people(), source })?;
        let passphrase = Secret::new(passphrase);
        check(passphrase.expose()).map_err(|source| Error::Length { path: path.clone(), source })?;
        if book.insert(path.clone(), passphrase).is_some() {
            return Err(Error::Twice(path));
        }
    }
    Ok(book)
}

/// The same as text, the form that [`parse`] reads.
pub fn to_json(book: &Book) -> String {
    let plain: BTreeMap<&str, &str> =
        book.iter().map(|(path, secret)| (path.as_str(), secret.expose().as_str())).collect();
    serde_json::to_string_pretty(&plain).unwrap_or_default()
}

/// Reads a passphrase file. Blocks for a small file.
pub fn read(path: &Path) -> Result<Book, Error> {
    let refused = |source| Error::Read { path: path.to_owned(), source };
    let file = std::fs::File::open(path).map_err(refused)?;
    let mut text = String::new();
    file.take(MAX_FILE + 1).read_to_string(&mut text).map_err(refused)?;
    if text.len() as u64 > MAX_FILE {
        return Err(refused(io::Error::other("it is larger than 4 MiB, which no passphrase file is")));
    }
    parse(&text)
}

/// Whether SRT can use this passphrase.
pub fn check(passphrase: &str) -> Result<(), PassphraseError> {
    Passphrase::new(passphrase).map(drop)
}

/// A passphrase that nobody guesses and everybody can type: 24 letters and digits, 139 bits.
pub fn generate() -> Result<Secret<String>, getrandom::Error> {
    let mut text = String::with_capacity(GENERATED);
    while text.len() < GENERATED {
        let mut bytes = [0; 64];
        getrandom::fill(&mut bytes)?;
        // Values beyond the last whole multiple would favour some letters.
        let letters = bytes.iter().filter(|byte| **byte < 224).filter_map(|byte| ALPHABET.get(usize::from(*byte) % 56));
        text.extend(letters.map(|letter| char::from(*letter)).take(GENERATED - text.len()));
    }
    Ok(Secret::new(text))
}

/// What a stream's caller needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Needed {
    /// No passphrase.
    Nothing,
    /// This one.
    This(Passphrase),
    /// One that nobody has set yet.
    NotSet,
    /// The stream has none while streams need their own.
    UnknownStream,
    /// One from a file that cannot be read.
    NoFile,
}

#[derive(Debug)]
enum Rule {
    Off,
    One(Option<Passphrase>),
    Each(BTreeMap<StreamPath, Passphrase>),
    NoFile,
}

/// The passphrases in force. They change as a whole; connections that stand are not touched.
#[derive(Debug)]
pub(crate) struct Passphrases(RwLock<Arc<Rule>>);

impl Default for Passphrases {
    fn default() -> Self {
        Self(RwLock::new(Arc::new(Rule::Off)))
    }
}

impl Passphrases {
    /// What a caller needs who wants this stream.
    pub(crate) fn needed(&self, path: &StreamPath) -> Needed {
        let rule = Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner));
        match &*rule {
            Rule::Off => Needed::Nothing,
            Rule::One(Some(passphrase)) => Needed::This(passphrase.clone()),
            Rule::One(None) => Needed::NotSet,
            Rule::Each(each) => {
                each.get(path).map_or(Needed::UnknownStream, |passphrase| Needed::This(passphrase.clone()))
            }
            Rule::NoFile => Needed::NoFile,
        }
    }

    /// Whether one is needed and there is none, so that nobody can be let in.
    pub(crate) fn is_missing(&self) -> bool {
        let rule = Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner));
        match &*rule {
            Rule::One(passphrase) => passphrase.is_none(),
            Rule::Each(each) => each.is_empty(),
            // That the file cannot be used has been said, or nothing is asked for.
            Rule::Off | Rule::NoFile => false,
        }
    }

    /// Takes what `config` asks for. When the file cannot be read, what was read from it before stays in force; the error
    /// says why. Blocks for a small file.
    pub(crate) fn follow(&self, config: &Config, secrets: &Secrets) -> Result<(), Error> {
        let usable = |secret: Option<Secret<String>>| secret.and_then(|secret| Passphrase::new(secret.expose()).ok());
        let rule = match config.encryption {
            Encryption::Off => Rule::Off,
            Encryption::One => Rule::One(usable(secrets.find(ONE))),
            Encryption::PerStream => {
                let known = config.streams.iter().map(super::StreamName::path);
                Rule::Each(
                    known.filter_map(|path| Some((path.clone(), usable(secrets.find(&secret_of(path)))?))).collect(),
                )
            }
            Encryption::File => match config.passphrase_file.as_deref().map(read) {
                Some(Ok(book)) => Rule::Each(
                    book.into_iter().filter_map(|(path, secret)| Some((path, usable(Some(secret))?))).collect(),
                ),
                Some(Err(error)) => {
                    let mut rule = self.0.write().unwrap_or_else(PoisonError::into_inner);
                    // What held for another kind of passphrase must not hold on.
                    if !matches!(&**rule, Rule::Each(_)) {
                        *rule = Arc::new(Rule::NoFile);
                    }
                    return Err(error);
                }
                None => Rule::NoFile,
            },
        };
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rule);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_taken_as_a_whole_or_not_at_all_and_no_error_holds_a_passphrase() {
        let book = parse(r#"{"live/a": "canary-one-1", "/live//b": "canary-two-2"}"#).unwrap();
        assert_eq!(book.keys().map(StreamPath::as_str).collect::<Vec<_>>(), ["live/a", "live/b"]);
        assert_eq!(parse(&to_json(&book)).unwrap(), book);
        for (text, expected) in [
            ("", "line 1, column 1: this is no JSON object"),
            ("{\"live/a\": \"canary-one-1\",\n}", "line 2, column 1"),
            (r#"["canary-one-1"]"#, "no JSON object"),
            (r#"{"live/a": 1234567890}"#, "no JSON object"),
            (r#"{"live/a": "canary-1"}"#, "the passphrase of live/a: a passphrase has 10 to 79 bytes; this one has 8"),
            (r#"{"../a": "canary-one-1"}"#, "cannot be the name of a stream"),
            (r#"{"live/a": "canary-one-1", "live//a": "canary-two-2"}"#, "live/a has two passphrases"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.to_string().contains(expected), "{text}: {error}");
            assert!(!format!("{error} {error:?}").contains("canary"), "{text}: {error:?}");
        }
        let long = format!(r#"{{"live/a": "{}"}}"#, "x".repeat(80));
        assert!(parse(&long).is_err());
    }

    #[test]
    fn generated_passphrases_differ_and_are_long_enough() {
        let (one, two) = (generate().unwrap(), generate().unwrap());
        assert_ne!(one, two);
        assert!(check(one.expose()).is_ok() && one.expose().len() == GENERATED);
    }

    #[test]
    fn a_broken_file_leaves_what_held_in_force() {
        let folder = tempfile::tempdir().unwrap();
        let secrets = Secrets::load(&folder.path().join("secrets.toml")).unwrap();
        let file = folder.path().join("keys.json");
        let path = StreamPath::parse("live/a").unwrap();
        let mut config =
            Config { encryption: Encryption::File, passphrase_file: Some(file.clone()), ..Config::default() };
        let passphrases = Passphrases::default();
        assert!(passphrases.follow(&config, &secrets).is_err());
        assert_eq!(passphrases.needed(&path), Needed::NoFile);
        std::fs::write(&file, r#"{"live/a": "canary-one-1"}"#).unwrap();
        passphrases.follow(&config, &secrets).unwrap();
        let this = Needed::This(Passphrase::new("canary-one-1").unwrap());
        assert_eq!(passphrases.needed(&path), this);
        std::fs::write(&file, "{").unwrap();
        assert!(passphrases.follow(&config, &secrets).is_err());
        assert_eq!(passphrases.needed(&path), this);
        assert_eq!(passphrases.needed(&StreamPath::parse("live/b").unwrap()), Needed::UnknownStream);
        config.encryption = Encryption::One;
        passphrases.follow(&config, &secrets).unwrap();
        assert_eq!(passphrases.needed(&path), Needed::NotSet);
        secrets.set(ONE, Some(Secret::new("canary-all-1".to_owned()))).unwrap();
        passphrases.follow(&config, &secrets).unwrap();
        assert_eq!(passphrases.needed(&path), Needed::This(Passphrase::new("canary-all-1").unwrap()));
    }
}
