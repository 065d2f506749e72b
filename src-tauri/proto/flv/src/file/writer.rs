//! Writing a file: bytes to append, and places to write again.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use weir_media::{Frame, Track, TrackId, TrackKind, Tracks};

use super::gap::{Gap, GapCause, MAX_GAPS};
use super::head::Label;
use super::keyframes::{KeyFrame, KeyFrames};
use super::script::{self, Measured};
use super::{FILE_HEADER, TAG_HEADER, TAG_TRAILER, file_header, tag_header};
use crate::egress::{self, Head};
use crate::{Error, Message, MessageKind};

/// What to do with the file, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Add at the end.
    Append(Bytes),
    /// Write over what stands at `offset`; never reaches past the end.
    Patch {
        /// Byte offset in the file.
        offset: u64,
        /// What to write there.
        bytes: Bytes,
    },
}

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileOptions {
    /// Key frames for which the index has room, 18 bytes each. A longer file has a thinner index.
    pub key_frames: usize,
}

impl Default for FileOptions {
    /// Room for over an hour of key frames two seconds apart, in 36 KiB.
    fn default() -> Self {
        Self { key_frames: 2048 }
    }
}

/// Turns tracks and frames into an FLV file.
///
/// The file begins with the first frame: its time becomes 0. At any moment what was appended is a playable file; duration, size
/// and the index of key frames come in with [`FileWriter::checkpoint`] and [`FileWriter::finish`], in place, since the room for
/// them is there from the start.
#[derive(Debug)]
pub struct FileWriter {
    options: FileOptions,
    label: Label,
    tracks: Tracks,
    /// The time of the first frame in milliseconds; `None` while nothing is written.
    base: Option<i64>,
    length: u64,
    paces: BTreeMap<TrackId, Pace>,
    key_frames: KeyFrames,
    gaps: Vec<Gap>,
}

/// How one track has gone so far.
#[derive(Debug, Clone, Copy, Default)]
struct Pace {
    first: u32,
    last: u32,
    step: u32,
    /// When the first of its frames is shown: not always the one that is decoded first.
    begin: u32,
    frames: u64,
    bytes: u64,
}

impl Pace {
    fn count(&mut self, millis: u32, waits: u32, bytes: usize) {
        let shown = millis.saturating_add(waits);
        if self.frames == 0 {
            (self.first, self.begin) = (millis, shown);
        } else {
            self.step = millis.saturating_sub(self.last);
            self.begin = self.begin.min(shown);
        }
        self.last = millis;
        self.frames += 1;
        self.bytes += bytes as u64;
    }

    /// When its last frame has been shown: as long after it was decoded as at the beginning.
    const fn end(&self) -> u32 {
        self.last.saturating_add(self.step).saturating_add(self.begin.saturating_sub(self.first))
    }
}

impl FileWriter {
    /// A file of which nothing is written yet.
    pub fn new(options: FileOptions) -> Self {
        Self {
            options,
            label: Label::default(),
            tracks: Tracks::default(),
            base: None,
            length: 0,
            paces: BTreeMap::new(),
            key_frames: KeyFrames::new(options.key_frames),
            gaps: Vec::new(),
        }
    }

    /// Says what the file is called and when it began. Call it before the first frame.
    pub fn set_label(&mut self, label: Label) {
        self.label = label;
    }

    /// Bytes appended so far.
    pub const fn len(&self) -> u64 {
        self.length
    }

    /// Whether nothing is written yet: no frame has come.
    pub const fn is_empty(&self) -> bool {
        self.base.is_none()
    }

    /// Length of what was written, in milliseconds: from the first that is seen or heard to the last. That pictures are decoded
    /// before they are shown is no part of it.
    pub fn duration_millis(&self) -> u32 {
        let media = || self.paces.iter().filter(|(id, _)| id.kind != TrackKind::Data).map(|(_, pace)| pace);
        let begin = media().map(|pace| pace.begin).min().unwrap_or(0);
        media().map(Pace::end).max().unwrap_or(0).saturating_sub(begin)
    }

