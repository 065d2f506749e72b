//! What a `moov` tells of a file: its tracks, and where each of their samples lies.

use std::ops::Range;

use bytes::Bytes;
use weir_media::{TimeDelta, Timestamp, Track, TrackId, TrackKind};

use super::plan::{Limits, Piece};
use super::{Declaration, SegmentSample, SegmentTrack};
use crate::movie::{MOVIE_TIMESCALE, Movie, MovieTrack};
use crate::reader::{child, parse_movie};
use crate::repair::Rebuild;
use crate::samples::{Cursor, Placed, SampleTable};
use crate::user_data::{self, Chapter, Label};
use crate::{Error, sample_entry};

/// A file's tracks and samples: all that is needed to find any moment of it.
#[derive(Debug)]
pub struct MovieIndex {
    tracks: Vec<IndexedTrack>,
    label: Label,
    chapters: Vec<Chapter>,
}

/// One track of it.
#[derive(Debug)]
pub struct IndexedTrack {
    /// What it is.
    pub track: Track,
    pub(super) movie: MovieTrack,
}

impl MovieIndex {
    /// Reads a whole `moov` box, header included, of a closed file.
    pub fn parse(moov: &[u8]) -> Result<Self, Error> {
        let content = child(moov, b"moov").ok_or(Error::NoHeader)?;
        Ok(Self { chapters: user_data::parse_chapters(content), ..Self::new(parse_movie(content)?) })
    }

    fn new(movie: Movie) -> Self {
        let (mut pictures, mut sounds) = (0_u8, 0_u8);
        let mut tracks = Vec::new();
        for track in movie.tracks {
            let (kind, count) = match track.kind {
                TrackKind::Audio => (TrackKind::Audio, &mut sounds),
                _ => (TrackKind::Video, &mut pictures),
            };
            let id = TrackId { kind, index: *count };
            let Some(mut described) = sample_entry::read(&track.sample_entry, id) else { continue };
            *count = count.saturating_add(1);
            described.language = std::str::from_utf8(&track.language).ok().filter(|it| *it != "und").map(str::to_owned);
            if let Some(video) = &mut described.video {
                video.frame_rate = video.frame_rate.or_else(|| track.frame_rate());
            }
            tracks.push(IndexedTrack { track: described, movie: track });
        }
        Self { tracks, chapters: user_data::chapters_of(&movie.label, &movie.gaps), label: movie.label }
    }

    /// The tracks: pictures and sound, each in the order of the file.
    pub fn tracks(&self) -> &[IndexedTrack] {
        &self.tracks
    }

    /// What the file is called and when it began.
    pub const fn label(&self) -> &Label {
        &self.label
    }

    /// Places to jump to: of our files where something is missing.
    pub fn chapters(&self) -> &[Chapter] {
        &self.chapters
    }

    /// Samples of all tracks.
    pub fn samples(&self) -> u64 {
        self.tracks.iter().map(|track| u64::from(track.samples().len())).sum()
    }

    /// How long it plays, in seconds.
    pub fn seconds(&self) -> f64 {
        self.tracks.iter().map(IndexedTrack::end).map(|end| end.as_secs_f64()).fold(0.0, f64::max)
    }

    /// Where the first sample of a track lies, if it has one.
    pub fn first_sample(&self, track: usize) -> Option<(u64, u32)> {
        let placed = self.tracks.get(track)?.samples().next(&mut Cursor::default())?;
        Some((placed.position, placed.sample.size))
    }

    /// Completes what a track's configuration does not tell from its first sample.
    pub fn learn(&mut self, track: usize, first: &[u8]) {
        if let Some(track) = self.tracks.get_mut(track) {
            sample_entry::learn(&mut track.track, first);
        }
    }

    /// The initialization segment for some of its tracks.
    pub fn initialization(&self, tracks: &[usize]) -> Bytes {
        let declared = (1..).zip(tracks).filter_map(|(number, at)| Some(self.tracks.get(*at)?.declaration(number)));
        super::initialization(declared.collect())
    }

    /// How to cut some of its tracks into media segments.
    pub fn plan(&self, tracks: &[usize], limits: Limits) -> Vec<Piece> {
        super::plan::plan(&self.some(tracks), &[], limits)
    }

