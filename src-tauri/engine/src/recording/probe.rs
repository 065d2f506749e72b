//! How long a file is and whether it was closed, read from its first and last bytes only: a list of thousands of files must
//! not read them.
//!
//! A closed FLV file says its duration in `onMetaData`; one that was cut off by a crash does not, and then the time of the
//! last whole tag counts (FLV 10.1, E.3 "PreviousTagSize" lets a reader walk from the end). A closed MP4 file is one
//! `mdat` with its index behind it; one that was cut off still has the `free` box in that place. A broken file is an answer,
//! not an error.

use std::io::{Read, Seek, SeekFrom};

/// What is read of the beginning: `onMetaData` begins there, and its first properties are the ones looked for.
const HEAD: usize = 4 * 1024;

/// How far from the end of a file that was cut off its last whole tag is looked for.
const TAIL: usize = 256 * 1024;

/// File header and the first PreviousTagSize (FLV 10.1, E.2 and E.3).
const HEADER: usize = 9 + 4;

/// The header of a tag (FLV 10.1, E.4.1).
const TAG_HEADER: usize = 11;

/// The box behind the index of an MP4 file that was closed by a repair: a `free` box, which players pass over.
pub(super) const REPAIRED_MP4: &[u8] = b"\0\0\0\x15freeweir:repaired";

/// The entry in `onMetaData` that says the same of an FLV file.
const REPAIRED_FLV: &[u8] = b"\0\x08repaired\x01\x01";

/// What the ends of a file tell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Probe {
    /// Closed in order, with its duration in seconds where it says one.
    Closed(Option<f64>),
    /// Playable up to its last whole tag, at so many seconds, but never closed: a crash or a power cut.
    Cut(Option<f64>),
    /// Neither FLV nor MP4, or nothing readable in it.
    Damaged,
}

/// Reads both ends of a file of `size` bytes, whatever its name says.
pub(crate) fn probe(file: &mut (impl Read + Seek), size: u64) -> Probe {
    match read_at(file, 4, 4).as_deref() {
        Some(b"ftyp") => super::probe_mp4::probe(file, size),
        _ => probe_flv(file, size),
    }
}

/// Whether a closed file was closed by a repair.
pub(crate) fn is_repaired(file: &mut (impl Read + Seek), size: u64) -> bool {
    let mp4 = size.checked_sub(REPAIRED_MP4.len() as u64).and_then(|at| read_at(file, at, REPAIRED_MP4.len()));
    if mp4.as_deref() == Some(REPAIRED_MP4) {
        return true;
    }
    let head = read_at(file, 0, HEAD.min(usize::try_from(size).unwrap_or(HEAD))).unwrap_or_default();
    head.starts_with(b"FLV") && head.windows(REPAIRED_FLV.len()).any(|window| window == REPAIRED_FLV)
}

fn probe_flv(file: &mut (impl Read + Seek), size: u64) -> Probe {
    let Some(head) = read_at(file, 0, HEAD.min(usize::try_from(size).unwrap_or(HEAD))) else { return Probe::Damaged };
    if !head.starts_with(b"FLV\x01") || head.len() < HEADER {
        return Probe::Damaged;
    }
    let duration = number_property(&head, "duration").filter(|seconds| seconds.is_finite() && *seconds > 0.0);
    // Weir writes the size at close, other writers may leave it out; either way a duration is written at close.
    let closed = match number_property(&head, "filesize") {
        Some(said) => said == size as f64,
        None => duration.is_some(),
    };
    if closed && duration.is_some() {
        return Probe::Closed(duration);
    }
    let last = last_tag(file, size).map(|(millis, _)| f64::from(millis) / 1e3);
    if closed { Probe::Closed(last) } else { Probe::Cut(last) }
}

/// The time of the last whole tag of an FLV file in milliseconds, and where it ends.
pub(super) fn last_tag(file: &mut (impl Read + Seek), size: u64) -> Option<(u32, u64)> {
    let begin = size.saturating_sub(TAIL as u64).max(HEADER as u64);
    let tail = read_at(file, begin, usize::try_from(size.checked_sub(begin)?).ok()?)?;
    last_tag_of(&tail).map(|(millis, end)| (millis, begin + end as u64))
}

pub(super) fn read_at(file: &mut (impl Read + Seek), at: u64, len: usize) -> Option<Vec<u8>> {
    file.seek(SeekFrom::Start(at)).ok()?;
    let mut bytes = vec![0; len];
    file.read_exact(&mut bytes).ok()?;
    Some(bytes)
}

