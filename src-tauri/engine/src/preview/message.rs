//! The bytes of a message: one byte that says what follows, numbers in network order.
//!
//! | first byte | then |
//! |---|---|
//! | [`CONFIG`] | length of a JSON object (u16), the object, and the decoder's description or the initialization segment |
//! | [`UNIT`] | flags (u8; 1 = decoding can begin here), presentation time in microseconds (i64), one access unit |
//! | [`SEGMENT`] | one MP4 fragment (`moof`, `mdat`) |
//! | [`NOTICE`] | a JSON object with `state` and, where there is more to say, `reason` |

use bytes::{BufMut, Bytes, BytesMut};
use serde::Serialize;
use weir_media::Frame;

/// First byte of what a decoder is set up with.
pub const CONFIG: u8 = 1;
/// First byte of an access unit.
pub const UNIT: u8 = 2;
/// First byte of an MP4 fragment.
pub const SEGMENT: u8 = 3;
/// First byte of a word about the stream.
pub const NOTICE: u8 = 4;

/// The unit can be decoded without those before it.
const KEY: u8 = 1;

/// What a decoder is set up with.
#[derive(Debug, Serialize)]
pub(super) struct Config<'a> {
    /// The codec's `codecs` parameter (RFC 6381); that of all tracks for fragments.
    pub(super) codec: String,
    /// Picture width in pixels.
    pub(super) width: Option<u32>,
    /// Picture height in pixels.
    pub(super) height: Option<u32>,
    /// The codec as people write it, to tell what cannot be decoded.
    pub(super) name: String,
    /// The fragments carry sound.
    pub(super) audio: bool,
    /// `units` or `segments`.
    pub(super) follows: &'a str,
}

/// A configuration with the decoder's description, or with the initialization segment.
pub(super) fn config(config: &Config<'_>, description: &[u8]) -> Bytes {
    let json = serde_json::to_vec(config).unwrap_or_default();
    let length = u16::try_from(json.len()).unwrap_or(0);
    let mut bytes = BytesMut::with_capacity(3 + json.len() + description.len());
    bytes.put_u8(CONFIG);
    bytes.put_u16(length);
    bytes.extend_from_slice(json.get(..usize::from(length)).unwrap_or_default());
    bytes.extend_from_slice(description);
    bytes.freeze()
}

/// An access unit; `before` goes in front of its bytes.
pub(super) fn unit(frame: &Frame, before: &[u8]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(10 + before.len() + frame.data.len());
    bytes.put_u8(UNIT);
    bytes.put_u8(if frame.is_key() { KEY } else { 0 });
    bytes.put_i64(frame.pts.as_nanos() / 1000);
    bytes.extend_from_slice(before);
    bytes.extend_from_slice(&frame.data);
    bytes.freeze()
}

/// An MP4 fragment.
pub(super) fn segment(fragment: &[u8]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(1 + fragment.len());
    bytes.put_u8(SEGMENT);
    bytes.extend_from_slice(fragment);
    bytes.freeze()
}

/// A word about the stream: `gap`, `skipped`, `ended`, `no_video`, `unsupported`.
pub(super) fn notice(state: &str, reason: Option<&str>) -> Bytes {
    let mut bytes = vec![NOTICE];
    let json = match reason {
        Some(reason) => serde_json::json!({ "state": state, "reason": reason }),
        None => serde_json::json!({ "state": state }),
    };
    bytes.extend_from_slice(json.to_string().as_bytes());
    bytes.into()
}
