//! The part of a stream that one player gets, and its form on the wire.
//!
//! Players that know nothing of multitrack get one video and one audio track; the same choice for all of them, so that
//! they share their bytes.

use std::sync::Arc;

use bytes::Bytes;
use weir_flv::{MessageKind, egress};
use weir_media::{Frame, Timestamp, Track, TrackId, TrackKind, Tracks};
use weir_rtmp::chunk::{self, MessageHeader, csid};

use super::wire::Key;

/// The tracks a player gets, and those it has been told of.
#[derive(Debug, Default)]
pub(super) struct View {
    tracks: Tracks,
    video: Option<Arc<Track>>,
    audio: Option<Arc<Track>>,
    told: Vec<Arc<Track>>,
    metadata_told: bool,
    /// Nothing is new since the last announcement.
    settled: bool,
}

impl View {
    /// Takes the tracks that hold from here on.
    pub(super) fn set_tracks(&mut self, tracks: Tracks) {
        let first = |kind| tracks.iter().find(|track| track.id.kind == kind).cloned();
        self.video = first(TrackKind::Video);
        self.audio = first(TrackKind::Audio);
        self.tracks = tracks;
        self.settled = false;
    }

    /// The track of a frame, if the player gets it.
    pub(super) fn track_of(&self, id: TrackId) -> Option<&Arc<Track>> {
        match id.kind {
            TrackKind::Video => self.video.as_ref().filter(|track| track.id == id),
            TrackKind::Audio => self.audio.as_ref().filter(|track| track.id == id),
            TrackKind::Data => self.tracks.find(id),
        }
    }

    /// Appends metadata and headers that the player has not got yet, headers timed as what follows them.
    pub(super) fn announce(&mut self, key: Key, time: Timestamp, wire: &mut Vec<Bytes>) {
        if std::mem::replace(&mut self.settled, true) {
            return;
        }
        let data = self.tracks.find(TrackId::DATA).cloned();
        let shown = [data.as_ref(), self.video.as_ref(), self.audio.as_ref()];
        let new: Vec<Arc<Track>> = shown
            .into_iter()
            .flatten()
            .filter(|track| !self.told.iter().any(|told| Arc::ptr_eq(told, track)))
            .cloned()
            .collect();
        if new.is_empty() && self.metadata_told {
            return;
        }
        if !self.metadata_told || new.iter().any(|track| track.id == TrackId::DATA) {
            self.metadata_told = true;
            // At time zero whenever it comes: at any other FFmpeg takes it for a track of subtitles.
            let header = MessageHeader { timestamp: 0, ..header(key, MessageKind::Data, time) };
            wire.extend(chunk::encode_message(key.chunk_size, &header, &egress::metadata(&self.tracks)));
        }
        for track in &new {
            self.told.retain(|told| told.id != track.id);
            self.told.push(Arc::clone(track));
            if track.id.kind != TrackKind::Data {
                let headers = egress::headers(track);
                wire.extend(headers.iter().filter_map(|header| message(key, header.kind, time, &header.body)));
            }
        }
    }
}

/// A frame in chunks; empty when it has no form in FLV.
pub(super) fn frame(key: Key, track: &Track, frame: &Frame) -> Bytes {
    let Ok(tag) = egress::frame(track, frame) else { return Bytes::new() };
    let header = header(key, tag.kind, frame.dts);
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
