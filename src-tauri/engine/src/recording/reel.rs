//! One recording as the files it becomes: the first, and another whenever a segment is long enough, the format can take no
//! more, or the tracks change into something that the present file cannot hold.
//!
//! A file begins with a picture that needs none before it. When a track changes between two of those, the pictures go on in the
//! present file, where they can be seen, and what the changed track brings goes into the next one at once.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use weir_media::{Frame, TimeDelta, Timestamp, Track, TrackId, TrackKind, Tracks};

use super::config::{self, OnReturn};
use super::container::{Container, Format, Refusal};
use super::failure::Failure;
use super::files::Files;
use super::flv::FlvFile;
use super::mp4::Mp4File;
use super::repair;
use super::writer::{Item, Muxer, Progress};

/// Longest file. FLV counts to 24.8 days; cut at a key frame before that, nothing is lost.
const LONGEST: Duration = Duration::from_secs(24 * 24 * 3600);

/// How long a file stays open for sound that comes after the key frame at which the next one began, though it belongs before.
const LATE: TimeDelta = TimeDelta::from_millis(1_000);

/// When another file begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cutting {
    pub(super) container: config::Container,
    /// After so long, at the next key frame.
    pub(super) segment: Option<Duration>,
    pub(super) on_return: OnReturn,
    /// After so many frames in an MP4 file, at the next key frame.
    pub(super) mp4_frames: u32,
}

impl Cutting {
    /// One file in this container.
    pub(super) fn none(container: config::Container) -> Self {
        let mp4_frames = weir_mp4::Options::default().frames;
        Self { container, segment: None, on_return: OnReturn::Continue, mp4_frames }
    }
}

/// Writes one recording.
pub(super) struct Reel {
    cutting: Cutting,
    files: Box<dyn Files>,
    tracks: Tracks,
    /// Files so far.
    number: u64,
    current: Open,
    /// The file before, while frames for it may still come.
    before: Option<Before>,
    /// The tracks have changed, and the next file begins with the next key frame.
    turn: Option<Turn>,
    /// The publisher came back, and the settings want a new file.
    cut_next: bool,
    /// Frames that are missing in the files that are closed, or in all.
    missing: Missing,
    failed: bool,
}

/// Frames that no file holds.
#[derive(Debug, Clone, Copy, Default)]
struct Missing {
    left_out: u64,
    early: u64,
}

impl Missing {
    fn add(&mut self, progress: Progress) {
        self.left_out += progress.left_out;
        self.early += progress.early;
    }
}

struct Open {
    file: Box<dyn Container>,
    path: PathBuf,
    format: Format,
    /// Every track that was announced while it was written, as it was last.
    known: Tracks,
    began: Option<Timestamp>,
}

struct Before {
    open: Open,
    /// Where it was cut.
    cut: Timestamp,
    /// Tracks that it cannot hold as they are now.
    changed: Vec<TrackId>,
}

#[derive(Default)]
struct Turn {
    /// Tracks that the present file cannot hold as they are now.
    changed: Vec<TrackId>,
    /// The next file, once one of them has brought something.
    ahead: Option<Open>,
    /// Video tracks of which the next file has a key frame.
    keyed: Vec<TrackId>,
}

impl Open {
    /// Writes a frame. Gives it back where a file of another kind is needed.
    fn put(&mut self, frame: Frame) -> Result<Option<Frame>, Failure> {
        if frame.track.kind != TrackKind::Data {
            self.began.get_or_insert(frame.dts);
        }
        let item = Item::Frame(frame);
        match (self.file.write(&item), item) {
            (Ok(()), _) => Ok(None),
            (Err(Refusal::Failed(failure)), _) => Err(failure),
            (Err(Refusal::NeedsNewFile), Item::Frame(frame)) => Ok(Some(frame)),
            (Err(Refusal::NeedsNewFile), _) => Ok(None),
        }
    }

    /// Writes what is no frame, where the file can hold it.
    fn note(&mut self, item: &Item) -> Result<(), Failure> {
        match self.file.write(item) {
            Ok(()) | Err(Refusal::NeedsNewFile) => Ok(()),
            Err(Refusal::Failed(failure)) => Err(failure),
        }
    }