/// A number property of an AMF0 object: name, marker 0, eight bytes (AMF0, 2.2 and 2.5).
fn number_property(bytes: &[u8], name: &str) -> Option<f64> {
    let mut needle = u16::try_from(name.len()).ok()?.to_be_bytes().to_vec();
    needle.extend_from_slice(name.as_bytes());
    needle.push(0);
    let at = bytes.windows(needle.len()).position(|window| window == needle)? + needle.len();
    Some(f64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

/// The time of the last tag that is followed by its own size. From the end backwards, so that what a crash left behind
/// the last whole tag is stepped over.
fn last_tag_of(tail: &[u8]) -> Option<(u32, usize)> {
    (TAG_HEADER + 4..=tail.len()).rev().find_map(|end| {
        let size = usize::try_from(u32::from_be_bytes(tail.get(end - 4..end)?.try_into().ok()?)).ok()?;
        if size < TAG_HEADER {
            return None;
        }
        let tag = tail.get((end - 4).checked_sub(size)?..end - 4)?;
        match *tag.first_chunk::<TAG_HEADER>()? {
            [8 | 9 | 18, s2, s1, s0, t2, t1, t0, t3, 0, 0, 0]
                if u32::from_be_bytes([0, s2, s1, s0]) as usize + TAG_HEADER == size =>
            {
                Some((u32::from_be_bytes([t3, t2, t1, t0]), end))
            }
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn tag(kind: u8, millis: u32, body: &[u8]) -> Vec<u8> {
        let [t3, t2, t1, t0] = millis.to_be_bytes();
        let [_, s2, s1, s0] = (body.len() as u32).to_be_bytes();
        let mut tag = vec![kind, s2, s1, s0, t2, t1, t0, t3, 0, 0, 0];
        tag.extend_from_slice(body);
        tag.extend_from_slice(&(tag.len() as u32).to_be_bytes());
        tag
    }

    fn file(duration: f64, filesize: Option<f64>) -> Vec<u8> {
        let mut metadata = b"\x02\0\x0aonMetaData\x08\0\0\0\x02\0\x08duration\0".to_vec();
        metadata.extend_from_slice(&duration.to_be_bytes());
        if let Some(filesize) = filesize {
            metadata.extend_from_slice(b"\0\x08filesize\0");
            metadata.extend_from_slice(&filesize.to_be_bytes());
        }
        metadata.extend_from_slice(&[0, 0, 9]);
        let mut file = b"FLV\x01\x05\0\0\0\x09\0\0\0\0".to_vec();
        file.extend(tag(18, 0, &metadata));
        for millis in [0, 40, 0x0123_4567] {
            file.extend(tag(9, millis, &[0x17, 1, 0, 0, 0, 9, 9, 9]));
        }
        file
    }

    fn probed(bytes: &[u8]) -> Probe {
        probe(&mut Cursor::new(bytes), bytes.len() as u64)
    }

    #[test]
    fn a_closed_file_says_its_duration() {
        let size = file(1.0, Some(0.0)).len() as f64;
        assert_eq!(probed(&file(12.5, Some(size))), Probe::Closed(Some(12.5)));
        assert_eq!(probed(&file(12.5, None)), Probe::Closed(Some(12.5)), "another program's file");
    }

    #[test]
    fn a_file_that_was_never_closed_lasts_to_its_last_whole_tag() {
        let seconds = f64::from(0x0123_4567_u32) / 1e3;
        let whole = file(0.0, Some(0.0));
        assert_eq!(probed(&whole), Probe::Cut(Some(seconds)));
        let one_tag = tag(9, 0, &[0; 8]).len();
        for cut in 1..one_tag {
            let bytes = &whole[..whole.len() - cut];
            assert_eq!(probed(bytes), Probe::Cut(Some(0.04)), "cut by {cut}");
        }
    }

    #[test]
    fn a_broken_file_is_an_answer() {
        for bytes in [&b""[..], b"FLV", b"\0\0\0\x20ftypisom", &[0xFF; 5000], b"FLV\x01\x05\0\0\0\x09"] {
            assert_eq!(probed(bytes), Probe::Damaged);
        }
        assert_eq!(probed(b"FLV\x01\x05\0\0\0\x09\0\0\0\0"), Probe::Cut(None));
        let mut garbage = file(0.0, Some(0.0));
        garbage.truncate(HEADER);
        garbage.extend([0xFF; 300_000]);
        assert_eq!(probed(&garbage), Probe::Cut(None));
    }
}
