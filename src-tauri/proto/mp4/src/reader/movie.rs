//! Reading the `moov` of a file that grows: what its fragments mean.

use bytes::Bytes;
use weir_media::TrackKind;

use super::{BoxType, Fields, child, children};
use crate::Error;
use crate::movie::{Edit, Movie, MovieTrack};
use crate::samples::{MAX_SAMPLES, SampleTable};
use crate::user_data::Label;

/// Most tracks a movie may have: protects memory from a damaged or hostile file.
const MAX_TRACKS: usize = 64;

/// Reads the content of a `moov` box.
pub(crate) fn parse_movie(content: &[u8]) -> Result<Movie, Error> {
    let mut samples_left = MAX_SAMPLES;
    let mut tracks = Vec::new();
    for (_, trak) in children(content).filter(|(kind, _)| kind.0 == *b"trak").take(MAX_TRACKS) {
        let track = parse_track(trak, samples_left);
        let track = track.ok_or(Error::Damaged(BoxType(*b"trak"), "a field is missing"))?;
        samples_left = samples_left.saturating_sub(track.samples.len());
        tracks.push(track);
    }
    if tracks.is_empty() {
        return Err(Error::Damaged(BoxType(*b"moov"), "it holds no track"));
    }
    Ok(Movie { tracks, label: Label::parse(content), gaps: Vec::new() })
}

fn parse_track(trak: &[u8], most_samples: u32) -> Option<MovieTrack> {
    let (id, width, height) = parse_header(child(trak, b"tkhd")?)?;
    let media = child(trak, b"mdia")?;
    let (timescale, language) = parse_media_header(child(media, b"mdhd")?)?;
    let mut handler = Fields(child(media, b"hdlr")?);
    handler.skip(8)?;
    let kind = match &handler.take::<4>()? {
        b"soun" => TrackKind::Audio,
        _ => TrackKind::Video,
    };
    let table = child(child(media, b"minf")?, b"stbl")?;
    let entries = child(table, b"stsd")?.get(8..)?;
    let edit = child(trak, b"edts").and_then(|edts| child(edts, b"elst")).and_then(parse_edit).unwrap_or_default();
    Some(MovieTrack {
        id,
        kind,
        timescale,
        sample_entry: Bytes::copy_from_slice(entries),
        width,
        height,
        language,
        edit,
        // Empty in a file that grows, and whatever cannot be read is no sample.
        samples: SampleTable::parse(table, most_samples).unwrap_or_default(),
    })
}

fn parse_header(tkhd: &[u8]) -> Option<(u32, u16, u16)> {
    let mut fields = Fields(tkhd);
    let (version, _) = fields.version_flags()?;
    fields.sized(version)?;
    fields.sized(version)?;
    let id = fields.u32()?;
    fields.skip(4)?;
    fields.sized(version)?;
    fields.skip(8 + 8 + 36)?;
    let width = fields.u32()? >> 16;
    let height = fields.u32()? >> 16;
    Some((id, width as u16, height as u16))
}

fn parse_media_header(mdhd: &[u8]) -> Option<(u32, [u8; 3])> {
    let mut fields = Fields(mdhd);
    let (version, _) = fields.version_flags()?;
    fields.sized(version)?;
    fields.sized(version)?;
    let timescale = fields.u32()?.max(1);
    fields.sized(version)?;
    let packed = fields.u16()?;
    let letter = |shift: u16| (packed >> shift & 0x1F) as u8 + 0x60;
    Some((timescale, [letter(10), letter(5), letter(0)]))
}

fn parse_edit(elst: &[u8]) -> Option<Edit> {
    let mut fields = Fields(elst);
    let (version, _) = fields.version_flags()?;
    let count = fields.u32()?;
    let mut edit = Edit::default();
    for _ in 0..count.min(2) {
        let duration = fields.sized(version)?;
        let media_time = match version {
            0 => i64::from(fields.u32()? as i32),
            _ => fields.u64()? as i64,
        };
        fields.skip(4)?;
        if media_time < 0 { edit.delay = duration } else { edit.media_time = media_time }
    }
    Some(edit)
}