    /// Takes tracks; false where another file is needed for them. `known` are all that it would have then.
    fn take_tracks(&mut self, tracks: &Tracks, known: &Tracks, container: config::Container) -> Result<bool, Failure> {
        let media = known.iter().any(|track| track.id.kind != TrackKind::Data);
        if media && Format::choose(container, known) != self.format {
            return Ok(false);
        }
        match self.file.write(&Item::Tracks(tracks.clone())) {
            Ok(()) => {
                self.known = known.clone();
                Ok(true)
            }
            Err(Refusal::NeedsNewFile) => Ok(false),
            Err(Refusal::Failed(failure)) => Err(failure),
        }
    }

    /// Closes the file. When that or something before has `failed`, what is there becomes a whole file if there is room for its
    /// index, and where nothing is there, nothing stays; it is let go first, since a repair takes none that somebody holds.
    fn close(&mut self, failed: bool) -> Result<(), Failure> {
        let closed = self.file.close();
        let progress = self.file.progress();
        self.file = Box::new(Closed(progress));
        if failed || closed.is_err() {
            let is_empty = std::fs::metadata(&self.path).is_ok_and(|metadata| metadata.len() == 0);
            let _ =
                if is_empty { std::fs::remove_file(&self.path).is_ok() } else { repair::repair(&self.path).is_ok() };
        }
        closed
    }

    fn seconds(&self) -> f64 {
        self.file.progress().duration.as_secs_f64()
    }
}

impl Reel {
    /// Opens the first file. Blocks.
    pub(super) fn open(
        cutting: Cutting,
        mut files: Box<dyn Files>,
        tracks: Tracks,
    ) -> Result<(PathBuf, Self), Failure> {
        let current = open(cutting, files.as_mut(), &tracks, 1)?;
        let path = current.path.clone();
        let mut reel = Self {
            cutting,
            files,
            tracks,
            number: 1,
            current,
            before: None,
            turn: None,
            cut_next: false,
            missing: Missing::default(),
            failed: false,
        };
        reel.tell();
        Ok((path, reel))
    }

    /// Tells which files are open.
    fn tell(&mut self) {
        let ahead = self.turn.as_ref().and_then(|turn| turn.ahead.as_ref());
        let beside = self.before.iter().map(|before| &before.open).chain(ahead);
        let beside = beside.map(|open| (open.path.clone(), open.seconds())).collect();
        self.files.are_open(&self.current.path, beside);
    }

    fn take_tracks(&mut self, tracks: &Tracks) -> Result<(), Failure> {
        self.tracks = tracks.clone();
        // A publisher that comes back announces one track after the other, often sound first: what the file already holds still
        // counts until the new set says otherwise.
        let with = |known: &Tracks| tracks.iter().fold(known.clone(), |known, track| with(&known, track));
        let known = with(&self.current.known);
        let changed = changed(&self.current.known, &known);
        let fits = self.current.take_tracks(tracks, &known, self.cutting.container)?;
        if !fits && self.current.began.is_none() {
            return self.begin_anew();
        }
        if !fits {
            // The tracks that it can hold may have been announced anew: they go on in it.
            let as_before = |track: &Arc<Track>| {
                if changed.contains(&track.id) {
                    self.current.known.find(track.id).cloned()
                } else {
                    Some(Arc::clone(track))
                }
            };
            let kept = Tracks::new(tracks.iter().filter_map(as_before));
            self.current.note(&Item::Tracks(kept))?;
        }
        let Some(turn) = &mut self.turn else {
            if !fits {
                self.turn = Some(Turn { changed, ..Turn::default() });
            }
            return Ok(());
        };
        let Some(ahead) = &mut turn.ahead else {
            // Nothing of what changed has come; perhaps it was an announcement in several parts.
            self.turn = (!fits).then(|| Turn { changed, ..Turn::default() });
            return Ok(());
        };
        turn.changed = if fits { Vec::new() } else { changed };
        let known = with(&ahead.known);
        if !ahead.take_tracks(tracks, &known, self.cutting.container)? {
            self.close_ahead()?;
        }
        Ok(())
    }

    fn take_frame(&mut self, frame: Frame) -> Result<(), Failure> {
        let Some(frame) = self.put_before(frame)? else { return Ok(()) };
        if self.turn.is_some() {
            if !self.begins(&frame) {
                return self.put_while_turning(frame);
            }
            self.begin_next(frame.dts)?;
        } else if self.is_cut(&frame) {
            self.begin_next(frame.dts)?;
        }
        let Some(frame) = self.current.put(frame)? else { return Ok(()) };
        if frame.track.kind == TrackKind::Audio && self.tracks.has_video() {
            // A track that was announced long before it came: pictures go on here until the next can begin.
            self.turn = Some(Turn { changed: vec![frame.track], ..Turn::default() });
            return self.put_while_turning(frame);
        }
        self.begin_next(frame.dts)?;
        self.missing.early += u64::from(self.current.put(frame)?.is_some());
        Ok(())
    }

