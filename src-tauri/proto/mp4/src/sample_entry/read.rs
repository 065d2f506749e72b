//! From a sample entry back to a track: what [`super::write`] declares, and what other programs do.

use bytes::Bytes;
use weir_media::codec::{self, mp3, vp9};
use weir_media::{AudioInfo, Codec, FourCc, Track, TrackId, TrackKind};

use crate::reader::{Fields, child, children};

/// Bytes of a visual sample entry before its boxes (ISO/IEC 14496-12, 12.1.3).
const VISUAL: usize = 78;
/// Bytes of an audio sample entry before its boxes (12.2.3); the versions of QuickTime add some.
const AUDIO: usize = 28;
/// Version and flags of a full box.
const FULL: usize = 4;

/// The track that the first entry of an `stsd` declares, as far as it can be read. `entries` are the entry boxes.
pub(crate) fn read(entries: &[u8], id: TrackId) -> Option<Track> {
    let (kind, content) = children(entries).next()?;
    let code = FourCc(kind.0);
    Some(if id.kind == TrackKind::Video { video(code, content, id)? } else { audio(code, content, id)? })
}

fn video(code: FourCc, content: &[u8], id: TrackId) -> Option<Track> {
    let boxes = content.get(VISUAL..)?;
    let (codec, config) = match &code.0 {
        b"avc1" | b"avc3" => (Codec::H264, child(boxes, b"avcC")),
        b"hvc1" | b"hev1" => (Codec::H265, child(boxes, b"hvcC")),
        b"vvc1" | b"vvi1" => (Codec::H266, full(boxes, b"vvcC")),
        b"av01" => (Codec::Av1, child(boxes, b"av1C")),
        b"vp09" => (Codec::Vp9, full(boxes, b"vpcC")),
        b"vp08" => (Codec::Vp8, full(boxes, b"vpcC")),
        _ => (Codec::from_fourcc(code), None),
    };
    let config = config.map(Bytes::copy_from_slice);
    let mut fields = Fields(content);
    fields.skip(24)?;
    let side = |side: u16| Some(u32::from(side)).filter(|side| *side > 0);
    let (width, height) = (side(fields.u16()?), side(fields.u16()?));
    let mut info = config.as_ref().map(|config| codec::video_info(codec, config)).unwrap_or_default();
    info.width = info.width.or(width);
    info.height = info.height.or(height);
    Some(Track { config, video: Some(info), ..Track::new(id, codec) })
}

fn audio(code: FourCc, content: &[u8], id: TrackId) -> Option<Track> {
    let mut fields = Fields(content);
    fields.skip(8)?;
    let version = fields.u16()?;
    fields.skip(6)?;
    let channels = fields.u16()?;
    fields.skip(2 + 4)?;
    let rate = fields.u32()? >> 16;
    let more = match version {
        1 => 16,
        2 => 36,
        _ => 0,
    };
    let boxes = content.get(AUDIO + more..)?;
    let (codec, config) = match &code.0 {
        b"mp4a" => elementary_stream(full(boxes, b"esds")?)?,
        b".mp3" => (Codec::Mp3, None),
        b"Opus" => (Codec::Opus, child(boxes, b"dOps").and_then(opus_head)),
        b"fLaC" => (Codec::Flac, full(boxes, b"dfLa").and_then(|blocks| blocks.get(4..)).map(<[u8]>::to_vec)),
        b"ac-3" => (Codec::Ac3, None),
        b"ec-3" => (Codec::Eac3, None),
        _ => (Codec::from_fourcc(code), None),
    };
    let config = config.map(Bytes::from);
    let told = config.as_ref().map(|config| codec::audio_info(codec, config)).unwrap_or_default();
    let info = AudioInfo {
        sample_rate: told.sample_rate.or(Some(rate).filter(|rate| *rate > 0)),
        channels: told.channels.or_else(|| u8::try_from(channels).ok().filter(|channels| *channels > 0)),
        ..told
    };
    Some(Track { config, audio: Some(info), ..Track::new(id, codec) })
}

fn full<'a>(boxes: &'a [u8], kind: &[u8; 4]) -> Option<&'a [u8]> {
    child(boxes, kind)?.get(FULL..)
}

