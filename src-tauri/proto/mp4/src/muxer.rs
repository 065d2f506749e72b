//! From tracks and frames to the bytes of a file.

use std::collections::VecDeque;
use std::mem;

use bytes::Bytes;
use weir_media::{Codec, Frame, TimeDelta, Timestamp, Track, TrackId, TrackKind, Tracks};

use crate::fragment::{self, Run};
use crate::movie::{Edit, MOVIE_TIMESCALE, Movie, MovieTrack};
use crate::samples::{MAX_SAMPLES, Sample, SampleTable};
use crate::user_data::{Gap, Label};
use crate::{Error, init, sample_entry};

/// How a file is cut into fragments.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// A fragment is written when this much media time is complete: what a kill or a power cut can cost. Default 1 s.
    pub fragment: TimeDelta,
    /// A key frame closes the fragment before it once it holds this much, so that fragments begin with key frames where
    /// they can. Default 0.5 s.
    pub fragment_at_key: TimeDelta,
    /// A fragment is written when it holds this many bytes, whatever its length. Default 64 MiB: a bound on memory.
    pub fragment_bytes: usize,
    /// From so many frames on the file is nearly full, see [`Muxer::is_nearly_full`]; a quarter more it takes. Default 2^23: a
    /// day and a half of pictures and sound, whose index readers still take.
    pub frames: u32,
}

/// Frames with which a file is nearly full, unless somebody says otherwise.
const FRAMES: u32 = 1 << 23;

// What is written is read again.
const _: () = assert!(FRAMES + FRAMES / 4 < MAX_SAMPLES);

impl Default for Options {
    fn default() -> Self {
        Self {
            fragment: TimeDelta::from_millis(1_000),
            fragment_at_key: TimeDelta::from_millis(500),
            fragment_bytes: 64 * 1024 * 1024,
            frames: FRAMES,
        }
    }
}

/// Bytes that replace others of the same length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patch {
    /// Where in the file.
    pub position: u64,
    /// What stands there from now on.
    pub bytes: Bytes,
}

/// How a file is closed: append, make it durable, then patch. Killed between the two, the file still plays as fragments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closing {
    /// Goes to the end of the file.
    pub append: Bytes,
    /// Then goes over what stands there; nothing when no frame was ever written.
    pub patch: Option<Patch>,
}

/// A frame that waits for the next one of its track, which tells its duration.
#[derive(Debug)]
struct Pending {
    /// Decoding time in ticks of the track's clock, from the track's own zero.
    ticks: u64,
    /// Composition offset in ticks.
    offset: i32,
    sync: bool,
    data: Bytes,
}

#[derive(Debug)]
struct TrackWriter {
    track: std::sync::Arc<Track>,
    timescale: u32,
    /// The stream's time at the track's zero; set when the header is written.
    zero: Option<Timestamp>,
    /// Added to every presentation time, and taken away by the edit: an edit cannot begin before the track's zero, but some
    /// encoders present their first frame before it is decoded.
    lift: TimeDelta,
    last_ticks: u64,
    last_duration: u32,
    pending: VecDeque<Pending>,
    /// Frames that came before the header was written.
    early: Vec<Frame>,
}

/// Writes one MP4 file. Pure: it gives bytes to append, and at the end a patch.
#[derive(Debug)]
pub struct Muxer {
    options: Options,
    tracks: Vec<TrackWriter>,
    left_out: Vec<Codec>,
    /// Tracks that the header lacks, because nothing of them had come when it was written.
    absent: Vec<TrackId>,
    /// First frames that will come.
    expected: Vec<Frame>,
    movie: Option<Movie>,
    /// Frames so far.
    frames: u32,
    /// Stream time of the first frame of the present fragment.
    fragment_start: Option<Timestamp>,
    first: Option<Timestamp>,
    pending_bytes: usize,
    sequence: u32,
    position: u64,
    output: Vec<Bytes>,
    label: Label,
    /// Gaps that no fragment tells of yet.
    gaps: Vec<Gap>,
    /// Time of the newest frame.
    newest: Timestamp,
}

impl Muxer {
    /// A muxer for these tracks. Those that MP4 cannot hold are left out; fails when none is left.
    pub fn new(tracks: &Tracks, options: Options) -> Result<Self, Error> {
        let mut muxer = Self {
            options,
            tracks: Vec::new(),
            left_out: Vec::new(),
            absent: Vec::new(),
            expected: Vec::new(),
            movie: None,
            frames: 0,
            fragment_start: None,
            first: None,
            pending_bytes: 0,
            sequence: 0,
            position: 0,
            output: Vec::new(),
            label: Label::default(),
            gaps: Vec::new(),
            newest: Timestamp::ZERO,
        };
        muxer.set_tracks(tracks)?;
        Ok(muxer)
    }

