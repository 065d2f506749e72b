//! One recording as the files it becomes: the first, and another whenever a segment is long enough, the format can take no
//! more, or the tracks change into something that the present file cannot hold.

use std::path::{Path, PathBuf};
use std::time::Duration;

use weir_media::{Frame, StreamPath, TimeDelta, Timestamp, TrackId, TrackKind, Tracks};

use super::config::OnReturn;
use super::container::{Container, Format, Refusal};
use super::failure::Failure;
use super::flv::FlvFile;
use super::mp4::Mp4File;
use super::rule::Plan;
use super::writer::{Item, Muxer, Progress};
use super::{folder_of, path, repair};

/// Longest file. FLV counts to 24.8 days; cut at a key frame before that, nothing is lost.
const LONGEST: Duration = Duration::from_secs(24 * 24 * 3600);

/// How long a file stays open for sound that comes after the key frame at which the next one began, though it belongs before.
const LATE: TimeDelta = TimeDelta::from_millis(1_000);

/// Told of each file when it is opened.
pub(super) type OnOpen = Box<dyn FnMut(&Path) + Send>;

/// Writes one recording.
pub(super) struct Reel {
    plan: Plan,
    stream: StreamPath,
    on_open: OnOpen,
    tracks: Tracks,
    /// Files so far.
    number: u64,
    current: Open,
    /// The file before, and where it was cut, while frames for it may still come.
    before: Option<(Open, Timestamp)>,
    /// The publisher came back, and the settings want a new file.
    cut_next: bool,
    failed: bool,
}

struct Open {
    file: Box<dyn Container>,
    path: PathBuf,
    format: Format,
    began: Option<Timestamp>,
}

impl Reel {
    /// Opens the first file. Blocks.
    pub(super) fn open(
        plan: Plan,
        stream: StreamPath,
        tracks: Tracks,
        mut on_open: OnOpen,
    ) -> Result<(PathBuf, Self), Failure> {
        let current = open(&plan, &stream, &tracks, 1)?;
        on_open(&current.path);
        let path = current.path.clone();
        let reel =
            Self { plan, stream, on_open, tracks, number: 1, current, before: None, cut_next: false, failed: false };
        Ok((path, reel))
    }

    fn take_tracks(&mut self, tracks: &Tracks) -> Result<(), Failure> {
        self.tracks = tracks.clone();
        let media = tracks.iter().any(|track| track.id.kind != TrackKind::Data);
        if media && Format::choose(self.plan.container, tracks) != self.current.format {
            return self.next(None);
        }
        match self.current.file.write(&Item::Tracks(tracks.clone())) {
            Ok(()) => Ok(()),
            Err(Refusal::NeedsNewFile) => self.next(None),
            Err(Refusal::Failed(failure)) => Err(failure),
        }
    }

    fn take_frame(&mut self, frame: Frame) -> Result<(), Failure> {
        if let Some((before, cut)) = &mut self.before {
            if frame.dts < *cut && frame.track.kind != TrackKind::Video {
                return match before.file.write(&Item::Frame(frame)) {
                    Ok(()) | Err(Refusal::NeedsNewFile) => Ok(()),
                    Err(Refusal::Failed(failure)) => Err(failure),
                };
            }
            if frame.dts - *cut >= LATE {
                self.close_before()?;
            }
        }
        if self.is_cut(&frame) {
            self.next(Some(frame.dts))?;
        }
        if frame.track.kind != TrackKind::Data {
            self.current.began.get_or_insert(frame.dts);
        }
        let item = Item::Frame(frame);
        match self.current.file.write(&item) {
            Ok(()) => return Ok(()),
            Err(Refusal::NeedsNewFile) => self.next(None)?,
            Err(Refusal::Failed(failure)) => return Err(failure),
        }
        if let Item::Frame(frame) = &item {
            self.current.began = Some(frame.dts);
        }
        match self.current.file.write(&item) {
            Ok(()) | Err(Refusal::NeedsNewFile) => Ok(()),
            Err(Refusal::Failed(failure)) => Err(failure),
        }
    }

