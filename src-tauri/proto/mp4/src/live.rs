//! Fragments for a player that watches now: one frame each, nothing kept, times that begin where the player begins.
//!
//! A [`crate::Muxer`] writes files: it remembers every sample for the table at the end. This one forgets, so a player may
//! watch for weeks. Media Source Extensions place fragments by their decoding time alone, so there is no edit list; the
//! offset that keeps picture and sound together is in the times themselves.

use bytes::Bytes;
use weir_media::{Frame, Timestamp, Track, TrackId, TrackKind, Tracks};

use crate::fragment::{self, Run};
use crate::movie::{Edit, MOVIE_TIMESCALE, Movie, MovieTrack};
use crate::samples::{Sample, SampleTable};
use crate::user_data::Label;
use crate::{Error, init, sample_entry};

/// What a frame is believed to last whose next one is so far away that something was lost: a second.
const LONGEST_FRAME: u32 = 1;

/// Writes fragments for one player.
#[derive(Debug)]
pub struct Live {
    tracks: Vec<LiveTrack>,
    /// Stream time at the player's zero.
    zero: Timestamp,
    sequence: u32,
}

#[derive(Debug)]
struct LiveTrack {
    id: TrackId,
    number: u32,
    timescale: u32,
    /// The frame that waits for the next one, which tells its duration.
    waiting: Option<Frame>,
}

impl Live {
    /// The initialization segment for `tracks`, which begins what `Live` writes. `first` holds the frames at hand, in which
    /// some codecs keep what the header must say; `zero` is the stream's time at which the player's clock begins.
    ///
    /// Tracks that MP4 cannot hold are left out; fails when none is left or a configuration is missing.
    pub fn begin(tracks: &Tracks, first: &[Frame], zero: Timestamp) -> Result<(Self, Bytes), Error> {
        let media = tracks.iter().filter(|track| track.id.kind != TrackKind::Data);
        let held: Vec<_> = media.filter(|track| sample_entry::supports(track.codec)).collect();
        if held.is_empty() {
            return Err(Error::NothingToWrite(tracks.iter().map(|track| track.codec).collect()));
        }
        let mut live = Self { tracks: Vec::new(), zero, sequence: 0 };
        let mut movie = Movie { tracks: Vec::new(), label: Label::default(), gaps: Vec::new() };
        for (number, track) in (1_u32..).zip(held) {
            let frame = first.iter().find(|frame| frame.track == track.id).map(|frame| frame.data.as_ref());
            movie.tracks.push(described(track, number, frame)?);
            live.tracks.push(LiveTrack { id: track.id, number, timescale: timescale(track), waiting: None });
        }
        Ok((live, init::write(&movie)))
    }

    /// Takes a frame; gives the fragment of the one before it on the same track, whose duration is known now. Frames of
    /// tracks that were left out are ignored.
    pub fn push(&mut self, frame: &Frame) -> Option<Bytes> {
        let (index, track) = self.tracks.iter_mut().enumerate().find(|(_, track)| track.id == frame.track)?;
        let before = track.waiting.replace(frame.clone())?;
        let start = ticks(before.dts, self.zero, track.timescale).max(0);
        let next = ticks(frame.dts, self.zero, track.timescale).max(start);
        let longest = track.timescale.saturating_mul(LONGEST_FRAME);
        let duration = u32::try_from(next - start).unwrap_or(longest).min(longest);
        let offset = ticks(before.pts, self.zero, track.timescale).saturating_sub(start);
        let sample = Sample {
            size: u32::try_from(before.data.len()).ok()?,
            duration,
            offset: i32::try_from(offset).unwrap_or(0),
            sync: before.track.kind == TrackKind::Audio || before.is_key(),
        };
        let run = Run {
            track: index,
            track_id: track.number,
            start: u64::try_from(start).unwrap_or(0),
            samples: vec![sample],
            data: vec![before.data],
        };
        self.sequence = self.sequence.wrapping_add(1);
        Some(fragment::write(self.sequence, &[run], &[]).bytes)
    }
}

fn ticks(time: Timestamp, zero: Timestamp, timescale: u32) -> i64 {
    (time - zero).as_ticks(timescale)
}

fn timescale(track: &Track) -> u32 {
    match track.id.kind {
        TrackKind::Audio => sample_entry::audio_rate(track),
        _ => MOVIE_TIMESCALE,
    }
}

