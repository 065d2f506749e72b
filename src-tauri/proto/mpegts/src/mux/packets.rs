//! Cutting sections and PES packets into transport packets (ISO/IEC 13818-1, 2.4.3).

use std::collections::HashMap;

use bytes::{BufMut, BytesMut};

use crate::packet::{PACKET_LEN, Pid, SYNC_BYTE};

/// Bytes of a packet behind its header.
const ROOM: usize = PACKET_LEN - 4;

/// The head of a PES packet.
#[derive(Debug, Clone, Copy)]
pub(super) struct PesHead {
    pub(super) stream_id: u8,
    pub(super) pts: u64,
    pub(super) dts: Option<u64>,
    /// Its length is told; else it ends where the next one begins.
    pub(super) bounded: bool,
}

/// What the first transport packet of a PES packet says beside it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    /// The clock reference, on the stream that has it.
    pub(super) clock: Option<u64>,
    /// A key frame begins.
    pub(super) key: bool,
    /// Time has jumped (`discontinuity_indicator`).
    pub(super) broken: bool,
}

impl PesHead {
    fn write(&self, payload_len: usize) -> Vec<u8> {
        let times_len = if self.dts.is_some() { 10 } else { 5 };
        let len = match u16::try_from(3 + times_len + payload_len) {
            Ok(len) if self.bounded => len,
            _ => 0,
        };
        let mut out = vec![0, 0, 1, self.stream_id];
        out.extend_from_slice(&len.to_be_bytes());
        // Marker bits and data_alignment_indicator: a frame begins right here.
        out.extend_from_slice(&[0x84, if self.dts.is_some() { 0xC0 } else { 0x80 }, times_len as u8]);
        out.extend_from_slice(&time(if self.dts.is_some() { 3 } else { 2 }, self.pts));
        if let Some(dts) = self.dts {
            out.extend_from_slice(&time(1, dts));
        }
        out
    }
}

/// 33 bits in five bytes, with the prefix and marker bits (table 2-21).
fn time(prefix: u8, ticks: u64) -> [u8; 5] {
    [
        prefix << 4 | (ticks >> 29 & 0x0E) as u8 | 1,
        (ticks >> 22) as u8,
        (ticks >> 14 & 0xFE) as u8 | 1,
        (ticks >> 7) as u8,
        (ticks << 1 & 0xFE) as u8 | 1,
    ]
}

/// Writes packets, counting them by identifier.
#[derive(Debug, Default)]
pub(super) struct Packetizer {
    counters: HashMap<Pid, u8>,
}

impl Packetizer {
    pub(super) fn write_section(&mut self, pid: Pid, section: &[u8], out: &mut BytesMut) {
        let mut rest = section;
        let mut first = true;
        while first || !rest.is_empty() {
            self.header(pid, first, false, out);
            let mut room = ROOM;
            if std::mem::take(&mut first) {
                out.put_u8(0);
                room -= 1;
            }
            let (now, later) = rest.split_at(rest.len().min(room));
            out.put_slice(now);
            // What follows a section is stuffing.
            out.put_bytes(0xFF, room - now.len());
            rest = later;
        }
    }

    /// A PES packet; its first transport packet bears the mark.
    pub(super) fn write_pes(&mut self, pid: Pid, head: &PesHead, payload: &[u8], mark: Mark, out: &mut BytesMut) {
        let Mark { clock, key, broken } = mark;
        let head = head.write(payload.len());
        let (mut head, mut rest) = (head.as_slice(), payload);
        let mut first = true;
        while first || !rest.is_empty() {
            let mut field = Vec::new();
            if first && (clock.is_some() || key || broken) {
                field.push(u8::from(broken) << 7 | u8::from(key) << 6 | u8::from(clock.is_some()) << 4);
                if let Some(clock) = clock {
                    // 33 bits of 90 kHz, six reserved bits, nine bits of 27 MHz that are zero.
                    field.extend_from_slice(&(clock << 15 | 0x7E00).to_be_bytes()[2..]);
                }
            }
            let wanted = head.len() + rest.len();
            let used = if field.is_empty() { 0 } else { 1 + field.len() };
            let stuffing = (ROOM - used).saturating_sub(wanted);
            let has_field = used > 0 || stuffing > 0;
            self.header(pid, first, has_field, out);
            if has_field {
                // The length byte counts itself out; a field of one byte is its length alone.
                let len = used.max(1) - 1 + if used > 0 { stuffing } else { stuffing - 1 };
                out.put_u8(len as u8);
                if len > 0 {
                    if field.is_empty() {
                        field.push(0);
                    }
                    out.put_slice(&field);
                    out.put_bytes(0xFF, len - field.len());
                }
            }
            let room = ROOM - used - stuffing;
            out.put_slice(head);
            let (now, later) = rest.split_at(rest.len().min(room - head.len()));
            out.put_slice(now);
            (head, rest, first) = (&[], later, false);
        }
    }

    fn header(&mut self, pid: Pid, unit_start: bool, has_field: bool, out: &mut BytesMut) {
        let counter = self.counters.entry(pid).or_insert(0x0F);
        *counter = (*counter + 1) & 0x0F;
        let [high, low] = pid.0.to_be_bytes();
        out.put_slice(&[
            SYNC_BYTE,
            u8::from(unit_start) << 6 | high & 0x1F,
            low,
            0x10 | u8::from(has_field) << 5 | *counter,
        ]);
    }
}
