//! What the ends of an MP4 file tell. See [`super::probe`].

use std::io::{Read, Seek};

use weir_mp4::repair::{HEAD_LEN, is_closed};
use weir_mp4::{BoxHeader, BoxType, TopLevel};

use super::probe::{Probe, read_at};

/// Most boxes at the top of a foreign file that are looked at; real ones have a handful, or fragments, of which the first
/// tell enough.
const MAX_BOXES: usize = 64;

/// Bytes of the index that hold its duration: two box headers and `mvhd` (ISO/IEC 14496-12, 8.2.2).
const MVHD: usize = 8 + 8 + 4 + 28;

/// Where our files have the box that becomes the header of `mdat`: behind `ftyp`.
const PLACE: usize = HEAD_LEN - 16;

/// Whether an MP4 file is made the way ours are, closed or not.
pub(super) fn is_ours(file: &mut (impl Read + Seek)) -> bool {
    read_at(file, 0, HEAD_LEN).is_some_and(|head| place(&head).is_some())
}

/// The box in the place of the media's header, when the file is made the way ours are.
fn place(head: &[u8]) -> Option<BoxHeader> {
    let place = head.get(PLACE..).and_then(BoxHeader::parse)?;
    let is_open = place.kind == BoxType(*b"free") && place.size == Some(16);
    (head.starts_with(&[0, 0, 0, 32]) && (is_open || is_closed(head))).then_some(place)
}

/// Reads both ends of an MP4 file of `size` bytes.
pub(super) fn probe(file: &mut (impl Read + Seek), size: u64) -> Probe {
    let Some(head) = read_at(file, 0, HEAD_LEN) else { return Probe::Damaged };
    match place(&head) {
        Some(place) if is_closed(&head) => {
            let index = place.size.and_then(|len| (PLACE as u64).checked_add(len));
            let closed = index.and_then(|at| index_at(file, at, size));
            closed.map_or(Probe::Cut(None), |seconds| Probe::Closed(Some(seconds)))
        }
        Some(_) => Probe::Cut(None),
        None => probe_foreign(file, size),
    }
}

/// The duration in the whole `moov` at this place, in seconds.
fn index_at(file: &mut (impl Read + Seek), at: u64, size: u64) -> Option<f64> {
    let bytes = read_at(file, at, MVHD)?;
    let header = BoxHeader::parse(&bytes)?;
    if TopLevel::from(header.kind) != TopLevel::Movie || header.size?.checked_add(at)? > size {
        return None;
    }
    let movie = bytes.get(usize::try_from(header.header_len).ok()?..)?;
    if movie.get(4..8)? != b"mvhd" {
        return None;
    }
    let word = |at: usize| Some(u32::from_be_bytes(movie.get(at..at + 4)?.try_into().ok()?));
    let (timescale, duration) = match movie.get(8)? {
        0 => (word(20)?, u64::from(word(24)?)),
        _ => (word(28)?, u64::from_be_bytes(movie.get(32..40)?.try_into().ok()?)),
    };
    (timescale > 0).then(|| duration as f64 / f64::from(timescale))
}

/// Another program's file: whole when it has an index and media, and its boxes end where it ends.
fn probe_foreign(file: &mut (impl Read + Seek), size: u64) -> Probe {
    let (mut at, mut seconds, mut media) = (0, None, false);
    for _ in 0..MAX_BOXES {
        let Some(header) = read_at(file, at, 8.max(16.min(size.saturating_sub(at) as usize)))
            .and_then(|bytes| BoxHeader::parse(&bytes))
        else {
            break;
        };
        match TopLevel::from(header.kind) {
            TopLevel::Movie => seconds = index_at(file, at, size),
            TopLevel::Media | TopLevel::Fragment => media = true,
            TopLevel::Other => {}
        }
        match header.size.and_then(|len| at.checked_add(len)) {
            Some(end) if end < size => at = end,
            _ => break,
        }
    }
    match seconds {
        Some(seconds) if media => Probe::Closed(Some(seconds).filter(|seconds| *seconds > 0.0)),
        _ => Probe::Damaged,
    }
}
