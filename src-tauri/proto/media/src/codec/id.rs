//! What each codec is called in Enhanced RTMP and in legacy FLV: one table, in which containers look.

use super::Codec;
use crate::{FourCc, TrackKind};

struct Row {
    codec: Codec,
    kind: TrackKind,
    /// Enhanced RTMP v2, "VideoFourCc" and "AudioFourCc".
    fourcc: &'static [u8; 4],
    /// FLV 10.1, `CodecID` (E.4.3.1) and `SoundFormat` (E.4.2.1); 12 for HEVC is what Chinese clients agreed on.
    flv: Option<u8>,
}

const fn row(codec: Codec, kind: TrackKind, fourcc: &'static [u8; 4], flv: Option<u8>) -> Row {
    Row { codec, kind, fourcc, flv }
}

const ROWS: [Row; 12] = [
    row(Codec::H264, TrackKind::Video, b"avc1", Some(7)),
    row(Codec::H265, TrackKind::Video, b"hvc1", Some(12)),
    row(Codec::H266, TrackKind::Video, b"vvc1", None),
    row(Codec::Av1, TrackKind::Video, b"av01", None),
    row(Codec::Vp8, TrackKind::Video, b"vp08", None),
    row(Codec::Vp9, TrackKind::Video, b"vp09", None),
    row(Codec::Aac, TrackKind::Audio, b"mp4a", Some(10)),
    row(Codec::Mp3, TrackKind::Audio, b".mp3", Some(2)),
    row(Codec::Opus, TrackKind::Audio, b"Opus", None),
    row(Codec::Flac, TrackKind::Audio, b"fLaC", None),
    row(Codec::Ac3, TrackKind::Audio, b"ac-3", None),
    row(Codec::Eac3, TrackKind::Audio, b"ec-3", None),
];

impl Codec {
    /// The codec of an Enhanced RTMP four-character code; an unknown one is carried by its code.
    pub fn from_fourcc(code: FourCc) -> Self {
        ROWS.iter().find(|row| *row.fourcc == code.0).map_or(Self::FourCc(code), |row| row.codec)
    }

    /// Its four-character code in Enhanced RTMP; `None` for data and for what only legacy FLV can carry.
    pub fn fourcc(self) -> Option<FourCc> {
        match self {
            Self::FourCc(code) => Some(code),
            _ => ROWS.iter().find(|row| row.codec == self).map(|row| FourCc(*row.fourcc)),
        }
    }

    /// The codec of a legacy FLV `CodecID`; an unknown one is carried by its number.
    pub fn from_flv_video(id: u8) -> Self {
        Self::from_flv(TrackKind::Video, id).unwrap_or(Self::FlvVideo(id))
    }

    /// The codec of a legacy FLV `SoundFormat`; an unknown one is carried by its number.
    pub fn from_flv_audio(id: u8) -> Self {
        /// MP3 at 8 kHz has a number of its own, since the flags cannot say that rate.
        const MP3_8K: u8 = 14;
        let id = if id == MP3_8K { 2 } else { id };
        Self::from_flv(TrackKind::Audio, id).unwrap_or(Self::FlvAudio(id))
    }

    fn from_flv(kind: TrackKind, id: u8) -> Option<Self> {
        ROWS.iter().find(|row| row.kind == kind && row.flv == Some(id)).map(|row| row.codec)
    }

    /// Its number in legacy FLV; `None` where it has none.
    pub fn flv_id(self) -> Option<u8> {
        match self {
            Self::FlvVideo(id) | Self::FlvAudio(id) => Some(id),
            _ => ROWS.iter().find(|row| row.codec == self).and_then(|row| row.flv),
        }
    }

    /// Whether decoding needs a configuration record that frames do not repeat: frames before it are of no use.
    pub const fn needs_config(self) -> bool {
        matches!(self, Self::H264 | Self::H265 | Self::H266 | Self::Aac | Self::Flac)
    }

    /// Whether access units are NAL units behind lengths.
    pub const fn has_nal_units(self) -> bool {
        matches!(self, Self::H264 | Self::H265 | Self::H266)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_lead_back_to_their_codec() {
        for row in &ROWS {
            assert_eq!(Codec::from_fourcc(FourCc(*row.fourcc)), row.codec);
            assert_eq!(row.codec.fourcc(), Some(FourCc(*row.fourcc)));
            assert_eq!(row.codec.flv_id(), row.flv);
        }
        assert_eq!(Codec::from_flv_video(7), Codec::H264);
        assert_eq!(Codec::from_flv_audio(10), Codec::Aac);
        assert_eq!(Codec::from_flv_audio(7), Codec::FlvAudio(7));
        assert_eq!(Codec::from_flv_audio(14), Codec::Mp3);
        assert_eq!(Codec::from_flv_video(2), Codec::FlvVideo(2));
        assert_eq!(Codec::FlvAudio(11).flv_id(), Some(11));
        assert_eq!(Codec::from_fourcc(FourCc(*b"dvh1")).fourcc(), Some(FourCc(*b"dvh1")));
    }
}
