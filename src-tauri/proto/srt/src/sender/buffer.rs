//! What has been sent, or will be, until it is acknowledged.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;

use crate::packet::HEADER_LEN;

/// A packet as it was first sent: sent again it must be the same bytes under the same key, even after the key changed.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) datagram: Bytes,
    pub(super) queued: Instant,
    /// When it was last sent.
    pub(super) sent: Option<Instant>,
    /// How often it was sent.
    pub(super) times: u32,
}

impl Sent {
    /// Bytes of the payload.
    pub(super) fn len(&self) -> usize {
        self.datagram.len().saturating_sub(HEADER_LEN)
    }
}

/// A window of packets that begins with the first one not acknowledged.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    packets: VecDeque<Sent>,
    base: i64,
    bytes: usize,
}

impl Buffer {
    pub(super) const fn base(&self) -> i64 {
        self.base
    }

    pub(super) fn end(&self) -> i64 {
        self.base.saturating_add_unsigned(self.packets.len() as u64)
    }

    pub(super) fn len(&self) -> usize {
        self.packets.len()
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn push(&mut self, packet: Sent) {
        self.bytes += packet.len();
        self.packets.push_back(packet);
    }

    pub(super) fn front(&self) -> Option<&Sent> {
        self.packets.front()
    }

    pub(super) fn pop(&mut self) -> Option<Sent> {
        let packet = self.packets.pop_front()?;
        self.base = self.base.saturating_add(1);
        self.bytes -= packet.len();
        Some(packet)
    }

    fn offset(&self, position: i64) -> Option<usize> {
        usize::try_from(position.checked_sub(self.base)?).ok()
    }

    pub(super) fn at(&self, position: i64) -> Option<&Sent> {
        self.packets.get(self.offset(position)?)
    }

    pub(super) fn at_mut(&mut self, position: i64) -> Option<&mut Sent> {
        let offset = self.offset(position)?;
        self.packets.get_mut(offset)
    }
}
