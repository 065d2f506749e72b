//! The keys that open what arrives.

use std::time::{Duration, Instant};

use super::{Error, KeyMessage, Keys, Passphrase, StreamKey, WrappingKey};
use crate::packet::{KeyFlag, SeqNumber};

/// How often a peer may change its salt, which costs a millisecond of key derivation each time. Protects the processor.
const DERIVATION_INTERVAL: Duration = Duration::from_secs(1);

/// What becomes of a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Open {
    /// It can be read now.
    Plain,
    /// Its key has not come yet; it may still.
    NoKey,
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

    /// Opens a payload in place.
    pub(crate) fn open(&mut self, seq: SeqNumber, flag: KeyFlag, payload: &mut [u8]) -> Open {
        let (slot, other) = match flag {
            KeyFlag::Even => (&mut self.even, &mut self.odd),
            KeyFlag::Odd => (&mut self.odd, &mut self.even),
            KeyFlag::Clear | KeyFlag::Both => return Open::Never,
        };
        other.passed_over(seq);
        let Some(key) = slot.key(seq) else { return Open::NoKey };
        key.apply(&self.kek.salt(), seq, payload);
        Open::Plain
    }

    /// Opens a payload whose key has not come in time with the key that its place held before. libsrt that was kept from
    /// running for long changes keys without making new ones, so this may be right.
    pub(crate) fn open_anyway(&mut self, seq: SeqNumber, flag: KeyFlag, payload: &mut [u8]) -> Open {
        match flag {
            KeyFlag::Even => self.even.stale = None,
            KeyFlag::Odd => self.odd.stale = None,
            KeyFlag::Clear | KeyFlag::Both => {}
        }
        self.open(seq, flag, payload)
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a starting point for virtual time")]
mod tests {
    use super::super::{KeyLength, Salt};
    use super::*;

    const PLAIN: [u8; 32] = [7; 32];

    fn key(byte: u8) -> StreamKey {
        StreamKey::new(&[byte; 16]).unwrap()
    }

    /// Keys of which only the even one, 1, is known yet, and a closure that opens what another key has sealed.
    fn receive() -> (ReceiveKeys, impl Fn(&mut ReceiveKeys, u32, u8) -> Option<bool>) {
        let passphrase = Passphrase::new("correct-horse").unwrap();
        let kek = WrappingKey::derive(&passphrase, Salt([5; 16]), KeyLength::Aes128);
        let keys = ReceiveKeys::new(passphrase, kek, Keys { even: Some(key(1)), odd: None });
        let open = |keys: &mut ReceiveKeys, seq: u32, byte: u8| {
            let mut sealed = PLAIN;
            key(byte).apply(&Salt([5; 16]), SeqNumber::new(seq), &mut sealed);
            let flag = if byte % 2 == 1 { KeyFlag::Even } else { KeyFlag::Odd };
            match keys.open(SeqNumber::new(seq), flag, &mut sealed) {
                Open::Plain => Some(sealed == PLAIN),
                Open::NoKey => None,
                Open::Never => Some(false),
            }
        };
        (keys, open)
    }

    fn announce(keys: &mut ReceiveKeys, even: u8, odd: u8, highest: u32) {
        let message = KeyMessage::wrap_under(&keys.kek, &Keys { even: Some(key(even)), odd: Some(key(odd)) }).unwrap();
        keys.take(Instant::now(), &message, SeqNumber::new(highest)).unwrap();
    }

    #[test]
    fn late_packets_are_opened_with_the_key_of_their_time() {
        let (mut keys, open) = receive();
        assert_eq!(open(&mut keys, 10, 1), Some(true));
        assert_eq!(open(&mut keys, 60, 2), None, "the odd key has not come");
        announce(&mut keys, 1, 2, 60);
        assert_eq!((open(&mut keys, 60, 2), open(&mut keys, 11, 1)), (Some(true), Some(true)));
        announce(&mut keys, 3, 2, 100);
        assert_eq!(open(&mut keys, 12, 1), Some(true), "a late packet of the first run");
        assert_eq!(open(&mut keys, 120, 3), Some(true));
        assert_eq!(open(&mut keys, 115, 2), Some(true), "a late packet of the second run");
        assert_eq!(open(&mut keys, 121, 3), Some(true));
        // The announcement of key 4 is lost, and comes when packets under it have come.
        assert_eq!(open(&mut keys, 180, 4), None);
        announce(&mut keys, 3, 4, 185);
        assert_eq!((open(&mut keys, 180, 4), open(&mut keys, 119, 2)), (Some(true), Some(true)));
    }

    #[test]
    fn a_peer_that_uses_a_key_again_is_understood_in_the_end() {
        let (mut keys, open) = receive();
        announce(&mut keys, 1, 2, 10);
        assert_eq!((open(&mut keys, 10, 1), open(&mut keys, 60, 2)), (Some(true), Some(true)));
        assert_eq!(open(&mut keys, 120, 1), None);
        let mut sealed = PLAIN;
        key(1).apply(&Salt([5; 16]), SeqNumber::new(120), &mut sealed);
        let opened = keys.open_anyway(SeqNumber::new(120), KeyFlag::Even, &mut sealed);
        assert_eq!((opened, sealed), (Open::Plain, PLAIN));
        assert_eq!(open(&mut keys, 121, 1), Some(true));
    }
}
