//! What can be wrong with a tag, and what cannot be written as one.

use weir_media::{Codec, TrackId, codec};

/// A tag that breaks a rule, or a frame that FLV has no form for. The stream may go on with the next one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The tag ends before a field that it must have.
    #[error("the {tag} tag ends before its {field}")]
    Truncated {
        /// `audio`, `video` or `data`.
        tag: &'static str,
        /// What was to come.
        field: &'static str,
    },
    /// A multitrack tag holds a multitrack or extension packet (Enhanced RTMP v2, "Multitrack").
    #[error("a multitrack tag holds packets of type {0}, which may only stand outside of it")]
    NestedPacketType(u8),
    /// The multitrack layout is none of the three (Enhanced RTMP v2, "AvMultitrackType").
    #[error("multitrack layout {0} is not known")]
    UnknownLayout(u8),
    /// More tracks in one tag than [`MAX_TRACKS_PER_TAG`](crate::MAX_TRACKS_PER_TAG).
    #[error("a multitrack tag holds more than {max} tracks", max = crate::MAX_TRACKS_PER_TAG)]
    TooManyTracksInTag,
    /// More tracks than [`MAX_TRACKS`](crate::MAX_TRACKS) in one stream.
    #[error("the stream announces more than {max} tracks", max = crate::MAX_TRACKS)]
    TooManyTracks,
    /// A configuration record longer than [`MAX_CONFIG`](crate::MAX_CONFIG).
    #[error("the configuration of {codec} has {len} bytes; at most {max} are accepted", max = crate::MAX_CONFIG)]
    ConfigTooLong {
        /// The codec it is for.
        codec: Codec,
        /// Its length.
        len: usize,
    },
    /// A codec header inside the tag breaks its own standard.
    #[error(transparent)]
    Codec(#[from] codec::Error),
    /// A track that FLV cannot carry: its codec has neither a number nor a four-character code.
    #[error("{codec} cannot be carried in FLV as track {index}", index = track.index)]
    NotCarried {
        /// The track.
        track: TrackId,
        /// Its codec.
        codec: Codec,
    },
    /// A tag body longer than its 24 bit length can say.
    #[error("a frame has {0} bytes; an FLV tag holds at most 16,777,215")]
    TagTooLong(usize),
    /// A frame of a track that was not announced.
    #[error("a frame belongs to {0:?}, which is not among the tracks")]
    UnknownTrack(TrackId),
    /// A time that does not fit the file.
    #[error("the file has reached 24.8 days, the most that FLV can hold; go on in a new one")]
    FileTooLong,
}
