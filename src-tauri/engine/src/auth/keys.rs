//! Keys that Weir makes: shown once, kept as digests, each for publishing or for watching.
//!
//! A key has 130 random bits, so its SHA-256 tells nothing and a slow hash would only help those who want to keep us busy.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use subtle::ConstantTimeEq as _;
use tokio_util::sync::CancellationToken;
use weir_media::{Secret, StreamPath};

use super::attempt::{Action, Grant};
use super::tokens::{Digest, Found, digest};
use crate::hex;
use crate::paths::{self, Access};
use crate::streams::StreamPattern;

/// Most keys: each attempt looks at all of them.
pub const MAX_KEYS: usize = 1000;
/// Longest name of a key, in characters.
pub const MAX_NAME: usize = 100;
/// Letters and digits that people do not mistake for one another, 32 of them.
const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Length of a key.
const LENGTH: usize = 26;
/// Length of an identity.
const ID_LENGTH: usize = 10;

/// A key, without the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamKey {
    /// Identity.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// For which streams.
    pub streams: StreamPattern,
    /// For what.
    pub action: Action,
    /// When it was made, milliseconds since 1970.
    pub created_at: u64,
    /// When it last opened something, milliseconds since 1970.
    pub last_used_at: Option<u64>,
}

/// Why keys could not be read, made or revoked.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The file cannot be used.
    #[error("the file of stream keys {} cannot be used: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file is not what Weir wrote.
    #[error("the file of stream keys {} is damaged; correct it, or delete it and make new keys", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// There are too many.
    #[error("there are {MAX_KEYS} stream keys already; revoke some that are no longer used")]
    TooMany,
    /// The system gives no randomness.
    #[error("the system gives no randomness")]
    Randomness,
}

/// The keys of one engine.
pub(super) struct Keys {
    path: PathBuf,
    /// Held for as long as it takes to look at all of them, and never while a disk is waited for: each connection comes by here.
    book: Mutex<Book>,
    /// Held while the file is written, so that one change is on the disk before the next begins.
    writing: Mutex<()>,
    write: Box<Write>,
}

/// Stores the text of the file.
type Write = dyn Fn(&Path, &[u8]) -> io::Result<()> + Send + Sync;

#[derive(Debug, Default)]
struct Book {
    keys: Vec<Kept>,
    /// A key was used since the file was written.
    used: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    id: String,
    name: String,
    streams: StreamPattern,
    action: Action,
    #[serde(rename = "sha256", serialize_with = "to_hex", deserialize_with = "from_hex")]
    digest: Digest,
    created_at: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_used_at: Option<u64>,
    #[serde(skip)]
    revoked: CancellationToken,
}

impl Keys {
    /// Reads the file; one that does not exist holds none.
    pub(super) fn load(path: &Path) -> Result<Self, KeysError> {
        Self::load_with(path, Box::new(|path, text| paths::write_atomically(path, text, Access::OwnerOnly)))
    }

    fn load_with(path: &Path, write: Box<Write>) -> Result<Self, KeysError> {
        let keys = match std::fs::read(path) {
            Ok(text) => serde_json::from_slice(&text).map_err(|_| KeysError::Damaged { path: path.to_owned() })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(source) => return Err(KeysError::File { path: path.to_owned(), source }),
        };
        let book = Mutex::new(Book { keys, used: false });
        Ok(Self { path: path.to_owned(), book, writing: Mutex::default(), write })
    }

    /// All of them, the oldest first.
    pub(super) fn list(&self) -> Vec<StreamKey> {
        self.book().keys.iter().map(StreamKey::from).collect()
    }

    /// Makes one. The key itself is returned here and never again. Blocks for a small file.
    pub(super) fn create(
        &self,
        name: &str,
        streams: StreamPattern,
        action: Action,
        now: u64,
    ) -> Result<(StreamKey, Secret<String>), KeysError> {
        let secret = Secret::new(random(LENGTH)?);
        let kept = Kept {
            id: random(ID_LENGTH)?,
            name: name.to_owned(),
            streams,
            action,
            digest: digest(&secret),
            created_at: now,
            last_used_at: None,
            revoked: CancellationToken::new(),
        };
        let _turn = self.turn();
        let mut keys = self.book().keys.clone();
        if keys.len() >= MAX_KEYS {
            return Err(KeysError::TooMany);
        }
        let shown = StreamKey::from(&kept);
        keys.push(kept.clone());
        self.store(&keys)?;
        self.book().keys.push(kept);
        Ok((shown, secret))
    }

