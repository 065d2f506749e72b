//! The keys that what is sent is encrypted with, and when they change ("KM Refresh").

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{KeyMessage, Keys, StreamKey, WrappingKey};
use crate::entropy::Entropy;
use crate::packet::{KeyFlag, SeqNumber};
use crate::rtt::RoundTrip;

/// Most packets under one key. Protects what is sent: the number of a packet makes its key stream, and numbers come again
/// after 2^31 packets.
const MAX_UNDER_ONE_KEY: i64 = 1 << 30;
/// How often a key is announced at the pace of the round trip; then it is once a second.
const QUICK_TRIES: u32 = 10;

/// When keys change, counted in packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyRefresh {
    /// Packets under one key.
    pub every: u32,
    /// How many packets before the change the new key is made known; at most half of `every` is used.
    pub announce: u32,
}

impl Default for KeyRefresh {
    /// As the reference implementation: 2^24 and 2^12 packets.
    fn default() -> Self {
        Self { every: 1 << 24, announce: 1 << 12 }
    }
}

/// The key to come, and its way to the peer.
#[derive(Debug)]
struct Next {
    key: StreamKey,
    message: Bytes,
    again: Option<Instant>,
    tries: u32,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The peer has not answered yet.
    Asked,
    /// The peer has it.
    Taken,
    /// The peer cannot use it; asking again would not help.
    Refused,
}

/// The keys of one direction, and their change.
///
/// The reference implementation as receiver has two places for keys, and a new key takes the place of the one before the
/// active one. It also changes keys whether or not the peer has the new one. Both lose packets where the time between two
/// changes is short against the time in which packets come again. Here a new key is made known only when nothing under the
/// key that it replaces can be asked for any more, and used only when the peer has it.
#[derive(Debug)]
pub(crate) struct SendKeys {
    kek: WrappingKey,
    active: StreamKey,
    flag: KeyFlag,
    /// Position of the first packet under the active key.
    since: i64,
    next: Option<Next>,
    every: i64,
    announce: i64,
}

impl SendKeys {
    /// Begins with the keys of the handshake; `None` without one.
    pub(crate) fn new(kek: WrappingKey, keys: Keys, refresh: KeyRefresh) -> Option<Self> {
        let (active, flag) = match (keys.even, keys.odd) {
            (Some(even), _) => (even, KeyFlag::Even),
            (None, Some(odd)) => (odd, KeyFlag::Odd),
            (None, None) => return None,
        };
        let every = i64::from(refresh.every).clamp(2, MAX_UNDER_ONE_KEY);
        let announce = i64::from(refresh.announce).clamp(1, every / 2);
        Some(Self { kek, active, flag, since: 0, next: None, every, announce })
    }

    /// Encrypts the payload of the packet at `position` in place, once: what is sent again must be the same bytes. Everything
    /// before `acknowledged` will not be sent again.
    pub(crate) fn seal(
        &mut self,
        position: i64,
        acknowledged: i64,
        seq: SeqNumber,
        payload: &mut [u8],
        entropy: &mut Entropy,
    ) -> KeyFlag {
        let count = position - self.since;
        let change = |next: &mut Next| next.state == State::Taken || count >= MAX_UNDER_ONE_KEY;
        if count >= self.every
            && let Some(next) = self.next.take_if(change)
        {
            self.active = next.key;
            self.flag = if self.flag == KeyFlag::Even { KeyFlag::Odd } else { KeyFlag::Even };
            self.since = position;
        } else if self.next.is_none() && count >= self.every - self.announce && acknowledged >= self.since {
            self.next = self.make_next(entropy);
        }
        self.active.apply(&self.kek.salt(), seq, payload);
        self.flag
    }

    /// Makes the next key, and a message with both: the active one as it is, and the new one.
    fn make_next(&self, entropy: &mut Entropy) -> Option<Next> {
        let key = StreamKey::random(self.kek.length(), entropy)?;
        let (active, new) = (Some(self.active.clone()), Some(key.clone()));
        let keys = match self.flag {
            KeyFlag::Odd => Keys { even: new, odd: active },
            _ => Keys { even: active, odd: new },
        };
        let message = KeyMessage::wrap_under(&self.kek, &keys)?.to_bytes().into();
        Some(Next { key, message, again: None, tries: 0, state: State::Asked })
    }