    /// Whether a new file begins with this frame.
    fn is_cut(&self, frame: &Frame) -> bool {
        let Some(began) = self.current.began else { return false };
        let can_begin = match frame.track.kind {
            TrackKind::Video => frame.track == TrackId::VIDEO && frame.is_key(),
            TrackKind::Audio => !self.tracks.has_video(),
            TrackKind::Data => false,
        };
        let length = (frame.dts - began).to_duration();
        can_begin && (self.cut_next || length >= self.plan.segment.unwrap_or(LONGEST).min(LONGEST))
    }

    /// Begins the next file. At a `cut` the one before stays open for sound that belongs into it and is still to come.
    fn next(&mut self, cut: Option<Timestamp>) -> Result<(), Failure> {
        self.close_before()?;
        self.cut_next = false;
        self.number += 1;
        let next = open(&self.plan, &self.stream, &self.tracks, self.number)?;
        let mut before = std::mem::replace(&mut self.current, next);
        tracing::info!(path = %self.stream, file = %self.current.path.display(), "recording goes on in a new file");
        (self.on_open)(&self.current.path);
        match cut {
            Some(cut) => self.before = Some((before, cut)),
            None => {
                before.file.close()?;
                // Nothing was written to it: the tracks changed before the first frame.
                if before.began.is_none() {
                    let _ = std::fs::remove_file(&before.path);
                }
            }
        }
        Ok(())
    }

    fn close_before(&mut self) -> Result<(), Failure> {
        self.before.take().map_or(Ok(()), |(mut before, _)| before.file.close())
    }

    fn noted<T>(&mut self, result: Result<T, Failure>) -> Result<T, Failure> {
        self.failed |= result.is_err();
        result
    }
}

impl Muxer for Reel {
    fn write(&mut self, item: Item) -> Result<(), Failure> {
        let written = match item {
            Item::Tracks(tracks) => self.take_tracks(&tracks),
            Item::Frame(frame) => self.take_frame(frame),
            Item::Gap(_) if self.plan.on_return == OnReturn::NewFile => {
                self.cut_next = true;
                Ok(())
            }
            mark => match self.current.file.write(&mark) {
                Ok(()) | Err(Refusal::NeedsNewFile) => Ok(()),
                Err(Refusal::Failed(failure)) => Err(failure),
            },
        };
        self.noted(written)
    }

    fn progress(&self) -> Progress {
        self.current.file.progress()
    }

    fn flush(&mut self) -> Result<(), Failure> {
        let before = self.before.as_mut().map_or(Ok(()), |(before, _)| before.file.flush());
        let flushed = before.and_then(|()| self.current.file.flush());
        self.noted(flushed)
    }

    fn sync(&mut self) -> Result<(), Failure> {
        let synced = self.current.file.sync();
        self.noted(synced)
    }

    fn close(&mut self) -> Result<(), Failure> {
        let before = self.close_before();
        let closed = self.current.file.close().and(before);
        if self.failed || closed.is_err() {
            // Whatever could not be written, what is there becomes a whole file if there is room for its index. The file is
            // let go first: a repair takes none that somebody holds.
            self.current.file = Box::new(Closed(self.current.file.progress()));
            let _ = repair::repair(&self.current.path);
        }
        closed
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

fn open(plan: &Plan, stream: &StreamPath, tracks: &Tracks, number: u64) -> Result<Open, Failure> {
    let format = Format::choose(plan.container, tracks);
    let local = jiff::Zoned::now().datetime();
    let created = match plan.segment {
        Some(_) => path::create_segment(&plan.folder, stream, (&plan.pattern, number), local, format.extension()),
        None => path::create(&plan.folder, stream, local, format.extension()),
    };
    let (file, name) = created.map_err(|error| Failure::of_disk(&error, &plan.folder))?;
    let file: Box<dyn Container> = match format {
        Format::Flv => Box::new(FlvFile::new(file, name.clone(), tracks)),
        Format::Mp4 => match Mp4File::new(file, name.clone(), tracks) {
            Ok(file) => Box::new(file),
            Err(failure) => {
                let _ = std::fs::remove_file(&name);
                return Err(failure);
            }
        },
    };
    tracing::debug!(folder = %folder_of(&name).display(), ?format, "file opened");
    Ok(Open { file, path: name, format, began: None })
}
