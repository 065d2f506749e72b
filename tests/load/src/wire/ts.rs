//! A transport stream (ISO/IEC 13818-1) of H.264 pictures, such as an encoder hands to SRT: tables, clock references, PES.

use crate::media;

/// Bytes of a packet.
pub(crate) const PACKET: usize = 188;
const PMT: u16 = 0x1000;
const VIDEO: u16 = 0x100;
/// 90 kHz.
const CLOCK: u64 = 90_000;
/// The first time stamp, so that the clock reference is never before zero.
const START: u64 = CLOCK;
/// How far the clock reference is behind the picture's time, in ticks: what the receiver has to buffer.
const LEAD: u64 = CLOCK / 10;
/// Pictures between two pairs of tables.
const TABLES_EVERY: u64 = 3;

/// Turns pictures into packets.
#[derive(Debug, Default)]
pub(crate) struct Muxer {
    counters: [u8; 3],
    pictures: u64,
}

impl Muxer {
    /// The packets of the next picture, whose slice has `size` bytes.
    pub(crate) fn picture(&mut self, key: bool, size: usize, frames_per_second: u64, out: &mut Vec<[u8; PACKET]>) {
        if key || self.pictures.is_multiple_of(TABLES_EVERY) {
            out.push(self.table(0, 0, &pat()));
            out.push(self.table(1, PMT, &pmt()));
        }
        let time = START + self.pictures * CLOCK / frames_per_second;
        let mut pes = vec![0, 0, 1, 0xE0, 0, 0, 0x84, 0x80, 5];
        pes.extend(stamp(time));
        // Access unit delimiter.
        pes.extend([0, 0, 0, 1, 9, 0xF0]);
        if key {
            let (sps, pps) = media::parameter_sets();
            for set in [sps, pps] {
                pes.extend([0, 0, 0, 1]);
                pes.extend(set);
            }
        }
        pes.extend([0, 0, 0, 1, if key { 0x65 } else { 0x41 }]);
        // No byte of a slice is zero here, so none can look like a start code.
        let seed = self.pictures as u8;
        pes.extend((0..size).map(|at| (at as u8).wrapping_mul(31).wrapping_add(seed) | 0x80));
        self.packets(&pes, time - LEAD, key, out);
        self.pictures += 1;
    }

    fn packets(&mut self, mut rest: &[u8], clock: u64, key: bool, out: &mut Vec<[u8; PACKET]>) {
        let mut first = true;
        while !rest.is_empty() {
            let mut packet = [0xFF; PACKET];
            let pid = VIDEO.to_be_bytes();
            packet[0] = 0x47;
            packet[1] = pid[0] | if first { 0x40 } else { 0 };
            packet[2] = pid[1];
            let mut field = if first { clock_reference(clock, key) } else { Vec::new() };
            let room = PACKET - 4 - if first { field.len() + 1 } else { 0 };
            if rest.len() < room {
                // What is missing is stuffed into the adaptation field, whose length is one byte.
                let stuffing = room - rest.len() - usize::from(!first);
                if !first && room - rest.len() > 1 && field.is_empty() {
                    field.push(0);
                    field.extend(std::iter::repeat_n(0xFF, stuffing - 1));
                } else {
                    field.extend(std::iter::repeat_n(0xFF, stuffing));
                }
            }
            let adapted = first || rest.len() < room;
            packet[3] = if adapted { 0x30 } else { 0x10 } | self.count(2);
            let mut at = 4;
            if adapted {
                packet[at] = field.len() as u8;
                packet[at + 1..at + 1 + field.len()].copy_from_slice(&field);
                at += 1 + field.len();
            }
            let (now, later) = rest.split_at(PACKET - at);
            packet[at..].copy_from_slice(now);
            (rest, first) = (later, false);
            out.push(packet);
        }
    }

    fn table(&mut self, which: usize, pid: u16, section: &[u8]) -> [u8; PACKET] {
        let mut packet = [0xFF; PACKET];
        let pid = pid.to_be_bytes();
        packet[..5].copy_from_slice(&[0x47, 0x40 | pid[0], pid[1], 0x10 | self.count(which), 0]);
        packet[5..5 + section.len()].copy_from_slice(section);
        packet
    }

    fn count(&mut self, which: usize) -> u8 {
        let counter = self.counters[which];
        self.counters[which] = (counter + 1) & 0x0F;
        counter
    }
}

fn pat() -> Vec<u8> {
    let pmt = PMT.to_be_bytes();
    section(&[0x00, 0xB0, 0x0D, 0, 1, 0xC1, 0, 0, 0, 1, 0xE0 | pmt[0], pmt[1]])
}

fn pmt() -> Vec<u8> {
    let video = VIDEO.to_be_bytes();
    let pid = [0xE0 | video[0], video[1]];
    section(&[0x02, 0xB0, 0x12, 0, 1, 0xC1, 0, 0, pid[0], pid[1], 0xF0, 0, 0x1B, pid[0], pid[1], 0xF0, 0])
}

/// A section with its checksum.
fn section(bytes: &[u8]) -> Vec<u8> {
    let mut sum = u32::MAX;
    for byte in bytes {
        sum ^= u32::from(*byte) << 24;
        for _ in 0..8 {
            sum = if sum & 0x8000_0000 == 0 { sum << 1 } else { sum << 1 ^ 0x04C1_1DB7 };
        }
    }
    [bytes, &sum.to_be_bytes()].concat()
}

/// A presentation time without a decoding time.
fn stamp(time: u64) -> [u8; 5] {
    let bits = |shift: u32, mask: u64| ((time >> shift & mask) as u8) << 1 | 1;
    [0x20 | bits(30, 7), (time >> 22) as u8, bits(15, 0x7F), (time >> 7) as u8, bits(0, 0x7F)]
}

/// An adaptation field, without its length: the clock reference, and whether decoding can begin here.
fn clock_reference(clock: u64, key: bool) -> Vec<u8> {
    let flags = 0x10 | if key { 0x40 } else { 0 };
    let last = ((clock & 1) as u8) << 7 | 0x7E;
    vec![flags, (clock >> 25) as u8, (clock >> 17) as u8, (clock >> 9) as u8, (clock >> 1) as u8, last, 0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_of_a_picture_fills_whole_packets_and_comes_out_again() {
        for size in 1..700 {
            let mut muxer = Muxer::default();
            let mut packets = Vec::new();
            muxer.picture(size % 2 == 0, size, 30, &mut packets);
            let mut pes = Vec::new();
            for (number, packet) in packets.iter().skip(2).enumerate() {
                assert_eq!((packet[0], packet[3] & 0x0F), (0x47, number as u8 & 0x0F));
                let skip = if packet[3] & 0x20 == 0 { 0 } else { 1 + usize::from(packet[4]) };
                pes.extend_from_slice(&packet[4 + skip..]);
            }
            assert!(pes.starts_with(&[0, 0, 1, 0xE0]), "{size}");
            let slice = pes.iter().rev().take_while(|byte| **byte & 0x80 != 0).count();
            assert_eq!(slice, size);
        }
    }

    #[test]
    fn checksums_are_those_of_the_standard() {
        // The PAT of the same content in a file of ffmpeg's.
        let table = section(&[0x00, 0xB0, 0x0D, 0x00, 0x01, 0xC1, 0x00, 0x00, 0x00, 0x01, 0xF0, 0x00]);
        assert_eq!(table[12..], [0x2A, 0xB1, 0x04, 0xB2]);
    }
}