fn described(track: &Track, number: u32, first: Option<&[u8]>) -> Result<MovieTrack, Error> {
    let (width, height) = sample_entry::video_size(track, first);
    Ok(MovieTrack {
        id: number,
        kind: track.id.kind,
        timescale: timescale(track),
        sample_entry: sample_entry::write(track, first)?,
        width,
        height,
        language: *b"und",
        edit: Edit::default(),
        samples: SampleTable::default(),
    })
}

#[cfg(test)]
mod tests {
    use weir_media::{Codec, FrameKind};

    use super::*;

    const AVCC: &[u8] =
        &[1, 0x42, 0xC0, 0x1E, 0xFF, 0xE1, 0, 4, 0x67, 0x42, 0xC0, 0x1E, 1, 0, 4, 0x68, 0xCE, 0x3C, 0x80];

    fn tracks() -> Tracks {
        let mut video = Track::new(TrackId::VIDEO, Codec::H264);
        video.config = Some(Bytes::from_static(AVCC));
        let mut audio = Track::new(TrackId::AUDIO, Codec::Aac);
        audio.config = Some(Bytes::from_static(&[0x11, 0x90]));
        Tracks::new([video, audio, Track::new(TrackId::DATA, Codec::Script)].map(std::sync::Arc::new))
    }

    fn frame(track: TrackId, dts: i64, pts: i64, kind: FrameKind) -> Frame {
        let (dts, pts) = (Timestamp::from_millis(dts), Timestamp::from_millis(pts));
        Frame { track, dts, pts, kind, data: Bytes::from_static(&[0, 0, 0, 1, 0x65]) }
    }

    /// `tfdt` time, sample duration and composition offset of a fragment of one sample.
    fn times(fragment: &[u8]) -> (u64, u32, i32) {
        let at = |name: &[u8; 4]| fragment.windows(4).position(|four| four == name).unwrap() + 4;
        let (tfdt, trun) = (at(b"tfdt"), at(b"trun"));
        let word = |at: usize| u32::from_be_bytes(fragment[at..at + 4].try_into().unwrap());
        let start = u64::from_be_bytes(fragment[tfdt + 4..tfdt + 12].try_into().unwrap());
        (start, word(trun + 12), word(trun + 24) as i32)
    }

    #[test]
    fn each_frame_is_a_fragment_once_the_next_tells_how_long_it_lasts() {
        let zero = Timestamp::from_millis(60_000);
        let (mut live, header) = Live::begin(&tracks(), &[], zero).unwrap();
        assert_eq!(&header[4..8], b"ftyp");
        assert!(header.windows(4).any(|four| four == b"avcC") && header.windows(4).any(|four| four == b"esds"));
        assert!(live.push(&frame(TrackId::VIDEO, 60_000, 60_080, FrameKind::Key)).is_none());
        assert!(live.push(&frame(TrackId::AUDIO, 60_010, 60_010, FrameKind::Key)).is_none());
        let first = live.push(&frame(TrackId::VIDEO, 60_040, 60_040, FrameKind::Delta)).unwrap();
        assert_eq!(times(&first), (0, 3600, 7200));
        let second = live.push(&frame(TrackId::VIDEO, 60_080, 60_120, FrameKind::Delta)).unwrap();
        assert_eq!(times(&second), (3600, 3600, 0));
        assert!(live.push(&frame(TrackId::DATA, 60_080, 60_080, FrameKind::Key)).is_none());
    }

    #[test]
    fn a_gap_does_not_stretch_one_frame_over_minutes() {
        let (mut live, _) = Live::begin(&tracks(), &[], Timestamp::ZERO).unwrap();
        live.push(&frame(TrackId::VIDEO, 0, 0, FrameKind::Key));
        let before = live.push(&frame(TrackId::VIDEO, 600_000, 600_000, FrameKind::Key)).unwrap();
        assert_eq!(times(&before), (0, 90_000, 0));
        let after = live.push(&frame(TrackId::VIDEO, 600_040, 600_040, FrameKind::Delta)).unwrap();
        assert_eq!(times(&after).0, 600 * 90_000);
    }

    #[test]
    fn without_a_track_that_fits_nothing_begins() {
        let tracks = Tracks::new([std::sync::Arc::new(Track::new(TrackId::VIDEO, Codec::FlvVideo(2)))]);
        assert!(matches!(Live::begin(&tracks, &[], Timestamp::ZERO), Err(Error::NothingToWrite(_))));
    }
}
