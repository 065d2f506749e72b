//! How each codec is declared in MP4: the sample entry with the codec's own configuration box.

mod audio;
mod dolby;
mod read;
mod video;

pub(crate) use audio::rate as audio_rate;
use bytes::Bytes;
pub(crate) use read::{learn, read};
pub(crate) use video::size as video_size;
use weir_media::{Codec, Track, TrackKind};

use crate::Error;
use crate::boxes::Boxes;

/// Whether MP4 can hold this codec.
pub const fn supports(codec: Codec) -> bool {
    matches!(
        codec,
        Codec::H264
            | Codec::H265
            | Codec::Av1
            | Codec::Vp8
            | Codec::Vp9
            | Codec::Aac
            | Codec::Mp3
            | Codec::Mp2
            | Codec::Opus
            | Codec::Flac
            | Codec::Ac3
            | Codec::Eac3
    )
}

/// The sample entry of a track. `first` is its first frame, in which some codecs keep what the entry must say.
pub(crate) fn write(track: &Track, first: Option<&[u8]>) -> Result<Bytes, Error> {
    let mut boxes = Boxes::default();
    match track.id.kind {
        TrackKind::Video => video::write(&mut boxes, track, first)?,
        _ => audio::write(&mut boxes, track, first)?,
    }
    Ok(boxes.finish().freeze())
}

/// Whether frames under the configuration of `new` are decoded by the sample entry that was written for `old`.
pub(crate) fn same_decoder(old: &Track, new: &Track) -> bool {
    old.codec == new.codec && (old.config == new.config || old.codec == Codec::Flac && audio::same_flac(old, new))
}

/// The track's configuration, or the sentence that says it is missing.
fn config(track: &Track) -> Result<&Bytes, Error> {
    let missing = Error::Config { codec: track.codec, what: "its configuration has not been sent" };
    track.config.as_ref().filter(|config| !config.is_empty()).ok_or(missing)
}
