//! One key of a stream, and what it does to a payload.

use std::fmt;

use aes::cipher::{Block, StreamCipher as _};
use aes::cipher::{BlockCipherEncrypt, BlockSizeUser, InnerIvInit as _, KeyInit, StreamCipherCoreWrapper, consts::U16};
use aes::{Aes128Enc, Aes192Enc, Aes256Enc};
use ctr::{CtrCore, flavors::Ctr128BE};
use subtle::ConstantTimeEq as _;

use super::Salt;
use crate::packet::SeqNumber;

/// Bits of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyLength {
    /// 128 bits: the default everywhere.
    Aes128,
    /// 192 bits.
    Aes192,
    /// 256 bits.
    Aes256,
}

impl KeyLength {
    /// Bytes of a key.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Aes128 => 16,
            Self::Aes192 => 24,
            Self::Aes256 => 32,
        }
    }

    /// From the number of bytes.
    pub const fn from_bytes(bytes: usize) -> Option<Self> {
        match bytes {
            16 => Some(Self::Aes128),
            24 => Some(Self::Aes192),
            32 => Some(Self::Aes256),
            _ => None,
        }
    }

    /// As the encryption field of a handshake names it: an eighth of the bytes.
    pub const fn handshake_field(self) -> u16 {
        (self.bytes() / 8) as u16
    }
}

/// A key made ready: its schedule is worked out once, and not for each packet.
#[derive(Clone)]
enum Schedule {
    Aes128(Aes128Enc),
    Aes192(Box<Aes192Enc>),
    Aes256(Box<Aes256Enc>),
}

/// A stream encrypting key.
#[derive(Clone)]
pub struct StreamKey {
    length: KeyLength,
    bytes: [u8; 32],
    schedule: Schedule,
}

impl StreamKey {
    /// A key from its bytes; `None` when they are not 16, 24 or 32.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let length = KeyLength::from_bytes(bytes.len())?;
        let mut key = [0; 32];
        key.get_mut(..bytes.len())?.copy_from_slice(bytes);
        let schedule = match length {
            KeyLength::Aes128 => Schedule::Aes128(KeyInit::new_from_slice(bytes).ok()?),
            KeyLength::Aes192 => Schedule::Aes192(Box::new(KeyInit::new_from_slice(bytes).ok()?)),
            KeyLength::Aes256 => Schedule::Aes256(Box::new(KeyInit::new_from_slice(bytes).ok()?)),
        };
        Some(Self { length, bytes: key, schedule })
    }

    /// A new key.
    pub(crate) fn random(length: KeyLength, entropy: &mut crate::entropy::Entropy) -> Option<Self> {
        let mut bytes = [0; 32];
        entropy.fill(&mut bytes);
        Self::new(bytes.get(..length.bytes())?)
    }

    /// Its length.
    pub const fn length(&self) -> KeyLength {
        self.length
    }

    pub(super) fn expose(&self) -> &[u8] {
        self.bytes.get(..self.length.bytes()).unwrap_or(&self.bytes)
    }

    /// Encrypts or decrypts the payload of packet `seq` in place: in counter mode both are the same.
    pub fn apply(&self, salt: &Salt, seq: SeqNumber, payload: &mut [u8]) {
        let block = counter(salt, seq);
        match &self.schedule {
            Schedule::Aes128(key) => count(key, &block, payload),
            Schedule::Aes192(key) => count(key.as_ref(), &block, payload),
            Schedule::Aes256(key) => count(key.as_ref(), &block, payload),
        }
    }
}

/// Counter mode. At most 1500 bytes, so the counter does not run out.
fn count<C>(key: &C, block: &[u8; 16], payload: &mut [u8])
where
    C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16>,
{
    let core = CtrCore::<&C, Ctr128BE>::inner_iv_init(key, &Block::<C>::from(*block));
    StreamCipherCoreWrapper::from_core(core).apply_keystream(payload);
}

impl PartialEq for StreamKey {
    fn eq(&self, other: &Self) -> bool {
        self.length == other.length && bool::from(self.bytes.ct_eq(&other.bytes))
    }
}

impl Eq for StreamKey {}

impl fmt::Debug for StreamKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamKey({:?})", self.length)
    }
}

/// The first counter block ("AES Counter"): the packet's number in bytes 10 to 13, the first 14 bytes mixed with the salt,
/// the last two counting blocks.
fn counter(salt: &Salt, seq: SeqNumber) -> [u8; 16] {
    let mut block = [0; 16];
    let number = seq.as_u32().to_be_bytes();
    block.iter_mut().skip(10).zip(number).for_each(|(byte, number)| *byte = number);
    block.iter_mut().take(14).zip(salt.0).for_each(|(byte, salt)| *byte ^= salt);
    block
}
