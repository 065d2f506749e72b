//! Recording into an MP4 file.
//!
//! While it grows it consists of fragments of less than a second, each handed to the operating system as soon as it is whole:
//! whatever cuts the file off costs the last one. On close the file becomes a plain MP4 with its index (`moov`) at the end. At
//! the end and not at the front, because that moves no byte of media: closing an hour takes as long as closing a minute, needs
//! no second copy on the disk, and a kill in the middle of it leaves the fragments as they were. Whoever seeks reads the end
//! first, which every player and HTTP ranges do.

use std::io;
use std::path::PathBuf;

use weir_media::{Frame, TimeDelta, Timestamp, TrackKind, Tracks};
use weir_mp4::{Error, Muxer, Options};

use super::container::{Container, Refusal, is_there};
use super::disk::{Disk, Medium};
use super::failure::Failure;
use super::film::GapCause;
use super::writer::{Item, Progress};
use super::{Label, folder_of};

/// Length of a fragment: with the frame that waits for its duration still below the second that a crash may cost.
const FRAGMENT: TimeDelta = TimeDelta::from_millis(900);

/// An MP4 file that is being written.
pub(super) struct Mp4File<M> {
    disk: Disk<M>,
    path: PathBuf,
    muxer: Muxer,
    tracks: Tracks,
    first: Option<Timestamp>,
    newest: Timestamp,
    left_out: u64,
    failed: bool,
    closed: bool,
}

impl<M: Medium> Mp4File<M> {
    /// A file of which nothing is written yet. `path` is where it is, to notice when it goes away.
    /// It is nearly full with so many frames.
    pub(super) fn new(
        medium: M,
        path: PathBuf,
        tracks: &Tracks,
        (label, frames): (&Label, u32),
    ) -> Result<Self, Failure> {
        let options = Options { fragment: FRAGMENT, frames, ..Options::default() };
        let mut muxer = Muxer::new(tracks, options).map_err(|error| Failure::of_format(&error))?;
        muxer.set_label(label.into());
        Ok(Self {
            disk: Disk::new(medium),
            path,
            muxer,
            tracks: tracks.clone(),
            first: None,
            newest: Timestamp::ZERO,
            left_out: 0,
            failed: false,
            closed: false,
        })
    }

    /// These frames are the first of their tracks, though they may come later than the header is written.
    pub(super) fn expect(&mut self, firsts: &[Frame]) {
        firsts.iter().for_each(|frame| self.muxer.expect(frame));
    }

    fn set_tracks(&mut self, tracks: &Tracks) -> Result<(), Refusal> {
        match self.muxer.set_tracks(tracks) {
            Ok(()) => self.tracks = tracks.clone(),
            // For a moment there may be none: the frames that follow come with theirs.
            Err(Error::NothingToWrite(_)) => {}
            Err(_) => return Err(Refusal::NeedsNewFile),
        }
        Ok(())
    }

    fn frame(&mut self, frame: &Frame) -> Result<(), Refusal> {
        if frame.track.kind == TrackKind::Data {
            return Ok(());
        }
        if !self.tracks.find(frame.track).is_some_and(|track| weir_mp4::supports(track.codec)) {
            self.left_out += 1;
            return Ok(());
        }
        self.muxer.write(frame).map_err(|error| match error {
            Error::TracksChanged | Error::Full => Refusal::NeedsNewFile,
            error => Refusal::Failed(Failure::of_format(&error)),
        })?;
        let first = *self.first.get_or_insert(frame.dts);
        self.newest = self.newest.max(frame.dts).max(first);
        let written = self.write_out();
        Ok(self.checked(written)?)
    }

    /// Whole fragments go to the operating system at once.
    fn write_out(&mut self) -> io::Result<()> {
        let output = self.muxer.take_output();
        if output.is_empty() {
            return Ok(());
        }
        output.iter().for_each(|bytes| self.disk.append(bytes));
        self.disk.flush()
    }

    fn checked(&mut self, result: io::Result<()>) -> Result<(), Failure> {
        result.map_err(|error| {
            self.failed = true;
            Failure::of_disk(&error, folder_of(&self.path))
        })
    }

    fn finish(&mut self) -> io::Result<()> {
        if self.failed {
            return self.disk.cut_off().and_then(|()| self.disk.sync());
        }
        let Ok(closing) = self.muxer.finish() else { return self.disk.sync() };
        self.write_out()?;
        // The index is safe before anything says that it is there.
        self.disk.append(&closing.append);
        self.disk.sync()?;
        if let Some(patch) = closing.patch {
            self.disk.patch(patch.position, &patch.bytes)?;
            self.disk.sync()?;
        }
        Ok(())
    }
}

impl<M: Medium> Container for Mp4File<M> {
    fn write(&mut self, item: &Item) -> Result<(), Refusal> {
        match item {
            Item::Tracks(tracks) => self.set_tracks(tracks),
            Item::Frame(frame) => self.frame(frame),
            // Time goes on over what is missing: the frame before it is shown until the frame after it.
            Item::Gap(gap) => {
                self.muxer.mark_gap((*gap).into(), GapCause::EncoderAway.words());
                Ok(())
            }
            Item::Skipped { time, .. } => {
                self.muxer.mark_gap((*time).into(), GapCause::DiskSlow.words());
                Ok(())
            }
        }
    }

    fn progress(&self) -> Progress {
        let duration = self.first.map_or(TimeDelta::ZERO, |first| self.newest - first);
        Progress { bytes: self.disk.len(), duration, left_out: self.left_out, early: 0 }
    }

    fn is_nearly_full(&self) -> bool {
        self.muxer.is_nearly_full()
    }

    fn flush(&mut self) -> Result<(), Failure> {
        let flushed = self.disk.flush();
        self.checked(flushed)
    }

    fn sync(&mut self) -> Result<(), Failure> {
        let synced = self.disk.sync();
        self.checked(synced)?;
        is_there(&self.path)
    }

    fn close(&mut self) -> Result<(), Failure> {
        if std::mem::replace(&mut self.closed, true) {
            return Ok(());
        }
        let finished = self.finish();
        self.checked(finished)
    }
}