/// `esds` (ISO/IEC 14496-1, 7.2.6): the codec and the specific configuration.
fn elementary_stream(content: &[u8]) -> Option<(Codec, Option<Vec<u8>>)> {
    let stream = descriptor(&mut Fields(content), 0x03)?;
    let mut fields = Fields(stream);
    fields.skip(2)?;
    let [flags] = fields.take()?;
    if flags & 0x80 != 0 {
        fields.skip(2)?;
    }
    if flags & 0x40 != 0 {
        let [len] = fields.take()?;
        fields.skip(usize::from(len))?;
    }
    if flags & 0x20 != 0 {
        fields.skip(2)?;
    }
    let decoder = descriptor(&mut fields, 0x04)?;
    let mut fields = Fields(decoder);
    let [object_type] = fields.take()?;
    fields.skip(12)?;
    Some(match object_type {
        0x40 | 0x66..=0x68 => (Codec::Aac, descriptor(&mut fields, 0x05).map(<[u8]>::to_vec)),
        0x69 | 0x6B => (Codec::Mp3, None),
        0xA5 => (Codec::Ac3, None),
        0xA6 => (Codec::Eac3, None),
        other => (Codec::FourCc(FourCc([b'm', b'p', b'4', other])), None),
    })
}

/// The content of the next descriptor, if it has this tag. Its length has up to four bytes of seven bits.
fn descriptor<'a>(fields: &mut Fields<'a>, tag: u8) -> Option<&'a [u8]> {
    let [found] = fields.take()?;
    let mut len = 0_usize;
    for _ in 0..4 {
        let [byte] = fields.take()?;
        len = len << 7 | usize::from(byte & 0x7F);
        if byte & 0x80 == 0 {
            break;
        }
    }
    let (content, rest) = fields.0.split_at_checked(len)?;
    fields.0 = rest;
    (found == tag).then_some(content)
}

/// An `OpusHead` (RFC 7845, 5.1) from an `OpusSpecificBox`, whose numbers turn from big to little endian.
fn opus_head(specific: &[u8]) -> Option<Vec<u8>> {
    let [_, channels, skip_hi, skip_lo, r3, r2, r1, r0, gain_hi, gain_lo, family, mapping @ ..] = specific else {
        return None;
    };
    let mut head = b"OpusHead\x01".to_vec();
    head.extend_from_slice(&[*channels, *skip_lo, *skip_hi, *r0, *r1, *r2, *r3, *gain_lo, *gain_hi, *family]);
    head.extend_from_slice(mapping);
    Some(head)
}

/// What a track's first frame tells of it, where its configuration does not.
pub(crate) fn learn(track: &mut Track, first: &[u8]) {
    // One number stands for all layers of MPEG audio.
    if track.codec == Codec::Mp3 && mp3::FrameHeader::parse(first).is_ok_and(|header| header.layer == 2) {
        track.codec = Codec::Mp2;
    }
    let Some(info) = &mut track.video else { return };
    if info.width.is_none() {
        let size = match track.codec {
            Codec::Vp9 => vp9::key_frame_size(first).ok(),
            Codec::Vp8 => vp9::vp8_key_frame_size(first),
            _ => None,
        };
        (info.width, info.height) = size.unzip();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_declared_is_read_back_for_every_codec() {
        let avc = [1, 0x64, 0, 0x1F, 0xFF, 0xE0, 0];
        let opus = b"OpusHead\x01\x02\x38\x01\x80\xbb\0\0\0\0\0";
        for (id, codec, config, first) in [
            (TrackId::VIDEO, Codec::H264, &avc[..], &[][..]),
            (TrackId::VIDEO, Codec::H265, &[1; 23], &[]),
            (TrackId::VIDEO, Codec::Av1, &[0x81, 0x08, 0x0C, 0], &[]),
            (TrackId::VIDEO, Codec::Vp9, &[0, 10, 0x82, 2, 2, 2, 0, 0], &[]),
            (TrackId::AUDIO, Codec::Aac, &[0x11, 0x90], &[]),
            (TrackId::AUDIO, Codec::Opus, opus, &[]),
            (TrackId::AUDIO, Codec::Flac, &[7; 34], &[]),
            (TrackId::AUDIO, Codec::Mp3, &[], &[]),
            (TrackId::AUDIO, Codec::Ac3, &[], &[0x0B, 0x77, 0, 0, 0x14, 0x40, 0x43, 0xE1]),
        ] {
            let config = Some(Bytes::copy_from_slice(config)).filter(|config| !config.is_empty());
            let track = Track { config, ..Track::new(id, codec) };
            let entry = super::super::write(&track, Some(first)).unwrap();
            let back = read(&entry, id).unwrap();
            assert_eq!((back.codec, &back.config), (codec, &track.config), "{codec}");
            for cut in 0..entry.len() {
                let _ = read(entry.get(..cut).unwrap(), id);
            }
        }
    }
}
