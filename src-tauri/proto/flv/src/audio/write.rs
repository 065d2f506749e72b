//! Writing an audio tag.

use bytes::{BufMut, Bytes, BytesMut};
use weir_media::{Codec, TrackId};

use super::{AudioBody, AudioPacket, AudioPayload, AudioTag, EX_HEADER, MULTICHANNEL_CONFIG, TYPES};
use crate::Error;
use crate::ex::{self, CODED_FRAMES, Layout, OutPart, SEQUENCE_END, SEQUENCE_START};

impl AudioTag {
    /// Writes the tag body. Fails for a codec that the layout cannot name, and for a track longer than its size field.
    pub fn encode(&self) -> Result<Bytes, Error> {
        let mut out = BytesMut::new();
        match &self.body {
            AudioBody::Empty => {}
            AudioBody::Legacy { flags, packet } => {
                out.put_u8(*flags);
                if packet.codec == Codec::Aac {
                    out.put_u8(packet_type(&packet.payload));
                }
                out.put_slice(data(&packet.payload));
            }
            AudioBody::Packets { layout, packets } => self.put_extended(&mut out, *layout, packets)?,
        }
        Ok(out.freeze())
    }

    fn put_extended(&self, out: &mut BytesMut, layout: Layout, packets: &[AudioPacket]) -> Result<(), Error> {
        let packet_type = packets.first().map_or(SEQUENCE_END, |packet| packet_type(&packet.payload)) & 0xF;
        let single = matches!(layout, Layout::Single | Layout::Legacy);
        ex::put_first(out, EX_HEADER, TYPES, if single { packet_type } else { TYPES.multitrack }, self.offset_nanos);
        let mut parts = Vec::with_capacity(packets.len());
        for packet in packets {
            let track = TrackId::audio(packet.track);
            let code = packet.codec.fourcc().ok_or(Error::NotCarried { track, codec: packet.codec })?;
            parts.push(OutPart { track: packet.track, code, prefix: &[], data: data(&packet.payload) });
        }
        ex::put_parts(out, layout, packet_type, &parts)
    }
}

const fn packet_type(payload: &AudioPayload) -> u8 {
    match payload {
        AudioPayload::SequenceStart(_) => SEQUENCE_START,
        AudioPayload::Frame(_) => CODED_FRAMES,
        AudioPayload::SequenceEnd => SEQUENCE_END,
        AudioPayload::MultichannelConfig(_) => MULTICHANNEL_CONFIG,
        AudioPayload::Other { packet_type, .. } => *packet_type,
    }
}

fn data(payload: &AudioPayload) -> &[u8] {
    match payload {
        AudioPayload::SequenceStart(data)
        | AudioPayload::Frame(data)
        | AudioPayload::MultichannelConfig(data)
        | AudioPayload::Other { data, .. } => data,
        AudioPayload::SequenceEnd => &[],
    }
}
