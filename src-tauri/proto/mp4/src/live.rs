//! Fragments for a player that watches now: as short as can be, nothing kept, times that begin where the player begins.
//!
//! A fragment is one frame, or the frames that are decoded in another order than they are shown, up to where everything is shown
//! without a hole. One frame each would leave holes that are filled a moment later, and Firefox does not play on over those.
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
/// Most frames that wait for one that is shown before them: no decoder of H.264 or H.265 holds more (ITU-T H.264, A.3.1).
const MOST_REORDERED: usize = 16;

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
    /// Frames that wait for the next one, which tells how long the last of them lasts, and whether it is shown before one of them.
    waiting: Vec<Frame>,
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
            live.tracks.push(LiveTrack { id: track.id, number, timescale: timescale(track), waiting: Vec::new() });
        }
        Ok((live, init::write(&movie)))
    }

    /// Takes a frame; gives the fragment of those before it on the same track, unless it is shown before one of them. Frames
    /// of tracks that were left out are ignored.
    pub fn push(&mut self, frame: &Frame) -> Option<Bytes> {
        let (index, track) = self.tracks.iter_mut().enumerate().find(|(_, track)| track.id == frame.track)?;
        let is_shown_before = track.waiting.iter().any(|waiting| frame.pts < waiting.pts);
        let goes_on = track.waiting.is_empty() || is_shown_before && track.waiting.len() < MOST_REORDERED;
        let group = if goes_on { Vec::new() } else { std::mem::take(&mut track.waiting) };
        track.waiting.push(frame.clone());
        let start = u64::try_from(ticks(group.first()?.dts, self.zero, track.timescale)).unwrap_or(0);
        let nexts = group.iter().skip(1).chain([frame]).map(|next| next.dts);
        let samples = group.iter().zip(nexts).map(|(frame, next)| track.sample(frame, next, self.zero)).collect();
        let data = group.into_iter().map(|frame| frame.data).collect();
        let run = Run { track: index, track_id: track.number, start, samples, data };
        self.sequence = self.sequence.wrapping_add(1);
        Some(fragment::write(self.sequence, &[run], &[]).bytes)
    }
}

impl LiveTrack {
    /// What a fragment says of a frame, and of when the `next` one is decoded.
    fn sample(&self, frame: &Frame, next: Timestamp, zero: Timestamp) -> Sample {
        let start = ticks(frame.dts, zero, self.timescale).max(0);
        let longest = self.timescale.saturating_mul(LONGEST_FRAME);
        let duration = ticks(next, zero, self.timescale).max(start) - start;
        let offset = ticks(frame.pts, zero, self.timescale).saturating_sub(start);
        Sample {
            size: u32::try_from(frame.data.len()).unwrap_or(u32::MAX),
            duration: u32::try_from(duration).unwrap_or(longest).min(longest),
            offset: i32::try_from(offset).unwrap_or(0),
            sync: frame.track.kind == TrackKind::Audio || frame.is_key(),
        }
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

    /// `tfdt` time, and duration and composition offset of each sample of a fragment.
    fn all_times(fragment: &[u8]) -> (u64, Vec<(u32, i32)>) {
        let at = |name: &[u8; 4]| fragment.windows(4).position(|four| four == name).unwrap() + 4;
        let (tfdt, trun) = (at(b"tfdt"), at(b"trun"));
        let word = |at: usize| u32::from_be_bytes(fragment[at..at + 4].try_into().unwrap());
        let start = u64::from_be_bytes(fragment[tfdt + 4..tfdt + 12].try_into().unwrap());
        let samples = (0..word(trun + 4) as usize).map(|number| trun + 12 + 16 * number);
        (start, samples.map(|at| (word(at), word(at + 12) as i32)).collect())
    }

    /// The same of a fragment of one sample.
    fn times(fragment: &[u8]) -> (u64, u32, i32) {
        let (start, samples) = all_times(fragment);
        let [(duration, offset)] = samples[..] else { panic!("{samples:?}") };
        (start, duration, offset)
    }

    #[test]
    fn each_frame_is_a_fragment_once_the_next_tells_how_long_it_lasts() {
        let zero = Timestamp::from_millis(60_000);
        let (mut live, header) = Live::begin(&tracks(), &[], zero).unwrap();
        assert_eq!(&header[4..8], b"ftyp");
        assert!(header.windows(4).any(|four| four == b"avcC") && header.windows(4).any(|four| four == b"esds"));
        assert!(live.push(&frame(TrackId::VIDEO, 60_000, 60_040, FrameKind::Key)).is_none());
        assert!(live.push(&frame(TrackId::AUDIO, 60_010, 60_010, FrameKind::Key)).is_none());
        let first = live.push(&frame(TrackId::VIDEO, 60_040, 60_040, FrameKind::Delta)).unwrap();
        assert_eq!(times(&first), (0, 3600, 3600));
        let second = live.push(&frame(TrackId::VIDEO, 60_080, 60_120, FrameKind::Delta)).unwrap();
        assert_eq!(times(&second), (3600, 3600, 0));
        assert!(live.push(&frame(TrackId::DATA, 60_080, 60_080, FrameKind::Key)).is_none());
    }

    #[test]
    fn frames_that_are_shown_in_another_order_are_one_fragment_without_a_hole() {
        let (mut live, _) = Live::begin(&tracks(), &[], Timestamp::ZERO).unwrap();
        // An encoder with three frames between two references, of which the one in the middle is a reference too.
        let shown = [40, 200, 120, 80, 160, 360, 280, 240, 320, 400];
        let mut until = 3600;
        let mut lengths = Vec::new();
        for (number, pts) in (0..).zip(shown) {
            let kind = if number == 0 { FrameKind::Key } else { FrameKind::Delta };
            let Some(fragment) = live.push(&frame(TrackId::VIDEO, number * 40, pts, kind)) else { continue };
            let (start, samples) = all_times(&fragment);
            let mut decoded = i64::try_from(start).unwrap();
            let mut spans = Vec::new();
            for (duration, offset) in &samples {
                spans.push((decoded + i64::from(*offset), i64::from(*duration)));
                decoded += i64::from(*duration);
            }
            spans.sort_unstable();
            for (from, duration) in spans {
                assert_eq!(from, until, "a hole, or twice the same time");
                until = from + duration;
            }
            lengths.push(samples.len());
        }
        assert_eq!(lengths, [1, 4, 4]);
    }

    #[test]
    fn times_that_only_ever_run_back_are_not_kept_for_ever() {
        let (mut live, _) = Live::begin(&tracks(), &[], Timestamp::ZERO).unwrap();
        let fragments = (0..100).filter_map(|number| {
            live.push(&frame(TrackId::VIDEO, number * 40, 10_000 - number * 40, FrameKind::Delta))
        });
        assert_eq!(fragments.count(), 6);
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