    /// The message to send now, if any: it is repeated until it is answered.
    pub(crate) fn poll(&mut self, now: Instant, rtt: &RoundTrip) -> Option<Bytes> {
        let next = self.next.as_mut().filter(|next| next.state == State::Asked)?;
        if next.again.is_some_and(|again| now < again) {
            return None;
        }
        next.tries = next.tries.saturating_add(1);
        let slow = if next.tries < QUICK_TRIES { Duration::ZERO } else { Duration::from_secs(1) };
        next.again = Some(now + (rtt.smoothed() * 3 / 2).max(slow));
        Some(next.message.clone())
    }

    /// When to call [`SendKeys::poll`] again.
    pub(crate) fn deadline(&self, now: Instant) -> Option<Instant> {
        let next = self.next.as_ref().filter(|next| next.state == State::Asked)?;
        Some(next.again.unwrap_or(now))
    }

    /// Takes the peer's answer: the message itself, or four bytes that say why it cannot use the keys.
    pub(crate) fn answered(&mut self, body: &[u8]) {
        let Some(next) = self.next.as_mut().filter(|next| next.state == State::Asked) else { return };
        if body.len() == 4 {
            next.state = State::Refused;
        } else if next.message == body {
            next.state = State::Taken;
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a starting point for virtual time")]
mod tests {
    use super::super::{KeyLength, Passphrase, Salt};
    use super::*;

    fn keys(every: u32, announce: u32) -> (SendKeys, Entropy) {
        let passphrase = Passphrase::new("correct-horse").unwrap();
        let kek = WrappingKey::derive(&passphrase, Salt([5; 16]), KeyLength::Aes128);
        let even = StreamKey::new(&[1; 16]);
        (SendKeys::new(kek, Keys { even, odd: None }, KeyRefresh { every, announce }).unwrap(), Entropy::new([1; 32]))
    }

    #[test]
    fn a_key_is_used_only_when_the_peer_has_it() {
        let (mut keys, mut entropy) = keys(60, 20);
        let (mut now, rtt) = (Instant::now(), RoundTrip::new());
        let mut seal = |keys: &mut SendKeys, position: i64, acknowledged: i64| {
            let seq = SeqNumber::new(position as u32);
            keys.seal(position, acknowledged, seq, &mut [0; 10], &mut entropy)
        };
        let mut asked = 0;
        for position in 0..100 {
            assert_eq!(seal(&mut keys, position, position), KeyFlag::Even, "{position}");
            asked += usize::from(keys.poll(now, &rtt).is_some());
            assert_eq!(asked > 0, position >= 40, "{position}");
            now += Duration::from_millis(10);
        }
        assert!((3..=6).contains(&asked), "asked {asked} times");
        let message = keys.next.as_ref().unwrap().message.clone();
        keys.answered(b"another answer");
        assert_eq!(seal(&mut keys, 100, 100), KeyFlag::Even);
        keys.answered(&message);
        assert_eq!((seal(&mut keys, 101, 101), keys.deadline(now)), (KeyFlag::Odd, None));
    }

    #[test]
    fn a_key_is_not_replaced_while_packets_under_it_may_come_again() {
        let (mut keys, mut entropy) = keys(60, 20);
        let (now, rtt) = (Instant::now(), RoundTrip::new());
        let mut seal = |keys: &mut SendKeys, position: i64, acknowledged: i64| {
            let seq = SeqNumber::new(position as u32);
            keys.seal(position, acknowledged, seq, &mut [0; 10], &mut entropy)
        };
        for position in 0..300 {
            // Packet 50 is lost again and again.
            let flag = seal(&mut keys, position, position.min(50));
            assert_eq!(flag, if position < 60 { KeyFlag::Even } else { KeyFlag::Odd });
            if let Some(message) = keys.poll(now, &rtt) {
                assert_eq!(position, 40);
                keys.answered(&message);
            }
        }
        seal(&mut keys, 300, 300);
        assert!(keys.poll(now, &rtt).is_some());
    }

    #[test]
    fn a_peer_that_cannot_use_new_keys_keeps_the_old_one() {
        let (mut keys, mut entropy) = keys(60, 20);
        let (now, rtt) = (Instant::now(), RoundTrip::new());
        for position in 0..200 {
            let seq = SeqNumber::new(position as u32);
            assert_eq!(keys.seal(position, position, seq, &mut [0; 10], &mut entropy), KeyFlag::Even);
            if keys.poll(now, &rtt).is_some() {
                keys.answered(&[4, 0, 0, 0]);
            }
        }
        assert_eq!(keys.deadline(now), None);
    }
}
