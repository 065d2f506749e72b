//! Finding the key frames of a file.

use std::fs::File;
use std::io::{self, BufReader, Read as _, Seek as _, SeekFrom};
use std::ops::Range;

use weir_flv::file::{Cut, Walk, key_frame_at};
use weir_media::Tracks;
use weir_mp4::segment::Limits;

use super::super::read_at;
use crate::recording::probe;

/// Bytes that are looked at where an index says that a picture begins: a tag's header and the beginning of its body.
const GLANCE: u64 = 13;

/// Bytes that are read at once on the walk: a picture is usually stepped over, sound is not.
const BUFFER: usize = 64 << 10;

/// Most cuts that are taken from an index: it stands in the head of the file and is small; a walk has its own limit.
const MAX_CUTS: usize = 1 << 19;

/// The index in the head of the file, if it is true: at its first, middle and last place there is a picture of that time.
pub(super) fn indexed(file: &mut File, size: u64, index: &[(f64, u64)]) -> io::Result<Option<Vec<Cut>>> {
    let cut = |&(seconds, position): &(f64, u64)| Cut {
        position,
        millis: (seconds * 1000.0).round() as u32,
        is_key: true,
        section: 0,
    };
    let cuts: Vec<_> = index.iter().take(MAX_CUTS).map(cut).collect();
    let Some(last) = cuts.len().checked_sub(1) else { return Ok(None) };
    for at in [0, last / 2, last] {
        let Some(cut) = cuts.get(at) else { return Ok(None) };
        if cut.position.saturating_add(GLANCE) > size {
            return Ok(None);
        }
        if key_frame_at(&read_at(file, cut.position, GLANCE)?) != Some(cut.millis) {
            return Ok(None);
        }
    }
    Ok(Some(cuts))
}

/// Where the last whole tag ends, and when.
pub(super) fn end(file: &mut File, size: u64) -> Option<Cut> {
    probe::last_tag(file, size).map(|(millis, position)| Cut { position, millis, ..Cut::default() })
}

/// Divides what lies between two cuts of an index and is too large to be sent at once.
pub(super) fn refine(file: &mut File, cuts: &mut Vec<Cut>, end: &Cut, has_video: bool) -> io::Result<()> {
    let most = Limits::default().most_bytes;
    let mut refined = Vec::with_capacity(cuts.len());
    for (at, cut) in cuts.iter().enumerate() {
        refined.push(*cut);
        let next = cuts.get(at + 1).unwrap_or(end).position;
        if next.saturating_sub(cut.position) > most {
            let (found, _) = walk(file, cut.position..next, has_video, Tracks::default())?;
            let inner = found.into_iter().filter(|found| found.position > cut.position);
            refined.extend(inner.map(|found| Cut { section: cut.section, ..found }));
        }
    }
    *cuts = refined;
    Ok(())
}

/// Walks through a part of the file: where fragments can begin, and the tracks in force there.
pub(super) fn walk(
    file: &mut File,
    part: Range<u64>,
    has_video: bool,
    tracks: Tracks,
) -> io::Result<(Vec<Cut>, Vec<Tracks>)> {
    let mut walk = Walk::new(part, has_video, tracks, Limits::default().most_bytes);
    let mut reader = BufReader::with_capacity(BUFFER, file);
    let mut at = reader.seek(SeekFrom::Start(0))?;
    let mut bytes = Vec::new();
    while let Some(look) = walk.wants() {
        reader.seek_relative(look.position.cast_signed().wrapping_sub(at.cast_signed()))?;
        bytes.resize(look.len, 0);
        reader.read_exact(&mut bytes)?;
        at = look.position + look.len as u64;
        walk.take(&bytes);
    }
    Ok(walk.finish())
}
