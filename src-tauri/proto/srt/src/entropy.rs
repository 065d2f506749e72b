//! Random bytes from a seed: randomness is an argument here, handed over once.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// Random bytes for keys, salts, socket ids and sequence numbers: HMAC-SHA-256 of a counter under a seed.
pub struct Entropy {
    seed: [u8; 32],
    counter: u64,
}

impl Entropy {
    /// From a seed, which must come from the operating system's generator and be used once.
    pub const fn new(seed: [u8; 32]) -> Self {
        Self { seed, counter: 0 }
    }

    fn block(&mut self) -> [u8; 32] {
        self.counter = self.counter.wrapping_add(1);
        keyed(&self.seed, &[&self.counter.to_be_bytes()])
    }

    /// Fills `out`.
    pub(crate) fn fill(&mut self, out: &mut [u8]) {
        for chunk in out.chunks_mut(32) {
            chunk.iter_mut().zip(self.block()).for_each(|(byte, random)| *byte = random);
        }
    }

    /// A random word.
    pub(crate) fn word(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.fill(&mut bytes);
        u32::from_be_bytes(bytes)
    }

    /// Another source, independent of this one.
    pub(crate) fn fork(&mut self) -> Self {
        Self::new(self.block())
    }

    /// Thirty-two random bytes.
    pub(crate) fn secret(&mut self) -> [u8; 32] {
        self.block()
    }
}

impl fmt::Debug for Entropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entropy")
    }
}

/// HMAC-SHA-256 of the parts, one after the other.
pub(crate) fn keyed(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    // A key of any length is taken, so this cannot fail.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}
