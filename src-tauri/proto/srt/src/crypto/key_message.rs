//! Key material messages ("Key Material"): one or both keys of a stream, wrapped (RFC 3394) under a key that comes from the
//! passphrase (PBKDF2, RFC 8018).

use aes_kw::{KwAes128, KwAes192, KwAes256, cipher::KeyInit as _};

use super::{Error, KeyLength, Passphrase, StreamKey};
use crate::packet::KeyFlag;

/// Version 1, packet type 2 (key message).
const VERSION_TYPE: u8 = 0x12;
/// "HAI" in the manner of PNP vendor ids.
const SIGNATURE: u16 = 0x2029;
const CIPHER_CTR: u8 = 2;
const CIPHER_GCM: u8 = 4;
/// The stream is SRT.
const STREAM_SRT: u8 = 2;
/// Bytes before the salt.
const FIXED_LEN: usize = 16;
/// Bytes that wrapping adds.
const WRAP_LEN: usize = 8;
/// Rounds of PBKDF2.
const ROUNDS: u32 = 2048;

/// What makes the counter of one connection different from that of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Salt(pub [u8; 16]);

/// The keys in a message: the even one, the odd one, or both.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Keys {
    /// The even key.
    pub even: Option<StreamKey>,
    /// The odd key.
    pub odd: Option<StreamKey>,
}

/// What a peer says of keys when it cannot use them: one word, little-endian for historical reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// There is no encryption.
    Unsecured,
    /// Keys are on their way.
    Securing,
    /// All is well.
    Secured,
    /// It has no passphrase.
    NoSecret,
    /// Its passphrase is another one.
    BadSecret,
    /// It does not have the cipher.
    BadCryptoMode,
}

impl KeyState {
    const ALL: [Self; 6] =
        [Self::Unsecured, Self::Securing, Self::Secured, Self::NoSecret, Self::BadSecret, Self::BadCryptoMode];

    /// Reads the body of an answer that is a state and not a key message.
    pub fn parse(body: &[u8]) -> Option<Self> {
        let word: [u8; 4] = body.try_into().ok()?;
        Self::ALL.get(usize::try_from(u32::from_le_bytes(word)).ok()?).copied()
    }

    /// The body of an answer.
    pub fn to_bytes(self) -> [u8; 4] {
        let index = Self::ALL.iter().position(|state| *state == self).unwrap_or(0);
        (index as u32).to_le_bytes()
    }
}

/// A key message that has been checked for form, its keys still wrapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyMessage {
    which: KeyFlag,
    length: KeyLength,
    salt: Salt,
    wrapped: Vec<u8>,
}

impl KeyMessage {
    /// Reads a message.
    pub fn parse(body: &[u8]) -> Result<Self, Error> {
        let (head, rest) = body.split_first_chunk::<FIXED_LEN>().ok_or(Error::Malformed("it is too short"))?;
        let [version_type, sign1, sign0, flags, _, _, _, _, cipher, _, stream, _, _, _, salt_words, key_words] = *head;
        if version_type != VERSION_TYPE || u16::from_be_bytes([sign1, sign0]) != SIGNATURE {
            return Err(Error::Malformed("it does not begin as key messages do"));
        }
        match cipher {
            CIPHER_CTR => {}
            CIPHER_GCM => return Err(Error::Gcm),
            other => return Err(Error::UnknownCipher(other)),
        }
        if stream != STREAM_SRT || salt_words != 4 {
            return Err(Error::Malformed("its stream type or salt length is not SRT's"));
        }
        let length = KeyLength::from_bytes(usize::from(key_words) * 4).ok_or(Error::Malformed("the key length"))?;
        let which = KeyFlag::from_bits(flags.into());
        let keys = match which {
            KeyFlag::Clear => return Err(Error::Malformed("it holds no key")),
            KeyFlag::Even | KeyFlag::Odd => 1,
            KeyFlag::Both => 2,
        };
        let (salt, wrapped) = rest.split_first_chunk::<16>().ok_or(Error::Malformed("it is too short"))?;
        if wrapped.len() != WRAP_LEN + keys * length.bytes() {
            return Err(Error::Malformed("its length does not fit its keys"));
        }
        Ok(Self { which, length, salt: Salt(*salt), wrapped: wrapped.to_vec() })
    }

    /// Wraps `keys`, which all have the same length; `None` without a key.
    pub fn wrap(passphrase: &Passphrase, salt: Salt, keys: &Keys) -> Option<Self> {
        let length = keys.even.iter().chain(&keys.odd).next()?.length();
        Self::wrap_under(&WrappingKey::derive(passphrase, salt, length), keys)
    }

