//! Program specific information: sections, PAT and PMT (ISO/IEC 13818-1, 2.4.4).

use crate::descriptor::{Descriptor, descriptors};
use crate::packet::Pid;

/// Longest section: 12 bits of length and the 3 bytes before it. Protects memory.
const MAX_SECTION: usize = 4096 + 3;
/// Programs that are followed: protects memory from a hostile table.
pub(crate) const MAX_PROGRAMS: usize = 16;
/// Elementary streams of one program that are followed.
pub(crate) const MAX_STREAMS: usize = 64;

/// CRC-32/MPEG-2: polynomial 04C11DB7, all ones at first, not reflected (2.4.4, annex A).
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte) << 24, |crc, _| {
            if crc & 0x8000_0000 == 0 { crc << 1 } else { crc << 1 ^ 0x04C1_1DB7 }
        })
    })
}

/// Puts sections together that packets carry in pieces.
#[derive(Debug, Default)]
pub(crate) struct SectionReader {
    buffer: Vec<u8>,
    /// A section has begun; bytes without one are the tail of something missed.
    started: bool,
}

impl SectionReader {
    /// Forgets a section that can no longer be completed.
    pub(crate) fn reset(&mut self) {
        self.buffer.clear();
        self.started = false;
    }

    /// Adds a packet's payload; calls `whole` with each section that is complete.
    pub(crate) fn push(&mut self, payload: &[u8], unit_start: bool, mut whole: impl FnMut(&[u8])) {
        if !unit_start {
            if self.started {
                self.append(payload, &mut whole);
            }
            return;
        }
        let Some((pointer, rest)) = payload.split_first() else { return };
        let Some((tail, fresh)) = rest.split_at_checked(usize::from(*pointer)) else { return self.reset() };
        if self.started {
            self.append(tail, &mut whole);
        }
        self.reset();
        self.started = true;
        self.append(fresh, &mut whole);
    }

    fn append(&mut self, bytes: &[u8], whole: &mut impl FnMut(&[u8])) {
        self.buffer.extend_from_slice(bytes);
        while let &[table, high, low, ..] = self.buffer.as_slice() {
            if table == 0xFF {
                self.reset();
                break;
            }
            let len = 3 + usize::from(u16::from_be_bytes([high & 0x0F, low]));
            if self.buffer.len() < len {
                break;
            }
            let rest = self.buffer.split_off(len);
            let section = std::mem::replace(&mut self.buffer, rest);
            whole(&section);
        }
        if self.buffer.len() > MAX_SECTION {
            self.reset();
        }
    }
}

/// The content of a section with the long header: what follows the section numbers, without the checksum. `None` when it is
/// damaged, not of this table, or not in force yet.
fn table_content(section: &[u8], table: u8) -> Option<(u16, &[u8])> {
    let &[id, _, _, ext_high, ext_low, version, _, _, ..] = section else { return None };
    if id != table || version & 1 == 0 || crc32(section) != 0 {
        return None;
    }
    let content = section.get(8..section.len().checked_sub(4)?)?;
    Some((u16::from_be_bytes([ext_high, ext_low]), content))
}

/// A program association table: which packets carry the map of each program.
pub(crate) fn parse_pat(section: &[u8]) -> Option<Vec<(u16, Pid)>> {
    let (_, content) = table_content(section, 0)?;
    let entries = content.chunks_exact(4).filter_map(|entry| {
        let &[n1, n0, p1, p0] = entry else { return None };
        let program = u16::from_be_bytes([n1, n0]);
        // Program 0 points to network information.
        (program != 0).then_some((program, Pid(u16::from_be_bytes([p1 & 0x1F, p0]))))
    });
    Some(entries.take(MAX_PROGRAMS).collect())
}

/// One entry of a program map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Elementary {
    pub(crate) pid: Pid,
    pub(crate) stream_type: u8,
    pub(crate) descriptors: Vec<Descriptor>,
}

/// A program map table: the elementary streams of one program, and the program's number.
pub(crate) fn parse_pmt(section: &[u8]) -> Option<(u16, Vec<Elementary>)> {
    let (program, content) = table_content(section, 2)?;
    let (head, rest) = content.split_first_chunk::<4>()?;
    let [_, _, len_high, len_low] = *head;
    let mut rest = rest.get(usize::from(u16::from_be_bytes([len_high & 0x0F, len_low]))..)?;
    let mut list = Vec::new();
    while let Some((head, after)) = rest.split_first_chunk::<5>() {
        let [stream_type, p1, p0, l1, l0] = *head;
        let (info, after) = after.split_at_checked(usize::from(u16::from_be_bytes([l1 & 0x0F, l0])))?;
        rest = after;
        if list.len() < MAX_STREAMS {
            let pid = Pid(u16::from_be_bytes([p1 & 0x1F, p0]));
            list.push(Elementary { pid, stream_type, descriptors: descriptors(info) });
        }
    }
    Some((program, list))
}
