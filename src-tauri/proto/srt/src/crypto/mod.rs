//! Encryption of the payload ("Encryption"): AES in counter mode, keys wrapped under a passphrase.

mod cipher;
mod key_message;
mod passphrase;
mod receive;
mod send;

pub use cipher::{KeyLength, StreamKey};
pub use key_message::{KeyMessage, KeyState, Keys, Salt, WrappingKey};
pub use passphrase::{Passphrase, PassphraseError};
pub(crate) use receive::{Open, ReceiveKeys};
pub use send::KeyRefresh;
pub(crate) use send::SendKeys;

/// Why a key message cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It does not have the form of a key message.
    #[error("the key message is malformed: {0}")]
    Malformed(&'static str),
    /// It asks for a cipher that is not offered.
    #[error("the peer wants AES-GCM; AES-CTR is offered")]
    Gcm,
    /// It asks for a cipher nobody knows.
    #[error("the peer wants cipher {0}, which is unknown")]
    UnknownCipher(u8),
    /// The passphrases of the two ends differ.
    #[error("the passphrase is wrong")]
    WrongPassphrase,
}
