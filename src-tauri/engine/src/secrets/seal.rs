//! Sealing a text with a key: ChaCha20-Poly1305 (RFC 8439) of *ring*, which TLS brings along. A new random nonce each time;
//! one file that is rewritten now and then is far from the number of nonces at which two might meet.

use std::io;

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use weir_media::Secret;

/// The length of a key in bytes.
pub(super) const KEY_LEN: usize = 32;

/// A key that seals.
pub(super) type Key = Secret<[u8; KEY_LEN]>;

/// What is sealed: mixed in, so that nothing else sealed with the same key can be put in its place.
const PURPOSE: &[u8] = b"weir secrets 2";

/// A new key from the operating system's randomness.
pub(super) fn new_key() -> io::Result<Key> {
    let mut key = [0; KEY_LEN];
    getrandom::fill(&mut key).map_err(io::Error::other)?;
    Ok(Secret::new(key))
}

pub(super) fn seal(key: &Key, plain: &Secret<String>) -> io::Result<Vec<u8>> {
    let mut nonce = [0; NONCE_LEN];
    getrandom::fill(&mut nonce).map_err(io::Error::other)?;
    let mut sealed = plain.expose().clone().into_bytes();
    let key = cipher(key).ok_or_else(|| io::Error::other("the key cannot be used"))?;
    let nonce_of = Nonce::assume_unique_for_key(nonce);
    key.seal_in_place_append_tag(nonce_of, Aad::from(PURPOSE), &mut sealed)
        .map_err(|_| io::Error::other("the text cannot be sealed"))?;
    Ok([nonce.as_slice(), &sealed].concat())
}

/// What was sealed with this key; `None` when it was another one, or a single bit is another.
pub(super) fn open(key: &Key, sealed: &[u8]) -> Option<Secret<String>> {
    let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut sealed = sealed.to_vec();
    let plain = cipher(key)?.open_in_place(nonce, Aad::from(PURPOSE), &mut sealed).ok()?;
    String::from_utf8(plain.to_vec()).ok().map(Secret::new)
}

fn cipher(key: &Key) -> Option<LessSafeKey> {
    UnboundKey::new(&CHACHA20_POLY1305, key.expose()).ok().map(LessSafeKey::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_key_opens_and_only_what_was_sealed() {
        let (key, other) = (new_key().unwrap(), new_key().unwrap());
        let plain = Secret::new("canary".to_owned());
        let sealed = seal(&key, &plain).unwrap();
        assert_eq!(open(&key, &sealed), Some(plain.clone()));
        assert_eq!(open(&other, &sealed), None);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(open(&key, &changed), None);
        }
        assert_eq!(open(&key, &sealed[..5]), None);
        assert_ne!(seal(&key, &plain).unwrap(), sealed, "a nonce is used once");
    }
}
