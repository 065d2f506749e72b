//! Finding packets in bytes that may begin, end or be damaged anywhere.

use bytes::{Buf, BytesMut};

use crate::packet::{PACKET_LEN, SYNC_BYTE};

/// Packets that must follow one another before a sync byte is believed after garbage.
const CONFIRM: usize = 3;

/// Cuts bytes into packets.
#[derive(Debug, Default)]
pub(crate) struct Framing {
    buffer: BytesMut,
    synced: bool,
    /// Bytes passed over because they belonged to no packet.
    pub(crate) skipped: u64,
}

impl Framing {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Bytes are missing here: what has begun ends elsewhere than it says.
    pub(crate) fn lose(&mut self) {
        if !self.buffer.is_empty() {
            self.skip(self.buffer.len());
            self.synced = false;
        }
    }

    /// The next packet, once it is whole.
    pub(crate) fn next_packet(&mut self) -> Option<[u8; PACKET_LEN]> {
        if self.buffer.len() < PACKET_LEN {
            return None;
        }
        if self.buffer.first() != Some(&SYNC_BYTE) {
            self.synced = false;
        }
        if !self.synced && !self.find_sync() {
            return None;
        }
        let packet = self.buffer.first_chunk::<PACKET_LEN>().copied()?;
        self.buffer.advance(PACKET_LEN);
        Some(packet)
    }

    /// Moves to the first place where sync bytes stand at packet distance. At the start of a stream, where nothing was lost
    /// yet, fewer than [`CONFIRM`] packets are enough if there are no more.
    fn find_sync(&mut self) -> bool {
        let mut at = 0;
        while let Some(found) = self.buffer.iter().skip(at).position(|byte| *byte == SYNC_BYTE) {
            at += found;
            let checks = (1..CONFIRM).map(|step| self.buffer.get(at + step * PACKET_LEN));
            let mut known = checks.flatten();
            let confirmed = known.clone().count() + 1;
            if known.all(|byte| *byte == SYNC_BYTE) {
                let enough = confirmed == CONFIRM || at == 0 && self.skipped == 0;
                self.skip(at);
                self.synced = enough;
                return enough;
            }
            at += 1;
        }
        let rest = self.buffer.len();
        self.skip(rest);
        false
    }

    fn skip(&mut self, count: usize) {
        self.buffer.advance(count);
        self.skipped += count as u64;
    }
}