    /// Revokes one and ends what it opened. Returns whether it was there. Blocks for a small file.
    pub(super) fn revoke(&self, id: &str) -> Result<bool, KeysError> {
        let _turn = self.turn();
        let mut keys = self.book().keys.clone();
        let Some(at) = keys.iter().position(|key| key.id == id) else { return Ok(false) };
        let gone = keys.remove(at);
        self.store(&keys)?;
        self.book().keys.retain(|key| key.id != id);
        // Whom it let in while the file was written as well.
        gone.revoked.cancel();
        Ok(true)
    }

    /// Looks at every key, whichever it is.
    pub(super) fn find(&self, path: &StreamPath, action: Action, offered: &Digest, now: u64) -> Found {
        let mut book = self.book();
        let mut found = Found::Nothing;
        let mut opened = None;
        for (at, key) in book.keys.iter().enumerate() {
            if bool::from(key.digest.ct_eq(offered)) && key.streams.matches(path) {
                if key.action == action {
                    found = Found::Grant(Grant::until(key.revoked.clone()));
                    opened = Some(at);
                } else {
                    found = Found::OtherAction;
                }
            }
        }
        if let Some(key) = opened.and_then(|at| book.keys.get_mut(at)) {
            key.last_used_at = Some(now);
            book.used = true;
        }
        found
    }

    /// Stores when keys were used, if any was since. Blocks for a small file.
    pub(super) fn settle(&self) -> Result<(), KeysError> {
        let _turn = self.turn();
        let keys = {
            let book = self.book();
            if !book.used {
                return Ok(());
            }
            book.keys.clone()
        };
        self.store(&keys)
    }

    /// Writes the file. What is used meanwhile is for the next time.
    fn store(&self, keys: &[Kept]) -> Result<(), KeysError> {
        let failed = |source| KeysError::File { path: self.path.clone(), source };
        let text = serde_json::to_vec_pretty(keys).map_err(|error| failed(io::Error::other(error)))?;
        let used = std::mem::take(&mut self.book().used);
        (self.write)(&self.path, &text).map_err(|error| {
            self.book().used |= used;
            failed(error)
        })
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turn(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("path", &self.path).field("book", &self.book).finish_non_exhaustive()
    }
}

impl From<&Kept> for StreamKey {
    fn from(key: &Kept) -> Self {
        Self {
            id: key.id.clone(),
            name: key.name.clone(),
            streams: key.streams.clone(),
            action: key.action,
            created_at: key.created_at,
            last_used_at: key.last_used_at,
        }
    }
}

fn random(length: usize) -> Result<String, KeysError> {
    let mut bytes = vec![0; length];
    getrandom::fill(&mut bytes).map_err(|_| KeysError::Randomness)?;
    // 256 is a multiple of 32, so each letter is as likely as any other.
    Ok(bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect())
}

fn to_hex<S: Serializer>(digest: &Digest, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&hex::write(digest))
}