    /// Says what the file is called and when it began. Call it before the first frame.
    pub fn set_label(&mut self, label: Label) {
        self.label = label;
    }

    /// Tells the first frame of a track before it comes: in some codecs it alone tells what the header must say.
    pub fn expect(&mut self, first: &Frame) {
        self.expected.push(first.clone());
    }

    /// Marks that `missing` is not in the file between the newest frame and the next: the closed file has a chapter there.
    /// Time goes on over it: the frame before it is shown until the frame after it.
    pub fn mark_gap(&mut self, missing: TimeDelta, reason: &str) {
        let Some(first) = self.first else { return };
        let millis = |time: TimeDelta| u64::try_from(time.as_millis()).unwrap_or(0);
        self.gaps.push(Gap {
            at_millis: millis(self.newest - first),
            missing_millis: millis(missing),
            reason: reason.to_owned(),
        });
    }

    /// Says the tracks again, or anew. Until the header is written, with the first fragment, they may still change, but for
    /// those of which frames have come; after that a new track or configuration fails with [`Error::TracksChanged`]: close this
    /// file and begin another. When it fails nothing has changed.
    pub fn set_tracks(&mut self, tracks: &Tracks) -> Result<(), Error> {
        let media: Vec<_> = tracks.iter().filter(|track| track.id.kind != TrackKind::Data).collect();
        if self.movie.is_some() {
            let same = |track: &Track| {
                let known = self.tracks.iter().find(|writer| writer.track.id == track.id);
                known.is_some_and(|writer| sample_entry::same_decoder(&writer.track, track))
            };
            // What is absent, and has not come yet, may be announced again.
            let fits =
                |track: &Track| !sample_entry::supports(track.codec) || same(track) || self.absent.contains(&track.id);
            return if media.iter().all(|track| fits(track)) { Ok(()) } else { Err(Error::TracksChanged) };
        }
        let left_out = media.iter().map(|track| track.codec).filter(|codec| !sample_entry::supports(*codec)).collect();
        let held: Vec<_> = media.into_iter().filter(|track| sample_entry::supports(track.codec)).collect();
        if held.is_empty() {
            return Err(Error::NothingToWrite(left_out));
        }
        let changes = |writer: &TrackWriter| {
            let now = held.iter().find(|track| track.id == writer.track.id);
            now.is_some_and(|now| !sample_entry::same_decoder(&writer.track, now))
        };
        if self.tracks.iter().any(|writer| !writer.early.is_empty() && changes(writer)) {
            return Err(Error::TracksChanged);
        }
        self.left_out = left_out;
        let mut known = mem::take(&mut self.tracks);
        for track in held {
            let timescale = match track.id.kind {
                TrackKind::Audio => sample_entry::audio_rate(track),
                _ => MOVIE_TIMESCALE,
            };
            let at = known.iter().position(|writer| writer.track.id == track.id);
            let early = at.map(|at| known.swap_remove(at).early).unwrap_or_default();
            self.tracks.push(TrackWriter::new(track.clone(), timescale, early));
        }
        // What has come stays, though its track was not announced again.
        self.tracks.extend(known.into_iter().filter(|writer| !writer.early.is_empty()));
        self.tracks.sort_by_key(|writer| writer.track.id);
        Ok(())
    }

    /// Whether the file should end with the next key frame: its index becomes so long that readers would refuse it.
    pub const fn is_nearly_full(&self) -> bool {
        self.frames >= self.options.frames
    }

    /// Codecs of tracks that MP4 cannot hold and that the file therefore lacks.
    pub fn left_out(&self) -> &[Codec] {
        &self.left_out
    }

