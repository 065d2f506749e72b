//! One player's books: what arrived, when, and whether it is what was sent.

use crate::histogram::Histogram;
use crate::media::{self, Class, Pool, Stamp};
use crate::wire::chunk::{Header, Sink};

/// How a player reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// As fast as bytes arrive.
    Free,
    /// Stops for good once media runs.
    Stalled,
    /// This many bytes a second.
    Limited(u64),
}

/// Moments and counts of one player. Times are nanoseconds on the generator's clock.
#[derive(Debug, Default)]
pub(crate) struct Player {
    pub(crate) connecting: u64,
    pub(crate) greeted: Option<u64>,
    pub(crate) live: Option<u64>,
    pub(crate) first_key: Option<u64>,
    /// Frames sent and received within the window.
    pub(crate) in_window: u64,
    /// Frames that never came although a later one did.
    pub(crate) missing: u64,
    /// Frames that came twice or too late.
    pub(crate) disordered: u64,
    /// Messages whose bytes are not those that were sent.
    pub(crate) corrupt: u64,
    /// Times the distance between the sent and the received timestamp changed.
    pub(crate) shifts: u64,
    next: Option<u64>,
    shift: Option<u32>,
    head: Head,
    current: Option<Stamp>,
    damaged: bool,
}

impl Player {
    pub(crate) fn new(connecting: u64) -> Self {
        Self { connecting, ..Self::default() }
    }
}

#[derive(Debug)]
struct Head([u8; Stamp::REACH]);

impl Default for Head {
    fn default() -> Self {
        Self([0; Stamp::REACH])
    }
}

/// What all players count together.
pub(crate) struct Meter {
    pub(crate) pool: Pool,
    /// Only frames sent in this span count towards latency.
    pub(crate) window: std::ops::Range<u64>,
    pub(crate) latency: Histogram,
    /// Bytes of audio and video messages received so far.
    pub(crate) media_bytes: u64,
}

/// A player that has just read bytes.
pub(crate) struct Watch<'a> {
    pub(crate) player: &'a mut Player,
    pub(crate) meter: &'a mut Meter,
    /// When `read` returned.
    pub(crate) now: u64,
}

impl Sink for Watch<'_> {
    fn piece(&mut self, header: &Header, offset: u32, bytes: &[u8]) {
        self.meter.media_bytes += bytes.len() as u64;
        let (player, start) = (&mut *self.player, offset as usize);
        if start == 0 {
            player.current = None;
            player.damaged = false;
        }
        let mut rest = bytes;
        let mut at = start;
        let reach = media::head_len(header.kind) + Stamp::LEN;
        if at < reach {
            let (head, tail) = rest.split_at(rest.len().min(reach - at));
            player.head.0[at..at + head.len()].copy_from_slice(head);
            (at, rest) = (at + head.len(), tail);
            if at == reach {
                player.current = Stamp::decode(header.kind, &player.head.0[..reach]);
            }
        }
        if let Some(stamp) = player.current
            && !rest.is_empty()
        {
            player.damaged |= self.meter.pool.slice(stamp.sequence, at, rest.len()) != rest;
        }
        if start + bytes.len() == header.length as usize {
            self.whole(header);
        }
    }
}

impl Watch<'_> {
    fn whole(&mut self, header: &Header) {
        let player = &mut *self.player;
        let class = media::classify(header.kind, &player.head.0[..(header.length as usize).min(Stamp::REACH)]);
        let stamp = match (class, player.current) {
            (Class::Config, _) => return,
            (_, Some(stamp)) if !player.damaged => stamp,
            _ => {
                player.corrupt += 1;
                return;
            }
        };
        if class == Class::Key && player.first_key.is_none() {
            player.first_key = Some(self.now);
            player.next = Some(stamp.sequence);
        }
        let Some(next) = player.next else { return };
        if stamp.sequence < next {
            player.disordered += 1;
            return;
        }
        player.missing += stamp.sequence - next;
        player.next = Some(stamp.sequence + 1);
        let shift = header.timestamp.wrapping_sub(stamp.dts);
        if player.shift.replace(shift).is_some_and(|before| before != shift) {
            player.shifts += 1;
        }
        if self.meter.window.contains(&stamp.sent) {
            player.in_window += 1;
            self.meter.latency.record(self.now.saturating_sub(stamp.sent) / 1000);
        }
    }
}
