//! Writing a video tag.

use bytes::{BufMut, Bytes, BytesMut};
use weir_media::TrackId;

use super::{
    CODED_FRAMES_X, FrameType, IS_EX_HEADER, METADATA, TS_SEQUENCE_START, TYPES, VideoBody, VideoPacket, VideoPayload,
    VideoTag,
};
use crate::Error;
use crate::ex::{self, CODED_FRAMES, Layout, OutPart, SEQUENCE_END, SEQUENCE_START};

impl VideoTag {
    /// Writes the tag body. Fails for a codec that the layout cannot name, and for a track longer than its size field.
    pub fn encode(&self) -> Result<Bytes, Error> {
        let mut out = BytesMut::new();
        let head = self.frame_type.bits() << 4;
        match &self.body {
            VideoBody::Empty => {}
            // A legacy command names a codec of no meaning; Sorenson H.263 is the first there was.
            VideoBody::Command(command) if self.offset_nanos == 0 => out.put_slice(&[head | 2, *command]),
            VideoBody::Command(command) => {
                ex::put_first(&mut out, IS_EX_HEADER | head, TYPES, SEQUENCE_START, self.offset_nanos);
                out.put_u8(*command);
            }
            VideoBody::Packets { layout: Layout::Legacy, packets } => {
                for packet in packets.iter().take(1) {
                    put_legacy(&mut out, self.frame_type, packet)?;
                }
            }
            VideoBody::Packets { layout, packets } => self.put_extended(&mut out, *layout, packets)?,
        }
        Ok(out.freeze())
    }

    fn put_extended(&self, out: &mut BytesMut, layout: Layout, packets: &[VideoPacket]) -> Result<(), Error> {
        // One type for all tracks: with times where any has one, without where any could have one and none does.
        let with_time = packets.iter().any(|packet| composition(&packet.payload).is_some())
            || packets.iter().all(|packet| !packet.codec.has_nal_units());
        let packet_type = packets.first().map_or(SEQUENCE_END, |packet| packet_type(packet, with_time)) & 0xF;
        let first = if layout == Layout::Single { packet_type } else { TYPES.multitrack };
        ex::put_first(out, IS_EX_HEADER | self.frame_type.bits() << 4, TYPES, first, self.offset_nanos);
        let times: Vec<[u8; 3]> = packets.iter().map(|packet| i24(composition(&packet.payload).unwrap_or(0))).collect();
        let mut parts = Vec::with_capacity(packets.len());
        for (packet, time) in packets.iter().zip(&times) {
            let code = packet.codec.fourcc().ok_or_else(|| not_carried(packet))?;
            let timed = packet_type == CODED_FRAMES && packet.codec.has_nal_units();
            let prefix = if timed { time.as_slice() } else { &[] };
            parts.push(OutPart { track: packet.track, code, prefix, data: data(&packet.payload) });
        }
        ex::put_parts(out, layout, packet_type, &parts)
    }
}

const fn not_carried(packet: &VideoPacket) -> Error {
    Error::NotCarried { track: TrackId::video(packet.track), codec: packet.codec }
}

fn put_legacy(out: &mut BytesMut, frame_type: FrameType, packet: &VideoPacket) -> Result<(), Error> {
    let id = packet.codec.flv_id().ok_or_else(|| not_carried(packet))?;
    if packet.codec.has_nal_units() {
        let packet_type = match packet.payload {
            VideoPayload::Frame { .. } => CODED_FRAMES,
            _ => packet_type(packet, true),
        };
        out.put_slice(&legacy_head(frame_type, id, packet_type, composition(&packet.payload).unwrap_or(0)));
    } else {
        out.put_u8(frame_type.bits() << 4 | id & 0xF);
    }
    out.put_slice(data(&packet.payload));
    Ok(())
}

/// The five bytes before AVC data (FLV 10.1, E.4.3.1 and `AVCVIDEOPACKET`).
pub(crate) const fn legacy_head(frame_type: FrameType, id: u8, packet_type: u8, composition_millis: i32) -> [u8; 5] {
    let [a, b, c] = i24(composition_millis);
    [frame_type.bits() << 4 | id & 0xF, packet_type, a, b, c]
}

/// A signed 24 bit number; what does not fit becomes the nearest that does.
pub(crate) const fn i24(value: i32) -> [u8; 3] {
    let value = if value > 0x7F_FFFF {
        0x7F_FFFF
    } else if value < -0x80_0000 {
        -0x80_0000
    } else {
        value
    };
    let [_, a, b, c] = value.to_be_bytes();
    [a, b, c]
}

const fn packet_type(packet: &VideoPacket, with_time: bool) -> u8 {
    match &packet.payload {
        VideoPayload::SequenceStart(_) => SEQUENCE_START,
        VideoPayload::Frame { .. } if with_time => CODED_FRAMES,
        VideoPayload::Frame { .. } => CODED_FRAMES_X,
        VideoPayload::SequenceEnd => SEQUENCE_END,
        VideoPayload::Metadata(_) => METADATA,
        VideoPayload::TsSequenceStart(_) => TS_SEQUENCE_START,
        VideoPayload::Other { packet_type, .. } => *packet_type,
    }
}

const fn composition(payload: &VideoPayload) -> Option<i32> {
    match payload {
        VideoPayload::Frame { composition_millis, .. } => *composition_millis,
        _ => None,
    }
}

fn data(payload: &VideoPayload) -> &[u8] {
    match payload {
        VideoPayload::SequenceStart(data)
        | VideoPayload::Frame { data, .. }
        | VideoPayload::Metadata(data)
        | VideoPayload::TsSequenceStart(data)
        | VideoPayload::Other { data, .. } => data,
        VideoPayload::SequenceEnd => &[],
    }
}