fn from_hex<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
    let text = String::deserialize(deserializer)?;
    let digest = hex::read(&text).and_then(|bytes| Digest::try_from(bytes).ok());
    digest.ok_or_else(|| D::Error::custom("it is no SHA-256"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> StreamPattern {
        StreamPattern::try_from(text.to_owned()).unwrap()
    }

    fn opens(keys: &Keys, path: &str, action: Action, key: &Secret<String>) -> bool {
        matches!(keys.find(&StreamPath::parse(path).unwrap(), action, &digest(key), 7), Found::Grant(_))
    }

    #[test]
    fn a_key_is_shown_once_kept_as_a_digest_and_opens_what_it_is_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stream_keys.json");
        let keys = Keys::load(&path).unwrap();
        let (shown, key) = keys.create("OBS at home", pattern("live/*"), Action::Publish, 5).unwrap();
        let (_, other) = keys.create("for friends", pattern("live/show"), Action::Play, 6).unwrap();
        assert_eq!(key.expose().len(), LENGTH);
        assert_ne!(key, other);
        assert!(opens(&keys, "live/show", Action::Publish, &key) && opens(&keys, "live/show", Action::Play, &other));
        assert!(!opens(&keys, "live/show", Action::Play, &key) && !opens(&keys, "else/show", Action::Publish, &key));
        keys.settle().unwrap();
        let stored = std::fs::read_to_string(&path).unwrap();
        assert!(!stored.contains(key.expose().as_str()) && !stored.contains(other.expose().as_str()));
        let again = Keys::load(&path).unwrap();
        assert!(opens(&again, "live/other", Action::Publish, &key));
        assert_eq!(again.list()[0], StreamKey { last_used_at: Some(7), ..shown });
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_revoked_key_ends_what_it_opened_and_opens_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stream_keys.json");
        let keys = Keys::load(&path).unwrap();
        let (shown, key) = keys.create("one", pattern("*"), Action::Publish, 5).unwrap();
        let Found::Grant(grant) = keys.find(&StreamPath::parse("a").unwrap(), Action::Publish, &digest(&key), 7) else {
            panic!("must open")
        };
        assert!(!keys.revoke("another").unwrap() && !grant.is_revoked());
        assert!(keys.revoke(&shown.id).unwrap() && grant.is_revoked());
        assert!(!opens(&keys, "a", Action::Publish, &key));
        assert!(!opens(&Keys::load(&path).unwrap(), "a", Action::Publish, &key));
    }

    /// A disk that is busy for as long as the test wants.
    #[test]
    fn who_comes_while_a_key_is_stored_does_not_wait_for_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let (begun, begins) = std::sync::mpsc::channel();
        let (go_on, goes_on) = std::sync::mpsc::channel::<bool>();
        let goes_on = Mutex::new(goes_on);
        let write = move |_: &Path, _: &[u8]| {
            begun.send(()).unwrap();
            let goes_on = goes_on.lock().unwrap().recv_timeout(std::time::Duration::from_secs(30));
            if goes_on == Ok(true) { Ok(()) } else { Err(io::Error::other("the disk is full")) }
        };
        let keys = Keys::load_with(&folder.path().join("stream_keys.json"), Box::new(write)).unwrap();
        let made = |name: &str| keys.create(name, pattern("*"), Action::Publish, 5);
        let is_open = |key: &Secret<String>| opens(&keys, "a", Action::Publish, key);
        std::thread::scope(|threads| {
            go_on.send(true).unwrap();
            let (first, key) = made("first").unwrap();
            begins.recv().unwrap();

            let second = threads.spawn(|| made("second"));
            begins.recv().unwrap();
            // It is not stored yet, and will not be: nobody may have it.
            assert!(is_open(&key));
            assert_eq!(keys.list().len(), 1);
            go_on.send(false).unwrap();
            assert!(matches!(second.join().unwrap(), Err(KeysError::File { .. })));
            assert_eq!(keys.list().len(), 1);

            // That the first was used is still to be stored; what is used meanwhile is for the next time.
            let settled = threads.spawn(|| keys.settle());
            begins.recv().unwrap();
            assert!(is_open(&key));
            go_on.send(true).unwrap();
            settled.join().unwrap().unwrap();
            go_on.send(true).unwrap();
            keys.settle().unwrap();
            begins.recv().unwrap();
            keys.settle().unwrap();
            assert!(begins.try_recv().is_err(), "nothing is written twice");

            // Whom a key let in while it was being revoked is put out with the others.
            let (keys, id) = (&keys, first.id);
            let revoked = threads.spawn(move || keys.revoke(&id));
            begins.recv().unwrap();
            let path = StreamPath::parse("a").unwrap();
            let Found::Grant(grant) = keys.find(&path, Action::Publish, &digest(&key), 7) else { panic!("must open") };
            go_on.send(true).unwrap();
            assert!(revoked.join().unwrap().unwrap());
            assert!(grant.is_revoked() && !is_open(&key));
        });
    }

    #[test]
    fn a_damaged_file_is_told_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stream_keys.json");
        let key = |digest: &str| {
            format!(r#"[{{"id":"a","name":"b","streams":"*","action":"play","created_at":1,"sha256":"{digest}"}}]"#)
        };
        std::fs::write(&path, key(&"aB".repeat(32))).unwrap();
        assert_eq!(Keys::load(&path).unwrap().list().len(), 1);
        for text in ["", "{}", "[{\"id\": 1}]", &key(&"ab".repeat(31)), &key(&"zz".repeat(32))] {
            std::fs::write(&path, text).unwrap();
            assert!(matches!(Keys::load(&path), Err(KeysError::Damaged { .. })), "{text}");
        }
    }
}
