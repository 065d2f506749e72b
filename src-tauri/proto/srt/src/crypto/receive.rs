//! The keys that open what arrives.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{Error, KeyMessage, Keys, Passphrase, StreamKey, WrappingKey};
use crate::packet::{KeyFlag, SeqNumber};

/// How often a peer may change its salt, which costs a millisecond of key derivation each time. Protects the processor.
const DERIVATION_INTERVAL: Duration = Duration::from_secs(1);

/// What becomes of a payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Open {
    /// It can be read.
    Plain(Bytes),
    /// Its key has not come yet; it may still.
    NoKey(Bytes),
    /// No key can open it: it is encrypted on a connection that is not, or the other way round.
    Never,
}

/// One of the two places for keys. Even and odd keys take turns, so between two runs of packets under one place there is a
/// run under the other: any packet of that run tells which key a late packet belongs to.
#[derive(Debug, Clone, Default)]
struct Slot {
    current: Option<StreamKey>,
    /// The newest packet under the current key.
    used: Option<SeqNumber>,
    /// A packet under the other place's key that came after the current key was used: later packets under this place are
    /// under a key that has yet to come.
    stale: Option<SeqNumber>,
    /// The key before, and a packet after its last: packets under it may still be on their way again when the next key
    /// has come.
    previous: Option<(StreamKey, SeqNumber)>,
}

impl Slot {
    fn new(current: Option<StreamKey>) -> Self {
        Self { current, ..Self::default() }
    }

    fn install(&mut self, key: StreamKey, highest: SeqNumber) {
        if self.current.as_ref() != Some(&key) {
            let before = self.stale.unwrap_or(highest);
            let previous = self.current.replace(key).map(|old| (old, before));
            (self.previous, self.used, self.stale) = (previous, None, None);
        }
    }

    /// The other place's key was used for `seq`.
    const fn passed_over(&mut self, seq: SeqNumber) {
        if let Some(used) = self.used
            && self.stale.is_none()
            && seq.is_after(used)
        {
            self.stale = Some(seq);
        }
    }

    fn key(&mut self, seq: SeqNumber) -> Option<&StreamKey> {
        match &self.previous {
            Some((key, before)) if !seq.is_after(*before) => return Some(key),
            _ => {}
        }
        if self.stale.is_some_and(|stale| seq.is_after(stale)) {
            return None;
        }
        if self.used.is_none_or(|used| seq.is_after(used)) {
            self.used = Some(seq);
        }
        self.current.as_ref()
    }
}

/// The keys of one direction, and what is needed to read new ones.
#[derive(Debug, Clone)]
pub(crate) struct ReceiveKeys {
    passphrase: Passphrase,
    kek: WrappingKey,
    even: Slot,
    odd: Slot,
    derived: Option<Instant>,
}

impl ReceiveKeys {
    pub(crate) fn new(passphrase: Passphrase, kek: WrappingKey, keys: Keys) -> Self {
        Self { passphrase, kek, even: Slot::new(keys.even), odd: Slot::new(keys.odd), derived: None }
    }

    /// Takes the keys of a message that came when `highest` was the newest packet.
    pub(crate) fn take(&mut self, now: Instant, message: &KeyMessage, highest: SeqNumber) -> Result<(), Error> {
        let keys = if self.kek.fits(message) {
            message.unwrap_under(&self.kek)?
        } else {
            if self.derived.is_some_and(|last| now.saturating_duration_since(last) < DERIVATION_INTERVAL) {
                return Err(Error::Malformed("its salt changes too often"));
            }
            self.derived = Some(now);
            let kek = WrappingKey::derive(&self.passphrase, message.salt(), message.length());
            let keys = message.unwrap_under(&kek)?;
            self.kek = kek;
            keys
        };
        for (slot, key) in [(&mut self.even, keys.even), (&mut self.odd, keys.odd)] {
            if let Some(key) = key {
                slot.install(key, highest);
            }
        }
        Ok(())
    }

    /// Opens a payload.
    pub(crate) fn open(&mut self, seq: SeqNumber, flag: KeyFlag, payload: Bytes) -> Open {
        let (slot, other) = match flag {
            KeyFlag::Even => (&mut self.even, &mut self.odd),
            KeyFlag::Odd => (&mut self.odd, &mut self.even),
            KeyFlag::Clear | KeyFlag::Both => return Open::Never,
        };
        other.passed_over(seq);
        let Some(key) = slot.key(seq) else { return Open::NoKey(payload) };
        // The payload is not shared, so this takes it over without a copy.
        let mut plain = payload.try_into_mut().unwrap_or_else(|shared| shared.as_ref().into());
        key.apply(&self.kek.salt(), seq, &mut plain);
        Open::Plain(plain.freeze())
    }
}