    /// Takes the tracks from here on; writes the headers of those that have come or changed.
    pub fn set_tracks(&mut self, tracks: &Tracks, out: &mut Vec<Write>) {
        let before = std::mem::replace(&mut self.tracks, tracks.clone());
        if self.base.is_none() {
            return;
        }
        if self.kinds(&before) != self.kinds(tracks) {
            // The flags are believed by players: they must be right even if the file is never closed.
            let flags = self.header().slice(4..5);
            out.push(Write::Patch { offset: 4, bytes: flags });
        }
        let now = self.paces.values().map(|pace| pace.last).max().unwrap_or(0);
        for track in tracks.iter() {
            let known = before.find(track.id).map(AsRef::as_ref);
            self.write_headers(track, egress::changes(known, track), now, out);
        }
    }

    /// Writes a frame of one of the tracks. Time starts at 0 with the first one and never runs back within a track.
    ///
    /// Fails for a track that was not announced, that FLV cannot carry, for a frame that is too long, and for a time beyond
    /// the 24.8 days that a file can hold; nothing is written then.
    pub fn write(&mut self, frame: &Frame, out: &mut Vec<Write>) -> Result<(), Error> {
        let id = frame.track;
        let track = self.tracks.find(id).cloned().ok_or(Error::UnknownTrack(id))?;
        let dts = frame.dts.as_millis();
        let base = self.base.unwrap_or(dts);
        let floor = self.last_of(id.kind);
        let millis = u32::try_from(dts.saturating_sub(base).max(0)).unwrap_or(u32::MAX).max(floor);
        if i32::try_from(millis).is_err() {
            return Err(Error::FileTooLong);
        }
        let tag = egress::tag_at(&track, frame, base.saturating_add(millis.into()))?;
        if self.base.is_none() {
            self.base = Some(base);
            self.begin(out);
        }
        if id == TrackId::VIDEO && frame.is_key() {
            self.key_frames.push(KeyFrame { millis, position: self.length });
        }
        self.write_tag(tag.kind, millis, tag.head, &tag.payload, out);
        self.paces.entry(id).or_default().count(millis, super::waits(frame), tag.payload.len());
        Ok(())
    }

    /// Marks that something is missing between what was written and what comes next: as a cue point here, and in the head.
    /// `frames` of it were there and could not be kept. Does nothing before the first frame: there is no place for it yet.
    pub fn mark_gap(&mut self, missing: Duration, cause: GapCause, frames: u64, out: &mut Vec<Write>) {
        if self.is_empty() {
            return;
        }
        let at_millis = self.paces.values().map(|pace| pace.last).max().unwrap_or(0);
        let gap = Gap { at_millis, missing, cause, frames };
        let body = gap.message();
        self.write_tag(MessageKind::Data, at_millis, Head::default(), &body, out);
        self.paces.entry(TrackId::DATA).or_default().count(at_millis, 0, body.len());
        if self.gaps.len() < MAX_GAPS {
            self.gaps.push(gap);
        }
    }

    /// Brings duration, size and index up to date, so that even a file that is never closed can be sought in.
    pub fn checkpoint(&self, out: &mut Vec<Write>) {
        if !self.is_empty() {
            let mut head = BytesMut::from(self.header().as_ref());
            head.put_slice(&self.metadata());
            out.push(Write::Patch { offset: 0, bytes: head.freeze() });
        }
    }

    /// Ends the file: the end of each video track, then what only the end can know. Does nothing when no frame was written.
    pub fn finish(mut self, out: &mut Vec<Write>) {
        if self.is_empty() {
            return;
        }
        let ends: Vec<_> = self.tracks.iter().filter_map(|track| Some((track.id, egress::end(track)?))).collect();
        for (id, message) in ends {
            if let Some(pace) = self.paces.get(&id).copied() {
                self.write_tag(message.kind, self.last_of(id.kind).max(pace.last), Head::default(), &message.body, out);
            }
        }
        self.checkpoint(out);
    }