    /// The same of a file that is still written, as far as it is certain; `so_far` is what was found when there was less of the
    /// file. Those pieces stay as they were, whatever comes.
    pub fn plan_so_far(&self, tracks: &[usize], so_far: &[Piece], limits: Limits) -> Vec<Piece> {
        super::plan::plan_so_far(&self.some(tracks), so_far, limits)
    }

    fn some(&self, tracks: &[usize]) -> Vec<&IndexedTrack> {
        tracks.iter().filter_map(|at| self.tracks.get(*at)).collect()
    }

    /// The part of the file in which a piece's samples lie.
    pub fn extent(&self, tracks: &[usize], piece: &Piece) -> Range<u64> {
        let mut extent = Range { start: u64::MAX, end: 0 };
        for (at, (cursor, count)) in tracks.iter().zip(piece.cursors()) {
            let Some(track) = self.tracks.get(*at) else { continue };
            let mut cursor = *cursor;
            for placed in (0..*count).map_while(|_| track.samples().next(&mut cursor)) {
                extent.start = extent.start.min(placed.position);
                extent.end = extent.end.max(placed.position.saturating_add(placed.sample.size.into()));
            }
        }
        if extent.is_empty() { 0..0 } else { extent }
    }

    /// The media segment of a piece, with `sequence` from 1. `read` gives the bytes at a place in the file.
    pub fn segment<E>(
        &self,
        tracks: &[usize],
        piece: &Piece,
        sequence: u32,
        mut read: impl FnMut(u64, u32) -> Result<Bytes, E>,
    ) -> Result<Bytes, E> {
        let mut segments = Vec::new();
        for ((number, at), (cursor, count)) in (1..).zip(tracks).zip(piece.cursors()) {
            let Some(track) = self.tracks.get(*at) else { continue };
            let (mut cursor, mut start, mut samples) = (*cursor, None, Vec::new());
            for _ in 0..*count {
                let Some(placed) = track.samples().next(&mut cursor) else { break };
                start.get_or_insert(track.shown_from(placed.time));
                samples.push(SegmentSample {
                    duration: placed.sample.duration,
                    offset: track.offset(&placed),
                    sync: placed.sample.sync,
                    data: read(placed.position, placed.sample.size)?,
                });
            }
            segments.push(SegmentTrack { number, start: start.unwrap_or(0), samples });
        }
        Ok(super::media(sequence, segments))
    }
}

impl From<Rebuild> for MovieIndex {
    /// Of a file that is not closed: what its whole fragments hold.
    fn from(rebuild: Rebuild) -> Self {
        Self::new(rebuild.into_movie())
    }
}

impl IndexedTrack {
    pub(super) const fn samples(&self) -> &SampleTable {
        &self.movie.samples
    }

    fn declaration(&self, number: u32) -> Declaration {
        Declaration(MovieTrack {
            id: number,
            sample_entry: self.movie.sample_entry.clone(),
            edit: crate::movie::Edit::default(),
            samples: SampleTable::default(),
            ..self.movie
        })
    }

    /// Decoding time in the segments: the track's own, later by what the edit list delays it.
    fn shown_from(&self, time: u64) -> u64 {
        time.saturating_add(self.delay())
    }

    fn delay(&self) -> u64 {
        super::ticks(
            TimeDelta::rescale(i64::try_from(self.movie.edit.delay).unwrap_or(0), MOVIE_TIMESCALE),
            self.movie.timescale,
        )
    }

    fn offset(&self, placed: &Placed) -> i32 {
        let offset = i64::from(placed.sample.offset) - self.movie.edit.media_time;
        i32::try_from(offset).unwrap_or(placed.sample.offset)
    }

    /// When a sample is shown, from the beginning of the file.
    pub(super) fn shown_at(&self, placed: &Placed) -> Timestamp {
        let ticks = i64::try_from(self.shown_from(placed.time)).unwrap_or(i64::MAX);
        Timestamp::rescale(ticks.saturating_add(i64::from(self.offset(placed))), self.movie.timescale)
    }

    fn end(&self) -> Timestamp {
        let until = i64::try_from(self.samples().shown_until().saturating_add(self.delay())).unwrap_or(i64::MAX);
        Timestamp::rescale(until.saturating_sub(self.movie.edit.media_time), self.movie.timescale)
    }
}
