//! Giving a file of ours that was never closed the head it would have had: duration, size, index of key frames.

use super::gap::{Gap, MAX_GAPS};
use super::head::{Label, metadata};
use super::keyframes::{KeyFrame, KeyFrames};
use super::reader::{FileTag, TagKind};
use super::script::{self, Measured};
use super::writer::{FileOptions, Write};
use super::{FILE_HEADER, TAG_HEADER, TAG_TRAILER};
use crate::{Ingest, Item, MessageKind};
use weir_media::TrackKind;

/// Looks at every tag of a file, and then knows its head. Only files with the room that [`super::FileWriter`] leaves for it
/// can be given one in place.
#[derive(Debug)]
pub struct Rebuild {
    ingest: Ingest,
    items: Vec<Item>,
    key_frames: KeyFrames,
    capacity: usize,
    has_room: bool,
    label: Label,
    gaps: Vec<Gap>,
    video: Pace,
    audio: Pace,
    frames: u64,
}

#[derive(Debug, Default)]
struct Pace {
    first: Option<u32>,
    last: u32,
    step: u32,
    /// When the first of its frames is shown.
    begin: u32,
    frames: u64,
    bytes: u64,
}

impl Pace {
    fn count(&mut self, millis: u32, waits: u32, bytes: usize) {
        let shown = millis.saturating_add(waits);
        if self.first.is_some() && millis > self.last {
            self.step = millis - self.last;
        }
        self.begin = if self.first.is_some() { self.begin.min(shown) } else { shown };
        self.first.get_or_insert(millis);
        self.last = self.last.max(millis);
        self.frames += 1;
        self.bytes += bytes as u64;
    }

    fn end(&self) -> u32 {
        let waits = self.begin.saturating_sub(self.first.unwrap_or(0));
        self.last.saturating_add(self.step).saturating_add(waits)
    }

    fn rate(&self) -> Option<f64> {
        let span = self.last.checked_sub(self.first?).filter(|span| *span > 0)?;
        let rate = self.frames.saturating_sub(1) as f64 * 1000.0 / f64::from(span);
        Some((rate * 1000.0).round() / 1000.0)
    }
}

impl Default for Rebuild {
    fn default() -> Self {
        let capacity = FileOptions::default().key_frames;
        Self {
            ingest: Ingest::new(),
            items: Vec::new(),
            key_frames: KeyFrames::new(capacity),
            capacity,
            has_room: false,
            label: Label::default(),
            gaps: Vec::new(),
            video: Pace::default(),
            audio: Pace::default(),
            frames: 0,
        }
    }
}

impl Rebuild {
    /// One that has seen nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks at the next tag of the file.
    pub fn add(&mut self, tag: &FileTag) {
        let TagKind::Message(kind) = tag.kind else { return };
        if kind == MessageKind::Data {
            let first = tag.offset == (FILE_HEADER + TAG_TRAILER) as u64;
            let ours = script::reserved(self.capacity).saturating_sub(TAG_HEADER + TAG_TRAILER);
            if first && tag.body.len() == ours {
                self.has_room = true;
                self.label = Label::read(&metadata(&tag.body));
            } else if self.gaps.len() < MAX_GAPS {
                self.gaps.extend(Gap::parse(&tag.body));
            }
        }
        self.items.clear();
        // What cannot be understood stays in the file and is not counted.
        let _ = self.ingest.handle(kind, i64::from(tag.millis), &tag.body, &mut self.items);
        for item in &self.items {
            let Item::Frame(frame) = item else { continue };
            match frame.track.kind {
                TrackKind::Video => {
                    if frame.is_key() && frame.track.index == 0 {
                        self.key_frames.push(KeyFrame { millis: tag.millis, position: tag.offset });
                    }
                    self.video.count(tag.millis, super::waits(frame), frame.data.len());
                }
                TrackKind::Audio => self.audio.count(tag.millis, super::waits(frame), frame.data.len()),
                TrackKind::Data => continue,
            }
            self.frames += 1;
        }
    }

    /// Whether the file is one of ours, with room for its head.
    pub const fn has_room(&self) -> bool {
        self.has_room
    }

    /// Frames of picture and sound.
    pub const fn frames(&self) -> u64 {
        self.frames
    }

    /// Length of the file in milliseconds, as [`super::FileWriter::duration_millis`] counts it.
    pub fn duration_millis(&self) -> u32 {
        let paces = || [&self.video, &self.audio].into_iter().filter(|pace| pace.first.is_some());
        let begin = paces().map(|pace| pace.begin).min().unwrap_or(0);
        paces().map(Pace::end).max().unwrap_or(0).saturating_sub(begin)
    }

    /// The head to write over the present one, for a file cut to `file_len` bytes; it says that it was repaired. `None` when
    /// the file has no room for it.
    pub fn finish(&self, file_len: u64) -> Option<Write> {
        if !self.has_room {
            return None;
        }
        let duration_secs = f64::from(self.duration_millis()) / 1000.0;
        let rate = |bytes: u64| if duration_secs > 0.0 { bytes as f64 * 8.0 / duration_secs } else { 0.0 };
        let measured = Measured {
            label: self.label.clone(),
            duration_secs,
            file_size: file_len,
            video_bits_per_sec: rate(self.video.bytes),
            audio_bits_per_sec: rate(self.audio.bytes),
            frame_rate: self.video.rate(),
            repaired: true,
            gaps: self.gaps.clone(),
        };
        let bytes = script::tag(self.ingest.tracks(), &measured, self.key_frames.list(), self.capacity);
        Some(Write::Patch { offset: (FILE_HEADER + TAG_TRAILER) as u64, bytes })
    }
}
