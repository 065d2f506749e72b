//! Reading an audio tag.

use bytes::Bytes;
use weir_media::Codec;

use super::{AudioBody, AudioPacket, AudioPayload, AudioTag, EX_HEADER, MULTICHANNEL_CONFIG, TYPES};
use crate::Error;
use crate::cursor::Cursor;
use crate::ex::{self, CODED_FRAMES, SEQUENCE_END, SEQUENCE_START};

impl AudioTag {
    const EMPTY: Self = Self { offset_nanos: 0, body: AudioBody::Empty };

    /// Reads a tag body. Data is shared with `body`, not copied.
    pub fn parse(body: &Bytes) -> Result<Self, Error> {
        let mut cursor = Cursor::new("audio", body.clone());
        let Ok(flags) = cursor.u8("first byte") else { return Ok(Self::EMPTY) };
        if flags & 0xF0 == EX_HEADER {
            return parse_extended(cursor, flags & 0xF);
        }
        let codec = Codec::from_flv_audio(flags >> 4);
        let payload = if codec == Codec::Aac {
            let Ok(packet_type) = cursor.u8("packet type") else { return Ok(Self::EMPTY) };
            parse_payload(packet_type, cursor.into_rest())
        } else {
            if cursor.is_empty() {
                return Ok(Self::EMPTY);
            }
            AudioPayload::Frame(cursor.into_rest())
        };
        let packet = AudioPacket { track: 0, codec, payload };
        Ok(Self { offset_nanos: 0, body: AudioBody::Legacy { flags, packet } })
    }
}

fn parse_extended(mut cursor: Cursor, packet_type: u8) -> Result<AudioTag, Error> {
    let (packet_type, offset_nanos) = ex::take_modifiers(&mut cursor, TYPES, packet_type)?;
    let (layout, packet_type, parts) = ex::take_parts(cursor, TYPES, packet_type)?;
    let packets = parts.into_iter().map(|part| AudioPacket {
        track: part.track,
        codec: part.codec,
        payload: match packet_type {
            MULTICHANNEL_CONFIG => AudioPayload::MultichannelConfig(part.body),
            packet_type => parse_payload(packet_type, part.body),
        },
    });
    Ok(AudioTag { offset_nanos, body: AudioBody::Packets { layout, packets: packets.collect() } })
}

/// The packet types that legacy AAC and Enhanced RTMP share.
fn parse_payload(packet_type: u8, body: Bytes) -> AudioPayload {
    match packet_type {
        SEQUENCE_START => AudioPayload::SequenceStart(body),
        CODED_FRAMES => AudioPayload::Frame(body),
        SEQUENCE_END => AudioPayload::SequenceEnd,
        packet_type => AudioPayload::Other { packet_type, data: body },
    }
}
