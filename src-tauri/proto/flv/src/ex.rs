//! The part of the extended header that audio and video share: modifiers and multitrack (Enhanced RTMP v2, "ExAudioTagHeader",
//! "ExVideoTagHeader").

use bytes::{BufMut, Bytes, BytesMut};
use weir_media::{Codec, FourCc};

use crate::cursor::Cursor;
use crate::{Error, MAX_TRACKS_PER_TAG};

pub(crate) const SEQUENCE_START: u8 = 0;
pub(crate) const CODED_FRAMES: u8 = 1;
pub(crate) const SEQUENCE_END: u8 = 2;
/// How the packets of a tag are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// FLV 10.1: the codec's number in the first byte.
    Legacy,
    /// Enhanced RTMP, the default track alone.
    Single,
    /// Multitrack, one track (`OneTrack`).
    OneTrack,
    /// Multitrack, several tracks of one codec (`ManyTracks`).
    ManyTracks,
    /// Multitrack, several tracks each with its codec (`ManyTracksManyCodecs`).
    ManyCodecs,
}

/// The two numbers in which audio and video differ.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Types {
    pub(crate) multitrack: u8,
    pub(crate) mod_ex: u8,
}

/// Reads modifiers until `packet_type` is no modifier. Returns the packet type that follows and the nanosecond offset.
///
/// A later offset overrules an earlier one; modifiers of unknown type are passed over by their size.
pub(crate) fn take_modifiers(cursor: &mut Cursor, types: Types, mut packet_type: u8) -> Result<(u8, u32), Error> {
    const ESCAPE: usize = 256;
    const TIMESTAMP_OFFSET_NANO: u8 = 0;
    let mut nanos = 0;
    while packet_type == types.mod_ex {
        let mut size = usize::from(cursor.u8("modifier size")?) + 1;
        if size == ESCAPE {
            size = usize::from(cursor.u16("modifier size")?) + 1;
        }
        let data = cursor.take("modifier data", size)?;
        let next = cursor.u8("packet type after a modifier")?;
        if let (TIMESTAMP_OFFSET_NANO, Some(&[a, b, c])) = (next >> 4, data.first_chunk()) {
            // More than a millisecond is not an offset within one.
            nanos = u32::from_be_bytes([0, a, b, c]).min(999_999);
        }
        packet_type = next & 0xF;
    }
    Ok((packet_type, nanos))
}

/// Writes the first byte of an extended header, and a modifier where there is an offset. `head` is the high nibble.
pub(crate) fn put_first(out: &mut BytesMut, head: u8, types: Types, packet_type: u8, nanos: u32) {
    if nanos == 0 {
        out.put_u8(head | packet_type & 0xF);
        return;
    }
    let [_, a, b, c] = nanos.to_be_bytes();
    // Size 3, the offset, then modifier type 0 and the packet type that follows.
    out.put_slice(&[head | types.mod_ex, 2, a, b, c, packet_type & 0xF]);
}

/// One track's part of an extended tag, its body not yet looked into.
pub(crate) struct Part {
    pub(crate) track: u8,
    pub(crate) codec: Codec,
    pub(crate) body: Bytes,
}

/// Reads what follows the modifiers: the multitrack header if there is one, codes, and bodies.
pub(crate) fn take_parts(mut cursor: Cursor, types: Types, packet_type: u8) -> Result<(Layout, u8, Vec<Part>), Error> {
    if packet_type != types.multitrack {
        let codec = Codec::from_fourcc(cursor.fourcc()?);
        let body = cursor.into_rest();
        return Ok((Layout::Single, packet_type, vec![Part { track: 0, codec, body }]));
    }
    let header = cursor.u8("multitrack header")?;
    let (layout, packet_type) = match header >> 4 {
        0 => (Layout::OneTrack, header & 0xF),
        1 => (Layout::ManyTracks, header & 0xF),
        2 => (Layout::ManyCodecs, header & 0xF),
        other => return Err(Error::UnknownLayout(other)),
    };
    if packet_type == types.multitrack || packet_type == types.mod_ex {
        return Err(Error::NestedPacketType(packet_type));
    }
    let common = if layout == Layout::ManyCodecs { None } else { Some(Codec::from_fourcc(cursor.fourcc()?)) };
    let mut parts = Vec::new();
    loop {
        let codec = match common {
            Some(codec) => codec,
            None => Codec::from_fourcc(cursor.fourcc()?),
        };
        let track = cursor.u8("track number")?;
        if layout == Layout::OneTrack {
            parts.push(Part { track, codec, body: cursor.into_rest() });
            break;
        }
        let size = cursor.u24("size of a track")? as usize;
        parts.push(Part { track, codec, body: cursor.take("body of a track", size)? });
        if cursor.is_empty() {
            break;
        }
        if parts.len() >= MAX_TRACKS_PER_TAG {
            return Err(Error::TooManyTracksInTag);
        }
    }
    Ok((layout, packet_type, parts))
}

/// One track's part to write: `prefix` is what stands between track header and data (a composition time).
pub(crate) struct OutPart<'a> {
    pub(crate) track: u8,
    pub(crate) code: FourCc,
    pub(crate) prefix: &'a [u8],
    pub(crate) data: &'a [u8],
}

/// Writes everything after the first byte and its modifiers.
pub(crate) fn put_parts(
    out: &mut BytesMut,
    layout: Layout,
    packet_type: u8,
    parts: &[OutPart<'_>],
) -> Result<(), Error> {
    let number = match layout {
        Layout::Legacy | Layout::Single => None,
        Layout::OneTrack => Some(0),
        Layout::ManyTracks => Some(1),
        Layout::ManyCodecs => Some(2u8),
    };
    if let Some(number) = number {
        out.put_u8(number << 4 | packet_type & 0xF);
    }
    for (at, part) in parts.iter().enumerate() {
        if at == 0 || layout == Layout::ManyCodecs {
            out.put_slice(&part.code.0);
        }
        if number.is_some() {
            out.put_u8(part.track);
        }
        if matches!(layout, Layout::ManyTracks | Layout::ManyCodecs) {
            let size = part.prefix.len() + part.data.len();
            let size = u32::try_from(size).ok().filter(|size| *size <= 0xFF_FFFF).ok_or(Error::TagTooLong(size))?;
            let [_, a, b, c] = size.to_be_bytes();
            out.put_slice(&[a, b, c]);
        }
        out.put_slice(part.prefix);
        out.put_slice(part.data);
    }
    Ok(())
}
