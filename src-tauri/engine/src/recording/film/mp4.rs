//! Reading MP4 files: ours as long as they are written, after a crash and closed, and closed ones of others.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};

use bytes::Bytes;
use weir_mp4::repair::{HEAD_LEN, Rebuild, is_closed};
use weir_mp4::segment::{MovieIndex, Piece};
use weir_mp4::{BoxHeader, TopLevel};

use super::{FilmError, MOST_AT_ONCE, read_at};

/// Largest index that is read into memory: two days of pictures and sound.
const MAX_INDEX: u64 = 256 << 20;

/// Most boxes at the top of another program's file that are walked over on the way to its index.
const MAX_BOXES: usize = 10_000;

/// A file of which nothing can be played.
fn unplayable(why: impl ToString) -> FilmError {
    FilmError::Unplayable(why.to_string())
}

/// Everything that is in the file.
pub(super) fn open(file: &mut File, size: u64) -> Result<MovieIndex, FilmError> {
    if is_ours_and_open(file)? {
        let rebuild = all_fragments(file, size)?.ok_or_else(|| unplayable("nothing in the file is whole"))?;
        return Ok(rebuild.into());
    }
    let mut position = 0;
    for _ in 0..MAX_BOXES {
        let Some(header) = header_at(file, position, size)? else { break };
        let end = header.size.map_or(size, |len| position.saturating_add(len));
        if TopLevel::from(header.kind) == TopLevel::Movie {
            let moov = whole(file, position, end.min(size) - position)?;
            let index = MovieIndex::parse(&moov).map_err(unplayable)?;
            return if index.first_sample(0).is_some() || index.first_sample(1).is_some() {
                Ok(index)
            } else {
                Err(unplayable("the file is made of fragments by another program; convert it to a plain MP4 first"))
            };
        }
        if end <= position || end >= size {
            break;
        }
        position = end;
    }
    Err(unplayable("the file has no index (moov)"))
}

/// What the beginning of the file tells, without its samples.
pub(super) fn open_head(file: &mut File, size: u64) -> Result<MovieIndex, FilmError> {
    // Of a closed file of ours too: what was written before it was closed is still there.
    match fragments(file, size, 1) {
        Ok(Some(rebuild)) => Ok(rebuild.into()),
        _ => open(file, size),
    }
}

/// Whether the file is one of ours that is not closed.
fn is_ours_and_open(file: &mut File) -> io::Result<bool> {
    let mut head = [0; HEAD_LEN];
    file.seek(SeekFrom::Start(0))?;
    match file.read_exact(&mut head) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
        Err(error) => return Err(error),
    }
    Ok(!is_closed(&head) && head.starts_with(&[0, 0, 0, 32]) && head.get(36..40) == Some(b"free"))
}

/// Places that look like a fragment and are none, after which a file is not looked through any further: more are no accident.
const MOST_SPOILT: u32 = 64;

/// Walks through every fragment of one of our files, also those behind one that is spoilt. `None` when it has no whole one.
pub(in super::super) fn all_fragments(file: &mut File, size: u64) -> io::Result<Option<Rebuild>> {
    walk(file, size, usize::MAX, MOST_SPOILT)
}

/// Walks through at most `most` fragments of one of our files, up to the first that is not whole. `None` when it has none.
fn fragments(file: &mut File, size: u64, most: usize) -> io::Result<Option<Rebuild>> {
    walk(file, size, most, 0)
}

