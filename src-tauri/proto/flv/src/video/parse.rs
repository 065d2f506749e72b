//! Reading a video tag.

use bytes::Bytes;
use weir_media::Codec;

use super::{
    CODED_FRAMES_X, FrameType, IS_EX_HEADER, METADATA, TS_SEQUENCE_START, TYPES, VideoBody, VideoPacket, VideoPayload,
    VideoTag,
};
use crate::Error;
use crate::cursor::Cursor;
use crate::ex::{self, CODED_FRAMES, Layout, SEQUENCE_END, SEQUENCE_START};

impl VideoTag {
    /// Reads a tag body. Data is shared with `body`, not copied.
    pub fn parse(body: &Bytes) -> Result<Self, Error> {
        let mut cursor = Cursor::new("video", body.clone());
        let Ok(first) = cursor.u8("first byte") else {
            return Ok(Self { frame_type: FrameType::Other(0), offset_nanos: 0, body: VideoBody::Empty });
        };
        let frame_type = FrameType::from_bits(first >> 4);
        if first & IS_EX_HEADER != 0 {
            return parse_extended(cursor, frame_type, first & 0xF);
        }
        Ok(Self { frame_type, offset_nanos: 0, body: parse_legacy(cursor, frame_type, first & 0xF)? })
    }
}

fn parse_legacy(mut cursor: Cursor, frame_type: FrameType, id: u8) -> Result<VideoBody, Error> {
    if frame_type == FrameType::Command {
        return Ok(cursor.u8("command").map_or(VideoBody::Empty, VideoBody::Command));
    }
    let codec = Codec::from_flv_video(id);
    let payload = if codec.has_nal_units() {
        // Encoders end a stream with these bytes cut short, and send packets without a frame: neither means anything.
        let Ok(packet_type) = cursor.u8("packet type") else { return Ok(VideoBody::Empty) };
        match (packet_type, cursor.i24("composition time")) {
            (SEQUENCE_END, _) => VideoPayload::SequenceEnd,
            (_, Err(_)) => return Ok(VideoBody::Empty),
            (SEQUENCE_START, Ok(_)) => VideoPayload::SequenceStart(cursor.into_rest()),
            (CODED_FRAMES, Ok(millis)) => {
                VideoPayload::Frame { composition_millis: Some(millis), data: cursor.into_rest() }
            }
            (packet_type, Ok(_)) => VideoPayload::Other { packet_type, data: cursor.into_rest() },
        }
    } else {
        if cursor.is_empty() {
            return Ok(VideoBody::Empty);
        }
        VideoPayload::Frame { composition_millis: None, data: cursor.into_rest() }
    };
    Ok(VideoBody::Packets { layout: Layout::Legacy, packets: vec![VideoPacket { track: 0, codec, payload }] })
}

fn parse_extended(mut cursor: Cursor, frame_type: FrameType, packet_type: u8) -> Result<VideoTag, Error> {
    let (packet_type, offset_nanos) = ex::take_modifiers(&mut cursor, TYPES, packet_type)?;
    // The frame type of metadata says nothing, and FFmpeg writes "command" there. A command is 0 or 1, so behind a
    // multitrack header metadata is told apart by its number.
    let wrapped_metadata = packet_type == TYPES.multitrack && cursor.peek().is_some_and(|next| next & 0xF == METADATA);
    if frame_type == FrameType::Command && packet_type != METADATA && !wrapped_metadata {
        let body = cursor.u8("command").map_or(VideoBody::Empty, VideoBody::Command);
        return Ok(VideoTag { frame_type, offset_nanos, body });
    }
    let (layout, packet_type, parts) = ex::take_parts(cursor, TYPES, packet_type)?;
    let mut packets = Vec::with_capacity(parts.len());
    for part in parts {
        let payload = parse_payload(part.codec, packet_type, part.body)?;
        packets.push(VideoPacket { track: part.track, codec: part.codec, payload });
    }
    Ok(VideoTag { frame_type, offset_nanos, body: VideoBody::Packets { layout, packets } })
}

fn parse_payload(codec: Codec, packet_type: u8, body: Bytes) -> Result<VideoPayload, Error> {
    Ok(match packet_type {
        SEQUENCE_START => VideoPayload::SequenceStart(body),
        CODED_FRAMES if codec.has_nal_units() => {
            let mut cursor = Cursor::new("video", body);
            let millis = cursor.i24("composition time")?;
            VideoPayload::Frame { composition_millis: Some(millis), data: cursor.into_rest() }
        }
        CODED_FRAMES | CODED_FRAMES_X => VideoPayload::Frame { composition_millis: None, data: body },
        SEQUENCE_END => VideoPayload::SequenceEnd,
        METADATA => VideoPayload::Metadata(body),
        TS_SEQUENCE_START => VideoPayload::TsSequenceStart(body),
        packet_type => VideoPayload::Other { packet_type, data: body },
    })
}
