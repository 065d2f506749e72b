//! From messages to tracks and frames.
//!
//! A track exists once its first configuration or frame has come, whatever the metadata promised: metadata is missing, late
//! or wrong too often to be believed. A configuration that is sent again changes nothing; a changed one is a new revision.

mod audio;
mod color;
mod data;
mod parameter_sets;
mod video;

use std::collections::BTreeMap;

use bytes::Bytes;
use weir_media::codec::nal::LengthSize;
use weir_media::{Codec, Frame, Timestamp, Track, TrackId, TrackKind, Tracks};

use crate::{AudioTag, Error, MAX_CONFIG, MAX_TRACKS, MessageKind, VideoTag};

/// What a message turned into.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// The tracks from here on: one has come or changed.
    Tracks(Tracks),
    /// A frame in canonical form, of one of the latest tracks.
    Frame(Frame),
}

/// What was left out, for the people who ask why nothing shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Frames that came before the configuration which their codec cannot do without.
    pub before_config: u64,
    /// Messages that mean nothing: empty ones, packets of unknown type, data that is no AMF0.
    pub ignored: u64,
}

/// Turns the messages of one publisher, or the tags of one file, into tracks and frames.
#[derive(Debug, Default)]
pub struct Ingest {
    tracks: Tracks,
    state: BTreeMap<TrackId, TrackState>,
    counts: Counts,
}

/// What a track needs beside its [`Track`].
#[derive(Debug, Clone)]
struct TrackState {
    /// How long the lengths before NAL units are on the wire.
    length_size: LengthSize,
    /// Parameter sets known from configuration or frames: only a new one means a change.
    parameter_sets: Vec<Bytes>,
    /// The video configuration as it last came: sent again, it changes nothing, even if frames have changed it since.
    wire_config: Bytes,
    /// Colour metadata or channel layout, which may come before the track does.
    side_data: Option<Bytes>,
}

impl Default for TrackState {
    fn default() -> Self {
        Self { length_size: LengthSize::Four, parameter_sets: Vec::new(), wire_config: Bytes::new(), side_data: None }
    }
}

impl Ingest {
    /// One that has seen nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The tracks so far.
    pub const fn tracks(&self) -> &Tracks {
        &self.tracks
    }

    /// What was left out so far.
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// Takes one message and appends what it means to `out`.
    ///
    /// `millis` is its time in milliseconds, already freed of wraps. On an error the message is lost but what came before
    /// stays, and the next message can follow: whether to count it or to end the stream is the caller's choice.
    pub fn handle(&mut self, kind: MessageKind, millis: i64, body: &Bytes, out: &mut Vec<Item>) -> Result<(), Error> {
        let time = Timestamp::from_millis(millis);
        match kind {
            MessageKind::Video => self.handle_video(time, VideoTag::parse(body)?, out),
            MessageKind::Audio => self.handle_audio(time, AudioTag::parse(body)?, out),
            MessageKind::Data => self.handle_data(time, body, out),
        }
    }

    fn ignore(&mut self) {
        self.counts.ignored += 1;
    }

    /// The track with this identity, if it is still of this codec.
    fn track(&self, id: TrackId, codec: Codec) -> Option<&Track> {
        self.tracks.find(id).map(AsRef::as_ref).filter(|track| track.codec == codec)
    }

    /// The state of a track that may not exist yet.
    fn state(&mut self, id: TrackId) -> Result<&mut TrackState, Error> {
        if !self.state.contains_key(&id) && self.state.len() >= MAX_TRACKS {
            return Err(Error::TooManyTracks);
        }
        Ok(self.state.entry(id).or_default())
    }

    /// Changes a track, or makes it, and tells of it if anything is different.
    fn update(
        &mut self,
        id: TrackId,
        codec: Codec,
        out: &mut Vec<Item>,
        change: impl FnOnce(&mut Track),
    ) -> Result<(), Error> {
        let side_data = self.state(id)?.side_data.clone();
        let known = self.tracks.find(id);
        let mut track = match known {
            Some(known) if known.codec == codec => Track::clone(known),
            _ => Track { revision: known.map_or(0, |known| known.revision), ..Track::new(id, codec) },
        };
        change(&mut track);
        track.side_data = side_data;
        if id.kind == TrackKind::Video {
            track.color_info = track.side_data.as_ref().and_then(|data| color::read(data));
            if track.color_info.and_then(|info| info.color).is_some_and(|color| color.is_hdr()) {
                track.video.get_or_insert_default().hdr = true;
            }
        }
        if let Some(known) = known {
            if **known == track {
                return Ok(());
            }
            // What only describes the track may be learnt later, and no reader needs its headers again for that.
            let same = known.codec == codec && known.config == track.config && known.side_data == track.side_data;
            track.revision = known.revision.wrapping_add((!same).into());
        }
        self.tracks = self.tracks.with(track);
        out.push(Item::Tracks(self.tracks.clone()));
        Ok(())
    }

    /// Keeps what accompanies a configuration, and changes the track if it is there already.
    fn set_side_data(
        &mut self,
        id: TrackId,
        codec: Codec,
        data: Option<&Bytes>,
        out: &mut Vec<Item>,
    ) -> Result<(), Error> {
        self.state(id)?.side_data = data.map(|data| owned(codec, data)).transpose()?;
        if self.track(id, codec).is_some() {
            self.update(id, codec, out, |_| {})?;
        }
        Ok(())
    }
}

/// A copy of something that is kept as long as the stream lives, so that it does not hold on to the buffer it came in.
fn owned(codec: Codec, data: &[u8]) -> Result<Bytes, Error> {
    if data.len() > MAX_CONFIG {
        return Err(Error::ConfigTooLong { codec, len: data.len() });
    }
    Ok(Bytes::copy_from_slice(data))
}