    /// Bytes of the file so far, those not yet taken included.
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// Adds a frame; frames of tracks that MP4 cannot hold are ignored. Take the bytes with [`Muxer::take_output`].
    ///
    /// Fails with [`Error::TracksChanged`] for the first frame of a track that the header could not describe before, and with
    /// [`Error::Full`]: both belong into another file.
    pub fn write(&mut self, frame: &Frame) -> Result<(), Error> {
        if self.absent.contains(&frame.track) {
            return Err(Error::TracksChanged);
        }
        if !self.tracks.iter().any(|writer| writer.track.id == frame.track) {
            return Ok(());
        }
        if self.frames >= self.options.frames.saturating_add(self.options.frames / 4) {
            return Err(Error::Full);
        }
        self.frames += 1;
        let start = *self.fragment_start.get_or_insert(frame.dts);
        self.first.get_or_insert(frame.dts);
        self.newest = self.newest.max(frame.dts);
        let length = frame.dts - start;
        let lead = frame.track == self.lead();
        let at_key = lead && frame.track.kind == TrackKind::Video && frame.is_key();
        if length >= self.options.fragment
            || at_key && length >= self.options.fragment_at_key
            || self.pending_bytes >= self.options.fragment_bytes
        {
            self.close_fragment(false, Some((frame.track, frame.dts)))?;
            self.fragment_start = Some(frame.dts);
        }
        self.pending_bytes += frame.data.len();
        let has_header = self.movie.is_some();
        if let Some(writer) = self.tracks.iter_mut().find(|writer| writer.track.id == frame.track) {
            if has_header {
                writer.push(frame);
            } else {
                writer.early.push(frame.clone());
            }
        }
        Ok(())
    }

    /// The bytes to append since the last call.
    pub fn take_output(&mut self) -> Vec<Bytes> {
        mem::take(&mut self.output)
    }

    /// Ends the file: writes what is pending and returns what closes it. A file without frames stays empty.
    pub fn finish(&mut self) -> Result<Closing, Error> {
        if self.first.is_some() {
            self.close_fragment(true, None)?;
        }
        let Some(movie) = &self.movie else { return Ok(Closing { append: Bytes::new(), patch: None }) };
        Ok(Closing {
            append: init::closing(movie),
            patch: Some(Patch { position: init::PLACE, bytes: init::mdat_header(self.position) }),
        })
    }

    /// The track by whose key frames fragments are cut.
    fn lead(&self) -> TrackId {
        self.tracks.first().map_or(TrackId::VIDEO, |writer| writer.track.id)
    }

    /// Writes everything whose duration is known, with `last` also what is not. `next` is the frame that closes the
    /// fragment and tells its own track's last duration.
    fn close_fragment(&mut self, last: bool, next: Option<(TrackId, Timestamp)>) -> Result<(), Error> {
        if self.movie.is_none() {
            self.write_header()?;
        }
        let mut runs = Vec::new();
        for (index, writer) in self.tracks.iter_mut().enumerate() {
            let until = next.filter(|(track, _)| *track == writer.track.id).map(|(_, dts)| dts);
            if let Some(run) = writer.take_run(index, last, until) {
                runs.push(run);
            }
        }
        self.pending_bytes = self.tracks.iter().flat_map(|writer| &writer.pending).map(|p| p.data.len()).sum();
        if runs.is_empty() {
            return Ok(());
        }
        self.sequence += 1;
        let gaps = mem::take(&mut self.gaps);
        let written = fragment::write(self.sequence, &runs, &gaps);
        if let Some(movie) = &mut self.movie {
            movie.gaps.extend(gaps);
            for (run, data_at) in runs.into_iter().zip(&written.data_at) {
                if let Some(track) = movie.tracks.get_mut(run.track) {
                    track.begins_at(run.start, run.samples.first());
                    track.samples.add_chunk(self.position + data_at, run.samples);
                }
            }
        }
        self.append(written.bytes);
        Ok(())
    }

    fn append(&mut self, bytes: Bytes) {
        self.position += bytes.len() as u64;
        self.output.push(bytes);
    }

    /// Writes the header, now that the first frames of the tracks are known: from them come the edits that keep the tracks
    /// together.
    fn write_header(&mut self) -> Result<(), Error> {
        let shown = self.tracks.iter().filter_map(|writer| writer.early.first()).map(|frame| frame.pts).min();
        let shown = shown.or(self.first).unwrap_or(Timestamp::ZERO);
        let mut tracks = Vec::new();
        let mut kept = Vec::new();
        for mut writer in mem::take(&mut self.tracks) {
            let expected = self.expected.iter().find(|frame| frame.track == writer.track.id);
            let first = writer.early.first().or(expected).map(|frame| frame.data.clone());
            let entry = match sample_entry::write(&writer.track, first.as_deref()) {
                Ok(entry) => entry,
                // A track of which nothing has come and nothing is known is left out; the others are worth a file.
                Err(_) if writer.early.is_empty() => {
                    self.absent.push(writer.track.id);
                    continue;
                }
                Err(error) => {
                    self.tracks = kept;
                    self.tracks.push(writer);
                    return Err(error);
                }
            };
            let (width, height) = sample_entry::video_size(&writer.track, first.as_deref());
            let edit = writer.place(shown);
            tracks.push(MovieTrack {
                id: u32::try_from(tracks.len()).unwrap_or(0) + 1,
                kind: writer.track.id.kind,
                timescale: writer.timescale,
                sample_entry: entry,
                width,
                height,
                language: language(&writer.track),
                edit,
                samples: SampleTable::default(),
            });
            for frame in mem::take(&mut writer.early) {
                writer.push(&frame);
            }
            kept.push(writer);
        }
        self.tracks = kept;
        let movie = Movie { tracks, label: self.label.clone(), gaps: Vec::new() };
        self.append(init::write(&movie));
        self.movie = Some(movie);
        Ok(())
    }
}