    /// Like [`KeyMessage::wrap`], with a wrapping key that has been derived already.
    pub fn wrap_under(kek: &WrappingKey, keys: &Keys) -> Option<Self> {
        let which = match (&keys.even, &keys.odd) {
            (Some(_), Some(_)) => KeyFlag::Both,
            (Some(_), None) => KeyFlag::Even,
            (None, Some(_)) => KeyFlag::Odd,
            (None, None) => return None,
        };
        let all = keys.even.iter().chain(&keys.odd);
        if all.clone().any(|key| key.length() != kek.length) {
            return None;
        }
        let plain: Vec<u8> = all.flat_map(StreamKey::expose).copied().collect();
        let mut wrapped = vec![0; plain.len() + WRAP_LEN];
        match kek.length {
            KeyLength::Aes128 => KwAes128::new_from_slice(kek.expose()).ok()?.wrap_key(&plain, &mut wrapped).ok()?,
            KeyLength::Aes192 => KwAes192::new_from_slice(kek.expose()).ok()?.wrap_key(&plain, &mut wrapped).ok()?,
            KeyLength::Aes256 => KwAes256::new_from_slice(kek.expose()).ok()?.wrap_key(&plain, &mut wrapped).ok()?,
        };
        Some(Self { which, length: kek.length, salt: kek.salt, wrapped })
    }

    /// Unwraps the keys. Costs about a millisecond: keep it off the path of packets.
    pub fn unwrap(&self, passphrase: &Passphrase) -> Result<Keys, Error> {
        self.unwrap_under(&WrappingKey::derive(passphrase, self.salt, self.length))
    }

    /// Like [`KeyMessage::unwrap`], with a wrapping key that has been derived already, from this message's salt.
    pub fn unwrap_under(&self, kek: &WrappingKey) -> Result<Keys, Error> {
        let mut plain = vec![0; self.wrapped.len().saturating_sub(WRAP_LEN)];
        let key = kek.expose();
        let unwrapped = match kek.length {
            KeyLength::Aes128 => {
                KwAes128::new_from_slice(key).map(|kw| kw.unwrap_key(&self.wrapped, &mut plain).is_ok())
            }
            KeyLength::Aes192 => {
                KwAes192::new_from_slice(key).map(|kw| kw.unwrap_key(&self.wrapped, &mut plain).is_ok())
            }
            KeyLength::Aes256 => {
                KwAes256::new_from_slice(key).map(|kw| kw.unwrap_key(&self.wrapped, &mut plain).is_ok())
            }
        };
        if !unwrapped.unwrap_or(false) {
            return Err(Error::WrongPassphrase);
        }
        let (first, second) = plain.split_at_checked(self.length.bytes()).ok_or(Error::WrongPassphrase)?;
        let (first, second) = (StreamKey::new(first), StreamKey::new(second));
        Ok(match self.which {
            KeyFlag::Odd => Keys { even: None, odd: first },
            _ => Keys { even: first, odd: second },
        })
    }

    /// Length of the keys.
    pub const fn length(&self) -> KeyLength {
        self.length
    }

    /// The connection's salt.
    pub const fn salt(&self) -> Salt {
        self.salt
    }

    /// The message as it goes on the wire. What was parsed comes out byte for byte.
    pub fn to_bytes(&self) -> Vec<u8> {
        let [sign1, sign0] = SIGNATURE.to_be_bytes();
        let key_words = (self.length.bytes() / 4) as u8;
        let mut out = vec![VERSION_TYPE, sign1, sign0, self.which.bits() as u8, 0, 0, 0, 0];
        out.extend_from_slice(&[CIPHER_CTR, 0, STREAM_SRT, 0, 0, 0, 4, key_words]);
        out.extend_from_slice(&self.salt.0);
        out.extend_from_slice(&self.wrapped);
        out
    }
}

/// The key that wraps keys ("KEK"): from the passphrase and the last eight bytes of the salt. It stays the same for the
/// life of a connection, since the salt does.
#[derive(Clone, PartialEq, Eq)]
pub struct WrappingKey {
    salt: Salt,
    length: KeyLength,
    bytes: [u8; 32],
}

impl WrappingKey {
    /// Derives the key: the costly part of reading a key message, about a millisecond.
    pub fn derive(passphrase: &Passphrase, salt: Salt, length: KeyLength) -> Self {
        let mut bytes = [0; 32];
        let [.., a, b, c, d, e, f, g, h] = salt.0;
        if let Some(kek) = bytes.get_mut(..length.bytes()) {
            pbkdf2::pbkdf2_hmac::<sha1::Sha1>(passphrase.expose(), &[a, b, c, d, e, f, g, h], ROUNDS, kek);
        }
        Self { salt, length, bytes }
    }

    /// Whether it is the key for `message`.
    pub fn fits(&self, message: &KeyMessage) -> bool {
        self.salt == message.salt && self.length == message.length
    }

    /// Length of the keys it wraps.
    pub const fn length(&self) -> KeyLength {
        self.length
    }

    /// The connection's salt.
    pub const fn salt(&self) -> Salt {
        self.salt
    }

    fn expose(&self) -> &[u8] {
        self.bytes.get(..self.length.bytes()).unwrap_or(&self.bytes)
    }
}

impl std::fmt::Debug for WrappingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WrappingKey({:?})", self.length)
    }
}
