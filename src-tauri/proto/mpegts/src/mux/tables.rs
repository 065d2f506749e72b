//! The tables a receiver needs first (ISO/IEC 13818-1, 2.4.4).

use weir_media::{Codec, Track};

use crate::packet::Pid;
use crate::psi::crc32;

/// Packets of the program map.
pub(super) const MAP_PID: Pid = Pid(0x1000);
/// The one program.
const PROGRAM: u16 = 1;

/// The program association table.
pub(super) fn pat() -> Vec<u8> {
    let mut content = PROGRAM.to_be_bytes().to_vec();
    content.extend_from_slice(&pid_bits(MAP_PID));
    section(0x00, 1, 0, &content)
}

/// The program map: its clock, and for each stream its type and what describes it.
pub(super) fn pmt(version: u8, clock: Pid, streams: &[(Pid, &Track)]) -> Vec<u8> {
    let mut content = pid_bits(clock).to_vec();
    content.extend_from_slice(&[0xF0, 0]);
    for (pid, track) in streams {
        let descriptors = descriptors(track);
        content.push(stream_type(track.codec));
        content.extend_from_slice(&pid_bits(*pid));
        content.extend_from_slice(&[0xF0 | (descriptors.len() >> 8) as u8, descriptors.len() as u8]);
        content.extend_from_slice(&descriptors);
    }
    section(0x02, PROGRAM, version, &content)
}

const fn stream_type(codec: Codec) -> u8 {
    match codec {
        Codec::H264 => 0x1B,
        Codec::H265 => 0x24,
        Codec::Aac => 0x0F,
        Codec::Mp3 | Codec::Mp2 => 0x03,
        Codec::Ac3 => 0x81,
        Codec::Eac3 => 0x87,
        _ => 0x06,
    }
}

fn descriptors(track: &Track) -> Vec<u8> {
    let mut out = Vec::new();
    let registration = |out: &mut Vec<u8>, name: &[u8; 4]| {
        out.extend_from_slice(&[0x05, 4]);
        out.extend_from_slice(name);
    };
    match track.codec {
        Codec::H265 => registration(&mut out, b"HEVC"),
        Codec::Ac3 => registration(&mut out, b"AC-3"),
        Codec::Eac3 => registration(&mut out, b"EAC3"),
        Codec::Opus => {
            registration(&mut out, b"Opus");
            let channels = track.audio.as_ref().and_then(|audio| audio.channels).unwrap_or(2);
            out.extend_from_slice(&[0x7F, 2, 0x80, channels]);
        }
        _ => {}
    }
    let language = track.language.as_deref().map(str::as_bytes);
    if let Some(letters) = language.filter(|letters| letters.len() == 3) {
        out.extend_from_slice(&[0x0A, 4]);
        out.extend_from_slice(letters);
        out.push(0);
    }
    out
}

fn pid_bits(pid: Pid) -> [u8; 2] {
    (0xE000 | pid.0).to_be_bytes()
}

fn section(table: u8, extension: u16, version: u8, content: &[u8]) -> Vec<u8> {
    let len = 5 + content.len() + 4;
    let mut out = vec![table, 0xB0 | (len >> 8) as u8, len as u8];
    out.extend_from_slice(&extension.to_be_bytes());
    out.extend_from_slice(&[0xC1 | version << 1, 0, 0]);
    out.extend_from_slice(content);
    let crc = crc32(&out);
    out.extend_from_slice(&crc.to_be_bytes());
    out
}