    /// Writes what belongs into the file before; gives back what does not.
    fn put_before(&mut self, frame: Frame) -> Result<Option<Frame>, Failure> {
        let Some(before) = &mut self.before else { return Ok(Some(frame)) };
        let is_late = frame.dts < before.cut && frame.track.kind != TrackKind::Video;
        if is_late && !before.changed.contains(&frame.track) {
            self.missing.early += u64::from(before.open.put(frame)?.is_some());
            return Ok(None);
        }
        if frame.dts - before.cut >= LATE {
            self.close_before()?;
        }
        Ok(Some(frame))
    }

    /// Writes a frame that comes between a change of the tracks and the key frame with which the next file begins.
    fn put_while_turning(&mut self, frame: Frame) -> Result<(), Failure> {
        let mut frame = frame;
        let Some(turn) = &mut self.turn else { return Ok(()) };
        if !turn.changed.contains(&frame.track) {
            match self.current.put(frame)? {
                None => return Ok(()),
                Some(refused) => frame = refused,
            }
            turn.changed.push(frame.track);
        }
        if frame.track.kind == TrackKind::Video && !turn.keyed.contains(&frame.track) {
            if !frame.is_key() {
                // No decoder that is set up for it has seen what it changes.
                self.missing.early += 1;
                return Ok(());
            }
            turn.keyed.push(frame.track);
        }
        if turn.ahead.is_none() {
            self.number += 1;
            turn.ahead = Some(open(self.cutting, self.files.as_mut(), &self.tracks, self.number)?);
            self.tell();
        }
        let ahead = self.turn.as_mut().and_then(|turn| turn.ahead.as_mut());
        let refused = ahead.map_or(Ok(None), |ahead| ahead.put(frame))?;
        self.missing.early += u64::from(refused.is_some());
        Ok(())
    }

    /// Whether a file can begin with this frame.
    fn begins(&self, frame: &Frame) -> bool {
        match frame.track.kind {
            TrackKind::Video => frame.track == TrackId::VIDEO && frame.is_key(),
            TrackKind::Audio => !self.tracks.has_video(),
            TrackKind::Data => false,
        }
    }

    /// Whether a new file begins with this frame though the present one could take it.
    fn is_cut(&self, frame: &Frame) -> bool {
        let Some(began) = self.current.began else { return false };
        let length = (frame.dts - began).to_duration();
        let is_long = length >= self.cutting.segment.unwrap_or(LONGEST).min(LONGEST);
        self.begins(frame) && (self.cut_next || is_long || self.current.file.is_nearly_full())
    }

    /// Goes on in the next file. The one before stays open for sound that belongs into it and is still to come.
    fn begin_next(&mut self, cut: Timestamp) -> Result<(), Failure> {
        self.close_before()?;
        self.cut_next = false;
        let Turn { changed, ahead, .. } = self.turn.take().unwrap_or_default();
        let next = match ahead {
            Some(ahead) => ahead,
            None => {
                self.number += 1;
                open(self.cutting, self.files.as_mut(), &self.tracks, self.number)?
            }
        };
        let open = std::mem::replace(&mut self.current, next);
        tracing::info!(file = %self.current.path.display(), "recording goes on in a new file");
        self.before = Some(Before { open, cut, changed });
        self.tell();
        Ok(())
    }

    /// Begins the present file again: the tracks changed before its first frame.
    fn begin_anew(&mut self) -> Result<(), Failure> {
        self.turn = None;
        self.current.file = Box::new(Closed(Progress::default()));
        let _ = std::fs::remove_file(&self.current.path);
        self.current = open(self.cutting, self.files.as_mut(), &self.tracks, self.number)?;
        self.tell();
        Ok(())
    }

    fn close_before(&mut self) -> Result<(), Failure> {
        let Some(Before { open, .. }) = self.before.take() else { return Ok(()) };
        self.close_one(open)
    }

    fn close_ahead(&mut self) -> Result<(), Failure> {
        let Some(open) = self.turn.as_mut().and_then(|turn| turn.ahead.take()) else { return Ok(()) };
        self.close_one(open)
    }