impl TrackWriter {
    const fn new(track: std::sync::Arc<Track>, timescale: u32, early: Vec<Frame>) -> Self {
        Self {
            track,
            timescale,
            zero: None,
            lift: TimeDelta::ZERO,
            last_ticks: 0,
            last_duration: 0,
            pending: VecDeque::new(),
            early,
        }
    }

    /// Decides where the track's own time begins, and how it is shown: `shown` is the movie's zero.
    fn place(&mut self, shown: Timestamp) -> Edit {
        let Some(first) = self.early.first() else {
            self.zero = Some(shown);
            return Edit::default();
        };
        self.zero = Some(first.dts);
        let delay = (first.pts - shown).as_ticks(MOVIE_TIMESCALE);
        let ahead = first.pts - first.dts;
        self.lift = if ahead < TimeDelta::ZERO { -ahead } else { TimeDelta::ZERO };
        Edit { delay: u64::try_from(delay).unwrap_or(0), media_time: (ahead + self.lift).as_ticks(self.timescale) }
    }

    fn ticks(&self, time: Timestamp) -> u64 {
        let ticks = (time - self.zero.unwrap_or(time)).as_ticks(self.timescale);
        u64::try_from(ticks).unwrap_or(0)
    }

    fn push(&mut self, frame: &Frame) {
        let ticks = self.ticks(frame.dts).max(self.last_ticks);
        self.last_ticks = ticks;
        // Both rounded on their own, so that presentation times are exact.
        let presented = (frame.pts - self.zero.unwrap_or(frame.pts) + self.lift).as_ticks(self.timescale);
        let offset = presented.saturating_sub(i64::try_from(ticks).unwrap_or(i64::MAX));
        self.pending.push_back(Pending {
            ticks,
            offset: i32::try_from(offset).unwrap_or(0),
            sync: self.track.id.kind == TrackKind::Audio || frame.is_key(),
            data: frame.data.clone(),
        });
    }

    /// Takes the frames whose duration is known. `until` is the time of the next frame, when that is known though the frame
    /// is not here yet; `last` takes the remaining one too, as long as the one before it.
    fn take_run(&mut self, index: usize, last: bool, until: Option<Timestamp>) -> Option<Run> {
        let until = until.map(|time| self.ticks(time).max(self.last_ticks));
        let start = self.pending.front()?.ticks;
        let mut run = Run { track: index, track_id: 0, start, samples: Vec::new(), data: Vec::new() };
        while let Some(frame) = self.pending.front() {
            let next = self.pending.get(1).map(|next| next.ticks).or(until);
            let duration = match next {
                Some(next) => u32::try_from(next - frame.ticks).unwrap_or(u32::MAX),
                None if last => self.last_duration,
                None => break,
            };
            let Some(frame) = self.pending.pop_front() else { break };
            self.last_duration = duration;
            let size = u32::try_from(frame.data.len()).unwrap_or(u32::MAX);
            run.samples.push(Sample { size, duration, offset: frame.offset, sync: frame.sync });
            run.data.push(frame.data);
        }
        run.track_id = u32::try_from(index).unwrap_or(0) + 1;
        (!run.samples.is_empty()).then_some(run)
    }
}

/// ISO 639-2 letters for the header; `und` where the track does not say or says it in another form.
fn language(track: &Track) -> [u8; 3] {
    let letters = track.language.as_deref().and_then(|language| <[u8; 3]>::try_from(language.as_bytes()).ok());
    letters.filter(|letters| letters.iter().all(u8::is_ascii_lowercase)).unwrap_or(*b"und")
}
