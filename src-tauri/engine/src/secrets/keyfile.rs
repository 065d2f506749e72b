//! The key in a file of its own, which the user alone may read: for systems, and ways to run, without a keychain.

use std::io;
use std::path::Path;

use super::seal::{self, KEY_LEN, Key};
use crate::hex;
use crate::paths::{self, Access};

/// The key in `path`. Without one, `make` says whether one is made.
pub(super) fn key(path: &Path, make: bool) -> io::Result<Key> {
    match std::fs::read_to_string(path) {
        Ok(text) => {
            let bytes = hex::read(text.trim()).and_then(|bytes| <[u8; KEY_LEN]>::try_from(bytes).ok());
            bytes.map(Key::new).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "this is no key of Weir"))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound && make => {
            let key = seal::new_key()?;
            paths::write_atomically(path, hex::write(key.expose()).as_bytes(), Access::OwnerOnly)?;
            Ok(key)
        }
        Err(error) => Err(error),
    }
}
