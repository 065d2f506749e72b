//! Recording into an FLV file.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use weir_flv::Error;
use weir_flv::file::{FileOptions, FileWriter, GapCause, Write};
use weir_media::{Frame, TimeDelta, Timestamp, Track, TrackKind, Tracks};

use super::container::{Container, Refusal, is_there};
use super::disk::{Disk, Medium};
use super::failure::Failure;
use super::writer::{Item, Progress};
use super::{Label, folder_of};

/// One of how many calls of [`Container::sync`] also brings the head of the file up to date: it is 40 KiB.
const HEAD_EVERY: u32 = 5;

/// An FLV file that is being written. Playable at every moment; its head (duration, size, index of key frames) is brought
/// up to date with every [`Container::sync`], so that even a file that is never closed can be sought in.
pub(super) struct FlvFile<M> {
    disk: Disk<M>,
    path: PathBuf,
    /// `None` once it is closed.
    writer: Option<FileWriter>,
    /// How long it was when it was closed.
    lasted_millis: u32,
    /// Every track, with its last configuration: a publisher that comes back announces metadata first, and then one after the other.
    known: Tracks,
    out: Vec<Write>,
    /// Time of the first frame: what lies before it is no part of the recording.
    zero: Option<Timestamp>,
    left_out: u64,
    early: u64,
    failed: bool,
    syncs: u32,
}

impl<M: Medium> FlvFile<M> {
    /// A file of which nothing is written yet. `path` is where it is, to notice when it goes away.
    pub(super) fn new(medium: M, path: PathBuf, tracks: &Tracks, label: &Label) -> Self {
        let mut writer = FileWriter::new(FileOptions::default());
        writer.set_label(label.into());
        let mut file = Self {
            disk: Disk::new(medium),
            path,
            writer: Some(writer),
            lasted_millis: 0,
            known: Tracks::default(),
            out: Vec::new(),
            zero: None,
            left_out: 0,
            early: 0,
            failed: false,
            syncs: 0,
        };
        file.set_tracks(tracks);
        file
    }

    /// Whether a decoder that was set up for this file so far could not go on.
    fn changes_decoder(&self, tracks: &Tracks) -> bool {
        let other = |now: &Track| {
            let before = self.known.find(now.id);
            before.is_some_and(|before| {
                let configured = before.config.is_some() && now.config.is_some();
                before.codec != now.codec || configured && before.config != now.config
            })
        };
        self.zero.is_some() && tracks.iter().any(|track| track.id.kind != TrackKind::Data && other(track))
    }

    fn set_tracks(&mut self, tracks: &Tracks) {
        for track in tracks.iter() {
            // Announced again, a track has its codec before its configuration.
            let is_news = self.known.find(track.id).is_none_or(|known| known.codec != track.codec);
            if is_news || track.config.is_some() {
                self.known = self.known.with(Track::clone(track));
            }
        }
        let Some(writer) = &mut self.writer else { return };
        writer.set_tracks(tracks, &mut self.out);
    }

    fn frame(&mut self, frame: &Frame) -> Result<(), Refusal> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        if frame.dts < *self.zero.get_or_insert(frame.dts) {
            self.early += u64::from(frame.track.kind != TrackKind::Data);
            return Ok(());
        }
        match writer.write(frame, &mut self.out) {
            Ok(()) => {}
            Err(Error::FileTooLong) => return Err(Refusal::NeedsNewFile),
            Err(_) => self.left_out += 1,
        }
        Ok(())
    }

    /// Marks that something is missing here, as a cue point: players pass over it, editors show it.
    fn mark(&mut self, cause: GapCause, missing: Duration, frames: u64) {
        if let Some(writer) = &mut self.writer {
            writer.mark_gap(missing, cause, frames, &mut self.out);
        }
    }

    fn write_out(&mut self) -> io::Result<()> {
        for write in self.out.drain(..) {
            match write {
                Write::Append(bytes) => self.disk.append(&bytes),
                Write::Patch { offset, bytes } => self.disk.patch(offset, &bytes)?,
            }
        }
        if self.disk.is_full() { self.disk.flush() } else { Ok(()) }
    }

    fn checkpoint(&mut self) -> io::Result<()> {
        if let Some(writer) = &self.writer {
            writer.checkpoint(&mut self.out);
        }
        self.write_out()?;
        self.disk.sync()
    }

    fn checked(&mut self, result: io::Result<()>) -> Result<(), Failure> {
        result.map_err(|error| {
            self.failed = true;
            Failure::of_disk(&error, folder_of(&self.path))
        })
    }

    fn finish(&mut self) -> io::Result<()> {
        if self.failed {
            self.disk.cut_off()?;
            self.out.clear();
            return self.checkpoint();
        }
        if let Some(writer) = self.writer.take() {
            self.lasted_millis = writer.duration_millis();
            writer.finish(&mut self.out);
        }
        self.write_out()?;
        self.disk.sync()
    }
}

impl<M: Medium> Container for FlvFile<M> {
    fn write(&mut self, item: &Item) -> Result<(), Refusal> {
        match item {
            // FLV could go on, but few players and no editor follow a change of configuration in the middle of a file.
            Item::Tracks(tracks) if self.changes_decoder(tracks) => return Err(Refusal::NeedsNewFile),
            Item::Tracks(tracks) => self.set_tracks(tracks),
            Item::Frame(frame) => self.frame(frame)?,
            Item::Gap(gap) => self.mark(GapCause::PublisherAway, *gap, 0),
            Item::Skipped { frames, time } => self.mark(GapCause::DiskSlow, *time, *frames),
        }
        let written = self.write_out();
        Ok(self.checked(written)?)
    }

    fn progress(&self) -> Progress {
        Progress {
            bytes: self.disk.len(),
            duration: TimeDelta::from_millis(
                self.writer.as_ref().map_or(self.lasted_millis, FileWriter::duration_millis).into(),
            ),
            left_out: self.left_out,
            early: self.early,
        }
    }

    fn flush(&mut self) -> Result<(), Failure> {
        let flushed = self.disk.flush();
        self.checked(flushed)
    }

    fn sync(&mut self) -> Result<(), Failure> {
        self.syncs += 1;
        let written = if self.syncs % HEAD_EVERY == 1 { self.checkpoint() } else { self.disk.sync() };
        self.checked(written)?;
        is_there(&self.path)
    }

    fn close(&mut self) -> Result<(), Failure> {
        let finished = self.finish();
        self.checked(finished)
    }
}
