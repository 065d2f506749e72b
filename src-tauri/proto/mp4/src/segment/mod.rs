//! A recording as media segments (ISO/IEC 23009-1, 6.3; W3C "ISO BMFF Byte Stream Format"): what a browser's `MediaSource` takes,
//! made of a file's own samples without touching one of them.
//!
//! Browsers ignore edit lists or half of them, so none is written: what the list would say is put into the times themselves. A
//! track that is shown late has later times, and one whose first picture waits for others has composition offsets below zero.

mod index;
mod plan;

use bytes::Bytes;
use weir_media::{TimeDelta, Track, TrackKind};

pub use index::{IndexedTrack, MovieIndex};
pub use plan::{Limits, Piece, Span};

use crate::boxes::Boxes;
use crate::fragment::{self, Run};
use crate::movie::{Edit, MOVIE_TIMESCALE, Movie, MovieTrack};
use crate::samples::{Sample, SampleTable};
use crate::user_data::Label;
use crate::{Error, sample_entry};

/// How a track is declared in the initialization segment.
#[derive(Debug)]
pub struct Declaration(MovieTrack);

impl Declaration {
    /// Declares a track under this number, from 1. `first` is its first frame, in which some codecs keep what must be said.
    pub fn new(number: u32, track: &Track, first: Option<&[u8]>) -> Result<Self, Error> {
        let (width, height) = sample_entry::video_size(track, first);
        Ok(Self(MovieTrack {
            id: number,
            kind: track.id.kind,
            timescale: timescale(track),
            sample_entry: sample_entry::write(track, first)?,
            width,
            height,
            language: *b"und",
            edit: Edit::default(),
            samples: SampleTable::default(),
        }))
    }

    /// Ticks a second in which the times of its samples count.
    pub const fn timescale(&self) -> u32 {
        self.0.timescale
    }
}

/// Ticks a second for a track: the sampling rate of sound, 90,000 for pictures.
fn timescale(track: &Track) -> u32 {
    match track.id.kind {
        TrackKind::Audio => sample_entry::audio_rate(track),
        _ => MOVIE_TIMESCALE,
    }
}

/// The initialization segment for these tracks.
pub fn initialization(tracks: Vec<Declaration>) -> Bytes {
    let movie = Movie {
        tracks: tracks.into_iter().map(|declaration| declaration.0).collect(),
        label: Label::default(),
        gaps: Vec::new(),
    };
    let mut boxes = Boxes::default();
    boxes.put(b"ftyp", |boxes| {
        boxes.bytes(b"iso6");
        boxes.u32(0);
        boxes.bytes(b"iso6mp41");
    });
    movie.write_fragmented(&mut boxes);
    boxes.finish().freeze()
}

/// One sample of a media segment. Times count in ticks of the track's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentSample {
    /// How long it lasts.
    pub duration: u32,
    /// Presentation minus decoding time.
    pub offset: i32,
    /// Decoding can begin here.
    pub sync: bool,
    /// Its bytes.
    pub data: Bytes,
}

/// What one track has in a media segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentTrack {
    /// The track's number in the initialization segment.
    pub number: u32,
    /// Decoding time of the first sample, in ticks.
    pub start: u64,
    /// The samples, in decoding order.
    pub samples: Vec<SegmentSample>,
}

/// A media segment. `sequence` counts from 1.
pub fn media(sequence: u32, tracks: Vec<SegmentTrack>) -> Bytes {
    let run = |track: SegmentTrack| {
        let (samples, data) = track.samples.into_iter().map(split).unzip();
        Run { track: 0, track_id: track.number, start: track.start, samples, data }
    };
    let runs: Vec<_> = tracks.into_iter().filter(|track| !track.samples.is_empty()).map(run).collect();
    fragment::write(sequence, &runs, &[]).bytes
}

fn split(sample: SegmentSample) -> (Sample, Bytes) {
    let size = u32::try_from(sample.data.len()).unwrap_or(u32::MAX);
    (Sample { size, duration: sample.duration, offset: sample.offset, sync: sample.sync }, sample.data)
}

/// A time in ticks of a clock; before zero is zero.
fn ticks(time: TimeDelta, timescale: u32) -> u64 {
    u64::try_from(time.as_ticks(timescale)).unwrap_or(0)
}
