//! The keys that what is sent is encrypted with, and when they change ("KM Refresh").

use std::time::Instant;

use bytes::{Bytes, BytesMut};

use super::{KeyMessage, Keys, StreamKey, WrappingKey};
use crate::entropy::Entropy;
use crate::packet::{KeyFlag, SeqNumber};
use crate::rtt::RoundTrip;

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

/// A key message on its way to the peer.
#[derive(Debug)]
struct Announcement {
    message: Bytes,
    again: Option<Instant>,
}

/// The keys of one direction, and their change.
#[derive(Debug)]
pub(crate) struct SendKeys {
    kek: WrappingKey,
    active: StreamKey,
    flag: KeyFlag,
    next: Option<StreamKey>,
    refresh: KeyRefresh,
    /// Packets under the active key.
    count: u32,
    announcement: Option<Announcement>,
}

impl SendKeys {
    /// Begins with the keys of the handshake; `None` without one.
    pub(crate) fn new(kek: WrappingKey, keys: Keys, refresh: KeyRefresh) -> Option<Self> {
        let (active, flag) = match (keys.even, keys.odd) {
            (Some(even), _) => (even, KeyFlag::Even),
            (None, Some(odd)) => (odd, KeyFlag::Odd),
            (None, None) => return None,
        };
        let refresh =
            KeyRefresh { every: refresh.every.max(2), announce: refresh.announce.clamp(1, refresh.every.max(2) / 2) };
        Some(Self { kek, active, flag, next: None, refresh, count: 0, announcement: None })
    }

    /// Encrypts one payload. Once for each packet: what is sent again must be the same bytes.
    pub(crate) fn seal(&mut self, seq: SeqNumber, payload: &[u8], entropy: &mut Entropy) -> (KeyFlag, Bytes) {
        if self.count >= self.refresh.every
            && let Some(next) = self.next.take()
        {
            self.active = next;
            self.flag = if self.flag == KeyFlag::Even { KeyFlag::Odd } else { KeyFlag::Even };
            self.count = 0;
        }
        let mut sealed = BytesMut::from(payload);
        self.active.apply(&self.kek.salt(), seq, &mut sealed);
        self.count = self.count.saturating_add(1);
        if self.next.is_none() && self.count >= self.refresh.every - self.refresh.announce {
            self.announce(entropy);
        }
        (self.flag, sealed.freeze())
    }

    /// Makes the next key, and a message with both: the active one as it is, and the new one.
    fn announce(&mut self, entropy: &mut Entropy) {
        let Some(next) = StreamKey::random(self.kek.length(), entropy) else { return };
        let (active, new) = (Some(self.active.clone()), Some(next.clone()));
        let keys = match self.flag {
            KeyFlag::Odd => Keys { even: new, odd: active },
            _ => Keys { even: active, odd: new },
        };
        let Some(message) = KeyMessage::wrap_under(&self.kek, &keys) else { return };
        self.next = Some(next);
        self.announcement = Some(Announcement { message: message.to_bytes().into(), again: None });
    }

    /// The message to send now, if any: it is repeated until it is answered.
    pub(crate) fn poll(&mut self, now: Instant, rtt: &RoundTrip) -> Option<Bytes> {
        let announcement = self.announcement.as_mut()?;
        if announcement.again.is_some_and(|again| now < again) {
            return None;
        }
        announcement.again = Some(now + rtt.smoothed() * 3 / 2);
        Some(announcement.message.clone())
    }

    /// When to call [`SendKeys::poll`] again.
    pub(crate) fn deadline(&self, now: Instant) -> Option<Instant> {
        self.announcement.as_ref().map(|announcement| announcement.again.unwrap_or(now))
    }

    /// Takes the peer's answer.
    pub(crate) fn answered(&mut self, body: &[u8]) {
        // An answer of four bytes says that the peer cannot use the keys; repeating them would not help.
        if body.len() == 4 || self.announcement.as_ref().is_some_and(|announcement| announcement.message == body) {
            self.announcement = None;
        }
    }
}