    /// Closes a file beside the one that is written.
    fn close_one(&mut self, mut open: Open) -> Result<(), Failure> {
        let closed = open.close(self.failed);
        let progress = open.file.progress();
        self.missing.add(progress);
        self.tell();
        if closed.is_ok() {
            self.files.is_closed(&open.path, progress);
        }
        closed
    }

    fn noted<T>(&mut self, result: Result<T, Failure>) -> Result<T, Failure> {
        self.failed |= result.is_err();
        result
    }
}

/// What is known with one more track. Announced again, a track has its codec before its configuration.
fn with(known: &Tracks, track: &Track) -> Tracks {
    let before = known.find(track.id).filter(|before| before.codec == track.codec && before.config.is_some());
    if before.is_some() && track.config.is_none() { known.clone() } else { known.with(track.clone()) }
}

/// Tracks of picture and sound that are new, or are decoded in another way than before.
fn changed(before: &Tracks, now: &Tracks) -> Vec<TrackId> {
    let is_same = |track: &Track| {
        before.find(track.id).is_some_and(|known| known.codec == track.codec && known.config == track.config)
    };
    let media = now.iter().filter(|track| track.id.kind != TrackKind::Data);
    media.filter(|track| !is_same(track)).map(|track| track.id).collect()
}

impl Muxer for Reel {
    fn write(&mut self, item: Item) -> Result<(), Failure> {
        let written = match item {
            Item::Tracks(tracks) => self.take_tracks(&tracks),
            Item::Frame(frame) => self.take_frame(frame),
            Item::Gap(_) if self.cutting.on_return == OnReturn::NewFile => {
                self.cut_next = true;
                Ok(())
            }
            mark => self.current.note(&mark),
        };
        self.noted(written)
    }

    fn progress(&self) -> Progress {
        let mut missing = self.missing;
        let ahead = self.turn.as_ref().and_then(|turn| turn.ahead.as_ref());
        let beside = self.before.iter().map(|before| &before.open).chain(ahead);
        beside.for_each(|open| missing.add(open.file.progress()));
        let current = self.current.file.progress();
        missing.add(current);
        Progress { left_out: missing.left_out, early: missing.early, ..current }
    }

    fn flush(&mut self) -> Result<(), Failure> {
        let before = self.before.as_mut().map(|before| &mut before.open);
        let ahead = self.turn.as_mut().and_then(|turn| turn.ahead.as_mut());
        let flushed = before.into_iter().chain(ahead).chain([&mut self.current]).try_for_each(|open| open.file.flush());
        self.noted(flushed)
    }

    fn sync(&mut self) -> Result<(), Failure> {
        let ahead = self.turn.as_mut().and_then(|turn| turn.ahead.as_mut());
        let synced = ahead.into_iter().chain([&mut self.current]).try_for_each(|open| open.file.sync());
        self.noted(synced)
    }

    fn close(&mut self) -> Result<(), Failure> {
        let beside = self.close_before().and(self.close_ahead());
        self.current.close(self.failed || beside.is_err()).and(beside)
    }
}

/// A file that was let go.
struct Closed(Progress);

impl Container for Closed {
    fn write(&mut self, _: &Item) -> Result<(), Refusal> {
        Ok(())
    }

    fn progress(&self) -> Progress {
        self.0
    }

    fn flush(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    fn sync(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    fn close(&mut self) -> Result<(), Failure> {
        Ok(())
    }
}

fn open(cutting: Cutting, files: &mut dyn Files, tracks: &Tracks, number: u64) -> Result<Open, Failure> {
    let format = Format::choose(cutting.container, tracks);
    let created = files.create(number, format);
    let (file, path) = created.map_err(|error| Failure::of_disk(&error, files.folder()))?;
    let label = files.label();
    let file: Box<dyn Container> = match format {
        Format::Flv => Box::new(FlvFile::new(file, path.clone(), tracks, &label)),
        Format::Mp4 => match Mp4File::new(file, path.clone(), tracks, (&label, cutting.mp4_frames)) {
            Ok(mut file) => {
                file.expect(files.firsts());
                Box::new(file)
            }
            Err(failure) => {
                let _ = std::fs::remove_file(&path);
                return Err(failure);
            }
        },
    };
    tracing::debug!(file = %path.display(), ?format, "file opened");
    Ok(Open { file, path, format, known: tracks.clone(), began: None })
}

#[cfg(test)]
mod tests;
