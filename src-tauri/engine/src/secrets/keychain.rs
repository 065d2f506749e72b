//! The key in the keychain of the operating system: Keychain on macOS, Credential Manager on Windows, the Secret Service on
//! Linux. One entry for all secrets, so that people are asked once.
//!
//! Built in with the feature `keychain`, which the window has. The headless program has it not: servers have no keychain, or
//! one that nobody is there to unlock.

#[cfg(not(feature = "keychain"))]
pub(super) use none::{is_there, key};

#[cfg(feature = "keychain")]
pub(super) use real::{is_there, key};

#[cfg(not(feature = "keychain"))]
mod none {
    use std::path::Path;

    use super::super::seal::Key;

    /// Whether there is a keychain that can be asked.
    pub(crate) const fn is_there() -> bool {
        false
    }

    /// The key to `_path`.
    pub(crate) fn key(_path: &Path, _make: bool) -> Result<Key, String> {
        Err("this build of Weir uses none".to_owned())
    }
}

#[cfg(feature = "keychain")]
mod real {
    use std::path::Path;
    use std::sync::mpsc;
    use std::time::Duration;

    use keyring::{Entry, Error};

    use super::super::seal::{self, KEY_LEN, Key};

    /// How entries are found in the keychain.
    const SERVICE: &str = "Weir stream keys";
    /// How long the keychain may take: somebody may have to type a password.
    const PATIENCE: Duration = Duration::from_secs(60);

    /// Whether there is a keychain that can be asked. `WEIR_KEYCHAIN=off` says no: for tests and for people who want none.
    pub(crate) fn is_there() -> bool {
        std::env::var_os("WEIR_KEYCHAIN").is_none_or(|value| value != "off") && Entry::store_status().is_ok()
    }

    /// The key to the secrets in `path`; where there is none, `make` says whether one is made.
    pub(crate) fn key(path: &Path, make: bool) -> Result<Key, String> {
        // Two instances with settings of their own have keys of their own.
        let user = path.to_string_lossy().into_owned();
        let (answer, answered) = mpsc::channel();
        // A keychain may wait for a person for ever; its thread is then left behind.
        std::thread::spawn(move || answer.send(ask(&user, make)));
        answered.recv_timeout(PATIENCE).unwrap_or_else(|_| Err("it did not answer in time".to_owned()))
    }

    fn ask(user: &str, make: bool) -> Result<Key, String> {
        let plain = |error: Error| error.to_string();
        let entry = Entry::new(SERVICE, user).map_err(plain)?;
        match entry.get_secret() {
            Ok(bytes) => {
                <[u8; KEY_LEN]>::try_from(bytes).map(Key::new).map_err(|_| "it holds something else".to_owned())
            }
            Err(Error::NoEntry) if make => {
                let key = seal::new_key().map_err(|error| error.to_string())?;
                entry.set_secret(key.expose()).map_err(plain)?;
                Ok(key)
            }
            Err(error) => Err(plain(error)),
        }
    }
}
