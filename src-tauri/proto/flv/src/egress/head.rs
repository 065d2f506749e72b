//! The bytes before a frame's data.

use std::ops::Deref;

use weir_media::{Codec, FrameKind, Track, TrackKind};

use crate::Error;
use crate::audio::{self, AAC_FLAGS, legacy_flags};
use crate::ex::CODED_FRAMES;
use crate::video::{self, CODED_FRAMES_X, FrameType, IS_EX_HEADER, i24, legacy_head};

/// The few bytes that FLV puts before a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Head {
    bytes: [u8; Self::MAX],
    len: usize,
}

impl Head {
    /// The longest: first byte, modifier with a nanosecond offset, multitrack header, code, track number, composition time.
    pub const MAX: usize = 15;

    fn push(mut self, more: &[u8]) -> Self {
        for (slot, byte) in self.bytes.iter_mut().skip(self.len).zip(more) {
            *slot = *byte;
            self.len += 1;
        }
        self
    }
}

impl Deref for Head {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// Largest offset within a millisecond.
const MAX_NANOS: u32 = 999_999;

/// Whether a track goes out in legacy form: the default track of a codec that all understand, or that has no other name.
pub(super) const fn is_legacy(track: &Track) -> bool {
    match track.codec {
        Codec::FlvVideo(_) | Codec::FlvAudio(_) => true,
        Codec::H264 | Codec::Aac | Codec::Mp3 => track.id.index == 0,
        _ => false,
    }
}

/// `nanos` is what is to be added to the presentation time; where it is not 0, the extended form is needed to say it.
pub(super) fn of_frame(track: &Track, kind: FrameKind, composition: i32, nanos: u32) -> Result<Head, Error> {
    let not_carried = Error::NotCarried { track: track.id, codec: track.codec };
    let head = Head::default();
    let index = track.id.index;
    let legacy = is_legacy(track) && (nanos == 0 || track.codec.fourcc().is_none());
    let (first, types, packet_type) = match track.id.kind {
        TrackKind::Data => return Ok(head),
        _ if legacy && index > 0 => return Err(not_carried),
        TrackKind::Video if legacy => {
            let (id, frame_type) = (track.codec.flv_id().ok_or(not_carried)?, FrameType::of(track.codec, kind));
            return Ok(if track.codec.has_nal_units() {
                head.push(&legacy_head(frame_type, id, CODED_FRAMES, composition))
            } else {
                head.push(&[frame_type.bits() << 4 | id & 0xF])
            });
        }
        TrackKind::Audio if legacy => {
            return Ok(match track.codec {
                Codec::Aac => head.push(&[AAC_FLAGS, CODED_FRAMES]),
                _ => head.push(&[sound_flags(track).ok_or(not_carried)?]),
            });
        }
        TrackKind::Video => {
            let timed = composition != 0 && track.codec.has_nal_units();
            let packet_type = if timed || !track.codec.has_nal_units() { CODED_FRAMES } else { CODED_FRAMES_X };
            (IS_EX_HEADER | FrameType::of(track.codec, kind).bits() << 4, video::TYPES, packet_type)
        }
        TrackKind::Audio => (audio::EX_HEADER, audio::TYPES, CODED_FRAMES),
    };
    let code = track.codec.fourcc().ok_or(not_carried)?;
    let outer = if index == 0 { packet_type } else { types.multitrack };
    let head = match nanos.min(MAX_NANOS).to_be_bytes() {
        [_, 0, 0, 0] => head.push(&[first | outer]),
        // Three bytes of data, then modifier type 0 (an offset in nanoseconds) and the packet type that follows.
        [_, a, b, c] => head.push(&[first | types.mod_ex, 2, a, b, c, outer]),
    };
    let head = match index {
        0 => head.push(&code.0),
        // One track (layout 0), then its number.
        index => head.push(&[packet_type]).push(&code.0).push(&[index]),
    };
    let timed = track.id.kind == TrackKind::Video && track.codec.has_nal_units() && packet_type == CODED_FRAMES;
    Ok(if timed { head.push(&i24(composition)) } else { head })
}

/// The first byte of a legacy audio tag: as it came where the codec has nothing else to tell.
fn sound_flags(track: &Track) -> Option<u8> {
    let id = track.codec.flv_id()?;
    match (track.codec, track.config.as_deref()) {
        (Codec::FlvAudio(_), Some([flags])) => Some(*flags),
        (codec, _) => Some(legacy_flags(codec, id, track.audio.as_ref())),
    }
}