fn walk(file: &mut File, size: u64, most: usize, mut spoilt: u32) -> io::Result<Option<Rebuild>> {
    let mut position = HEAD_LEN as u64;
    let Some((TopLevel::Movie, moov)) = read_box(file, position, size)? else { return Ok(None) };
    position += moov.len() as u64;
    let Ok(mut rebuild) = Rebuild::new(&moov, position) else { return Ok(None) };
    for _ in 0..most {
        let end = match read_box(file, position, size)? {
            Some((TopLevel::Fragment, moof)) => rebuild.add_fragment(&moof, position, size).ok().flatten(),
            _ => None,
        };
        position = match end.filter(|end| *end > position) {
            Some(end) => end,
            None if spoilt > 0 => match next_fragment(file, position + 1, size)? {
                Some(next) => next,
                None => break,
            },
            None => break,
        };
        spoilt = spoilt.saturating_sub(u32::from(end.is_none()));
    }
    Ok((rebuild.fragments() > 0).then_some(rebuild))
}

/// Where the next box after `from` says that it is a fragment.
fn next_fragment(file: &mut File, from: u64, size: u64) -> io::Result<Option<u64>> {
    const PIECE: u64 = 1 << 20;
    let mut at = from;
    while at + 8 < size {
        let mut piece = vec![0; usize::try_from(PIECE.min(size - at)).unwrap_or(0)];
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut piece)?;
        // The name stands behind four bytes of length.
        if let Some(found) = piece.get(4..).and_then(|names| names.windows(4).position(|name| name == b"moof")) {
            return Ok(Some(at + found as u64));
        }
        at += piece.len().saturating_sub(7).max(1) as u64;
    }
    Ok(None)
}

/// The whole box at `position`; `None` when there is none, or not all of it, or it is none that says what is in the file.
fn read_box(file: &mut File, position: u64, size: u64) -> io::Result<Option<(TopLevel, Vec<u8>)>> {
    /// Largest `moov` or `moof` of a growing file. Ours are far below; a wrong length must not fill the memory.
    const MAX_BOX: u64 = 64 << 20;
    let Some(BoxHeader { kind, size: Some(len), .. }) = header_at(file, position, size)? else { return Ok(None) };
    let kind = TopLevel::from(kind);
    if len > MAX_BOX || len > size - position || !matches!(kind, TopLevel::Movie | TopLevel::Fragment) {
        return Ok(None);
    }
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
    file.seek(SeekFrom::Start(position))?;
    file.read_exact(&mut bytes)?;
    Ok(Some((kind, bytes)))
}

fn header_at(file: &mut File, position: u64, size: u64) -> io::Result<Option<BoxHeader>> {
    let room = size.saturating_sub(position).min(BoxHeader::MAX_LEN as u64);
    let mut header = [0; BoxHeader::MAX_LEN];
    let Some(header) = usize::try_from(room).ok().and_then(|room| header.get_mut(..room)) else { return Ok(None) };
    file.seek(SeekFrom::Start(position))?;
    file.read_exact(header)?;
    Ok(BoxHeader::parse(header))
}

fn whole(file: &mut File, position: u64, len: u64) -> Result<Vec<u8>, FilmError> {
    if len > MAX_INDEX {
        return Err(unplayable("the file's index is too large to be read"));
    }
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
    file.seek(SeekFrom::Start(position))?;
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// One media segment. What lies close together is read at once.
pub(super) fn fragment(
    index: &MovieIndex,
    file: &mut File,
    tracks: &[usize],
    piece: &Piece,
    sequence: u32,
) -> Result<Bytes, FilmError> {
    let extent = index.extent(tracks, piece);
    let length = extent.end.saturating_sub(extent.start);
    // Files of others may keep the sound of an hour behind its pictures.
    let together = length <= MOST_AT_ONCE && length <= piece.span.bytes.saturating_mul(3);
    if !together {
        return index.segment(tracks, piece, sequence, |position, len| Ok(read_at(file, position, len.into())?));
    }
    let bytes = read_at(file, extent.start, length)?;
    index.segment(tracks, piece, sequence, |position, len| {
        let from = usize::try_from(position.saturating_sub(extent.start)).unwrap_or(usize::MAX);
        let to = from.saturating_add(len as usize);
        if to > bytes.len() {
            return Err(FilmError::NoSuchPart);
        }
        Ok(bytes.slice(from..to))
    })
}
