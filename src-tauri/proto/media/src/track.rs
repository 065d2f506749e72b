//! One elementary stream, and the set of them that a stream consists of.

use std::sync::Arc;

use bytes::Bytes;

use crate::{Codec, Color, ColorInfo};

/// What a track carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TrackKind {
    /// Pictures.
    Video,
    /// Sound.
    Audio,
    /// Messages beside them: metadata, captions, cue points.
    Data,
}

/// Identity of a track within its stream: the kind, and the number among its kind. Number 0 is the default track, the one
/// that goes to a client that can take only one (Enhanced RTMP v2, "trackId").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TrackId {
    /// What it carries.
    pub kind: TrackKind,
    /// The number among its kind; lower is preferred.
    pub index: u8,
}

impl TrackId {
    /// The default video track.
    pub const VIDEO: Self = Self::video(0);
    /// The default audio track.
    pub const AUDIO: Self = Self::audio(0);
    /// The default data track: what RTMP sends as data messages.
    pub const DATA: Self = Self { kind: TrackKind::Data, index: 0 };

    /// A video track by number.
    pub const fn video(index: u8) -> Self {
        Self { kind: TrackKind::Video, index }
    }

    /// An audio track by number.
    pub const fn audio(index: u8) -> Self {
        Self { kind: TrackKind::Audio, index }
    }
}

/// What the codec configuration tells of a video track. Each field is `None` where it does not say.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct VideoInfo {
    /// Picture width in pixels, cropping applied.
    pub width: Option<u32>,
    /// Picture height in pixels, cropping applied.
    pub height: Option<u32>,
    /// Frames a second that the stream declares; the real rate is measured by the hub.
    pub frame_rate: Option<f64>,
    /// Profile as people write it, e.g. `High`.
    pub profile: Option<String>,
    /// Level as people write it, e.g. `4.1`.
    pub level: Option<String>,
    /// Bits a sample.
    pub bit_depth: Option<u8>,
    /// The transfer function is PQ or HLG.
    pub hdr: bool,
    /// Its colours.
    pub color: Option<Color>,
}

/// What the codec configuration tells of an audio track.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AudioInfo {
    /// Samples a second.
    pub sample_rate: Option<u32>,
    /// Channels.
    pub channels: Option<u8>,
    /// Profile as people write it, e.g. `LC`.
    pub profile: Option<String>,
}

/// One elementary stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Track {
    /// Identity within the stream.
    pub id: TrackId,
    /// The codec; one that Weir cannot read is carried, not refused.
    pub codec: Codec,
    /// The codec's configuration record ("sequence header"): avcC, hvcC, av1C, vpcC, AudioSpecificConfig, OpusHead; for the
    /// data track the latest `onMetaData` as AMF0 values. `None` where the codec has none or it has not come yet.
    pub config: Option<Bytes>,
    /// Colour and mastering data (video) or channel layout (audio) beside the configuration, as its protocol sent it.
    pub side_data: Option<Bytes>,
    /// What `side_data` tells of a video track's colours.
    pub color_info: Option<ColorInfo>,
    /// Counts changes of `config` and `side_data`, from 0. A revision is delivered before its frames.
    pub revision: u32,
    /// Language, RFC 5646.
    pub language: Option<String>,
    /// What the configuration tells, for video.
    pub video: Option<VideoInfo>,
    /// What the configuration tells, for audio.
    pub audio: Option<AudioInfo>,
}

impl Track {
    /// A track of which nothing but codec and identity is known.
    pub const fn new(id: TrackId, codec: Codec) -> Self {
        Self {
            id,
            codec,
            config: None,
            side_data: None,
            color_info: None,
            revision: 0,
            language: None,
            video: None,
            audio: None,
        }
    }
}

/// The tracks of a stream, ordered by [`TrackId`] (video, audio, data). Cheap to clone.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tracks(Arc<[Arc<Track>]>);

impl Tracks {
    /// Orders `tracks` by identity; of two with the same identity the later one stays.
    pub fn new(tracks: impl IntoIterator<Item = Arc<Track>>) -> Self {
        let mut list: Vec<Arc<Track>> = Vec::new();
        for track in tracks {
            match list.binary_search_by_key(&track.id, |known| known.id) {
                Ok(at) => {
                    if let Some(slot) = list.get_mut(at) {
                        *slot = track;
                    }
                }
                Err(at) => list.insert(at, track),
            }
        }
        Self(list.into())
    }

    /// The set with `track` added or replaced.
    #[must_use]
    pub fn with(&self, track: Track) -> Self {
        Self::new(self.0.iter().cloned().chain([Arc::new(track)]))
    }

    /// The track with this identity.
    pub fn find(&self, id: TrackId) -> Option<&Arc<Track>> {
        self.0.binary_search_by_key(&id, |track| track.id).ok().and_then(|at| self.0.get(at))
    }

    /// All tracks in order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Track>> {
        self.0.iter()
    }

    /// Whether there is none yet.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether any track is video: then, and only then, readers wait for a key frame.
    pub fn has_video(&self) -> bool {
        self.0.iter().any(|track| track.id.kind == TrackKind::Video)
    }
}
