//! The part of a stream that one player gets, and its form on the wire.
//!
//! Players that know nothing of multitrack get one video and one audio track; the same choice for all of them, so that
//! they share their bytes. Those that do get every track, each from its own key frame on.

use std::sync::Arc;

use bytes::Bytes;
use weir_flv::{MessageKind, egress};
use weir_media::{Frame, Timestamp, Track, TrackId, TrackKind, Tracks};
use weir_rtmp::chunk::{self, MessageHeader, csid};

use super::wire::{Form, Key, Shown};

/// The tracks a player gets, and those it has been told of.
#[derive(Debug, Clone, Default)]
pub(super) struct View {
    form: Form,
    /// What is sent: the numbers of the tracks are those that the player sees.
    shown: Tracks,
    /// Where a track that is sent has another number in the stream: which, by kind.
    moved: [Option<TrackId>; 2],
    told: Vec<Arc<Track>>,
    told_metadata: Option<Bytes>,
    /// Video tracks whose key frame the player has: what comes before it cannot be decoded.
    begun: Vec<TrackId>,
    /// Nothing is new since the last announcement.
    settled: bool,
}

impl View {
    pub(super) fn new(form: Form) -> Self {
        Self { form, ..Self::default() }
    }

    pub(super) const fn form(&self) -> Form {
        self.form
    }

    /// Takes the tracks that hold from here on.
    pub(super) fn set_tracks(&mut self, tracks: Tracks) {
        self.settled = false;
        self.moved = [None, None];
        if self.form.tracks == Shown::All {
            self.shown = tracks;
            return;
        }
        let first = |kind| tracks.iter().find(|track| track.id.kind == kind).cloned();
        let shown = [TrackKind::Video, TrackKind::Audio, TrackKind::Data].into_iter().filter_map(first);
        let shown: Vec<_> = shown.map(|track| self.as_default(track)).collect();
        self.shown = Tracks::new(shown);
    }

    /// A player that gets one track of a kind gets it as the default one, whatever its number is.
    fn as_default(&mut self, track: Arc<Track>) -> Arc<Track> {
        let moved = match track.id.kind {
            TrackKind::Video => &mut self.moved[0],
            TrackKind::Audio => &mut self.moved[1],
            TrackKind::Data => return track,
        };
        if track.id.index == 0 {
            return track;
        }
        *moved = Some(track.id);
        Arc::new(Track { id: TrackId { index: 0, ..track.id }, ..Track::clone(&track) })
    }

    /// Whether the player has been told of every track it gets, and has a key frame of each that needs one.
    pub(super) fn is_settled(&self) -> bool {
        let mut video = self.shown.iter().filter(|track| track.id.kind == TrackKind::Video);
        self.settled && video.all(|track| self.begun.contains(&self.source_of(track.id)))
    }

    /// The number in the stream of a track that is sent.
    fn source_of(&self, id: TrackId) -> TrackId {
        let moved = match id.kind {
            TrackKind::Video => self.moved[0],
            TrackKind::Audio => self.moved[1],
            TrackKind::Data => None,
        };
        moved.filter(|_| id.index == 0).unwrap_or(id)
    }

    /// The track of a frame as the player knows it, if it gets it.
    pub(super) fn track_of(&self, id: TrackId) -> Option<&Arc<Track>> {
        let moved = match id.kind {
            TrackKind::Video => self.moved[0],
            TrackKind::Audio => self.moved[1],
            TrackKind::Data => None,
        };
        match moved {
            Some(source) => self.shown.find(TrackId { index: 0, ..id }).filter(|_| source == id),
            None => self.shown.find(id),
        }
    }

    /// Whether a frame is to be sent: of a track that the player gets, and of a video track from a key frame on.
    pub(super) fn is_due(&mut self, frame: &Frame) -> bool {
        if self.track_of(frame.track).is_none() {
            return false;
        }
        if frame.track.kind == TrackKind::Video && !self.begun.contains(&frame.track) {
            if !frame.is_key() {
                return false;
            }
            self.begun.push(frame.track);
        }
        true
    }

    /// Pictures are left out from here on until the next key frame of each track, since some before it are missing.
    pub(super) fn begin_anew(&mut self) {
        self.begun.clear();
    }

    /// Appends metadata and headers that the player has not got yet, headers timed as what follows them. Returns the tracks
    /// that it had not heard of.
    pub(super) fn announce(&mut self, key: Key, time: Timestamp, wire: &mut Vec<Bytes>) -> Vec<Arc<Track>> {
        if std::mem::replace(&mut self.settled, true) {
            return Vec::new();
        }
        let is_new = |track: &&Arc<Track>| !self.told.iter().any(|told| Arc::ptr_eq(told, track));
        let changed: Vec<Arc<Track>> = self.shown.iter().filter(is_new).cloned().collect();
        if let Some(metadata) = self.metadata(&changed) {
            // At time zero whenever it comes: at any other FFmpeg takes it for a track of subtitles.
            let header = MessageHeader { timestamp: 0, ..header(key, MessageKind::Data, time) };
            wire.extend(chunk::encode_message(key.chunk_size, &header, &metadata));
            self.told_metadata = Some(metadata);
        }
        let shown = &self.shown;
        self.told.retain(|told| shown.find(told.id).is_some_and(|track| track.codec == told.codec));
        let mut new = Vec::new();
        for track in changed {
            let before = self.told.iter().position(|told| told.id == track.id).map(|at| self.told.swap_remove(at));
            if track.id.kind != TrackKind::Data {
                let headers = egress::changes(before.as_deref(), &track);
                wire.extend(headers.iter().filter_map(|header| message(key, header.kind, time, &header.body)));
                if before.is_none() {
                    new.push(Arc::clone(&track));
                }
            }
            self.told.push(track);
        }
        new
    }

    /// The metadata, if it is to be sent: at the beginning, when the publisher sends another, and to players of several
    /// tracks when it tells of other tracks.
    fn metadata(&self, changed: &[Arc<Track>]) -> Option<Bytes> {
        let first = self.told_metadata.is_none();
        let another = changed.iter().any(|track| track.id == TrackId::DATA);
        if !first && !another && (self.form.tracks == Shown::One || changed.is_empty()) {
            return None;
        }
        let metadata = egress::metadata(&self.shown);
        (first || another || self.told_metadata.as_ref() != Some(&metadata)).then_some(metadata)
    }
}

/// A frame in chunks; empty when it has no form in FLV.
pub(super) fn frame(key: Key, track: &Track, frame: &Frame) -> Bytes {
    let (tag, time) = if key.form.exact {
        (egress::exact_frame(track, frame), frame.dts.floor_to_millis())
    } else {
        (egress::frame(track, frame), frame.dts)
    };
    let Ok(tag) = tag else { return Bytes::new() };
    let header = header(key, tag.kind, time);
    chunk::encode_parts(key.chunk_size, &header, &[&tag.head, &tag.payload]).unwrap_or_default()
}

/// A message in chunks; `None` when it is too long for one.
pub(super) fn message(key: Key, kind: MessageKind, time: Timestamp, body: &[u8]) -> Option<Bytes> {
    chunk::encode_message(key.chunk_size, &header(key, kind, time), body).ok()
}

fn header(key: Key, kind: MessageKind, time: Timestamp) -> MessageHeader {
    let csid = match kind {
        MessageKind::Audio => csid::AUDIO,
        MessageKind::Video => csid::VIDEO,
        MessageKind::Data => csid::DATA,
    };
    MessageHeader { csid, timestamp: key.epoch.rtmp_time(time), type_id: kind.type_id(), stream_id: key.message_stream }
}
