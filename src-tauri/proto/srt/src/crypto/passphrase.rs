//! The secret both ends share.

use std::fmt;

/// Why a text is no passphrase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a passphrase has 10 to 79 bytes; this one has {0}")]
pub struct PassphraseError(pub usize);

/// The secret both ends share: 10 to 79 bytes, as every version of the reference implementation takes.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Passphrase(Box<[u8]>);

impl Passphrase {
    /// Takes the bytes as they are; nothing is normalised.
    pub fn new(text: impl AsRef<[u8]>) -> Result<Self, PassphraseError> {
        let text = text.as_ref();
        match text.len() {
            10..=79 => Ok(Self(text.into())),
            len => Err(PassphraseError(len)),
        }
    }

    pub(super) const fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[passphrase]")
    }
}