    fn begin(&mut self, out: &mut Vec<Write>) {
        self.append(self.header(), out);
        self.append(self.metadata(), out);
        let tracks = self.tracks.clone();
        tracks.iter().for_each(|track| self.write_headers(track, egress::headers(track), 0, out));
    }

    /// Metadata is not among them: it stands at the head of the file alone, where it is written again at the end.
    fn write_headers(&mut self, track: &Track, headers: Vec<Message>, millis: u32, out: &mut Vec<Write>) {
        if track.id.kind == TrackKind::Data {
            return;
        }
        for message in headers {
            self.write_tag(message.kind, millis, Head::default(), &message.body, out);
        }
    }

    fn write_tag(&mut self, kind: MessageKind, millis: u32, head: Head, payload: &Bytes, out: &mut Vec<Write>) {
        // `tag_at` and the limit on configurations keep bodies below 2^24 bytes.
        let size = u32::try_from(head.len() + payload.len()).unwrap_or(u32::MAX);
        let mut front = BytesMut::with_capacity(TAG_HEADER + Head::MAX);
        front.put_slice(&tag_header(kind.type_id(), size, millis));
        front.put_slice(&head);
        self.append(front.freeze(), out);
        if !payload.is_empty() {
            self.append(payload.clone(), out);
        }
        let trailer = size.saturating_add(TAG_HEADER as u32).to_be_bytes();
        self.append(Bytes::copy_from_slice(&trailer), out);
    }

    fn append(&mut self, bytes: Bytes, out: &mut Vec<Write>) {
        self.length += bytes.len() as u64;
        out.push(Write::Append(bytes));
    }

    fn header(&self) -> Bytes {
        let (audio, video) = self.kinds(&self.tracks);
        Bytes::copy_from_slice(&file_header(audio, video))
    }

    /// Whether there is audio, and video.
    fn kinds(&self, tracks: &Tracks) -> (bool, bool) {
        let has = |kind| tracks.iter().any(|track| track.id.kind == kind);
        (has(TrackKind::Audio), has(TrackKind::Video))
    }

    fn last_of(&self, kind: TrackKind) -> u32 {
        self.paces.iter().filter(|(id, _)| id.kind == kind).map(|(_, pace)| pace.last).max().unwrap_or(0)
    }

    fn metadata(&self) -> Bytes {
        let duration_secs = f64::from(self.duration_millis()) / 1000.0;
        let bits_per_sec = |kind| {
            let bytes: u64 = self.paces.iter().filter(|(id, _)| id.kind == kind).map(|(_, pace)| pace.bytes).sum();
            if duration_secs > 0.0 { bytes as f64 * 8.0 / duration_secs } else { 0.0 }
        };
        let video = self.paces.get(&TrackId::VIDEO).filter(|pace| pace.last > pace.first);
        let rate = video.map(|pace| (pace.frames - 1) as f64 * 1000.0 / f64::from(pace.last - pace.first));
        let measured = Measured {
            label: self.label.clone(),
            duration_secs,
            file_size: self.length,
            video_bits_per_sec: bits_per_sec(TrackKind::Video),
            audio_bits_per_sec: bits_per_sec(TrackKind::Audio),
            // To the thousandth: milliseconds do not tell more.
            frame_rate: rate.map(|rate| (rate * 1000.0).round() / 1000.0),
            repaired: false,
            gaps: self.gaps.clone(),
        };
        script::tag(&self.tracks, &measured, self.key_frames.list(), self.options.key_frames)
    }
}

/// The head of a file has one length, which [`FileWriter::checkpoint`] relies on.
const _: () = assert!(FILE_HEADER + TAG_TRAILER == 13);
