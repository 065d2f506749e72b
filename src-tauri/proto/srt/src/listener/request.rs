//! A caller that waits to be let in.

use std::net::SocketAddr;
use std::time::Instant;

use crate::crypto::{KeyLength, KeyMessage, Keys, Passphrase, WrappingKey};
use crate::handshake::{Flags, Latency, Reject, StreamId, Version};
use crate::packet::{SeqNumber, SocketId, WireTime};

/// Which caller: its address, its socket, and where its numbers begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId {
    /// Its address.
    pub peer: SocketAddr,
    /// The id of its socket.
    pub socket: SocketId,
    pub(crate) first: SeqNumber,
}

/// How a caller wants to encrypt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encryption {
    /// Not at all.
    Clear,
    /// With these keys, which the passphrase opens.
    Key(KeyMessage),
}

/// A caller that waits to be let in: look at it, then [`Request::unlock`] it and accept or reject it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Which caller.
    pub id: RequestId,
    /// Its version.
    pub version: Version,
    /// What it can do.
    pub flags: Flags,
    /// The stream it wants; empty when it did not say.
    pub stream_id: StreamId,
    /// How it wants to encrypt.
    pub encryption: Encryption,
    /// The latencies it wants, as it sees them.
    pub latency: Latency,
    pub(crate) mtu: u32,
    pub(crate) window: u32,
    /// When it came, and what time it bore.
    pub(crate) base: (Instant, WireTime),
}

/// A caller whose passphrase fits.
#[derive(Debug, Clone)]
pub struct Unlocked(pub(super) Option<Opened>);

#[derive(Debug, Clone)]
pub(super) struct Opened {
    pub(super) passphrase: Passphrase,
    pub(super) kek: WrappingKey,
    pub(super) keys: Keys,
    pub(super) message: Vec<u8>,
}

impl Request {
    /// The key length it wants; `None` without encryption.
    pub const fn key_length(&self) -> Option<KeyLength> {
        match &self.encryption {
            Encryption::Clear => None,
            Encryption::Key(message) => Some(message.length()),
        }
    }

    /// Tries the stream's passphrase: both ends have the same one, or neither has any. With one this takes about a
    /// millisecond, so do it off the path of packets.
    pub fn unlock(&self, passphrase: Option<&Passphrase>) -> Result<Unlocked, Reject> {
        match (&self.encryption, passphrase) {
            (Encryption::Clear, None) => Ok(Unlocked(None)),
            (Encryption::Clear, Some(_)) | (Encryption::Key(_), None) => Err(Reject::UNSECURE),
            (Encryption::Key(message), Some(passphrase)) => {
                let kek = WrappingKey::derive(passphrase, message.salt(), message.length());
                let keys = message.unwrap_under(&kek).map_err(|_| Reject::BAD_SECRET)?;
                let message = message.to_bytes();
                Ok(Unlocked(Some(Opened { passphrase: passphrase.clone(), kek, keys, message })))
            }
        }
    }
}
