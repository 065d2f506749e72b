//! What a reader must get before the first frame, and after the last.

use bytes::{Bytes, BytesMut};
use weir_amf0::Value;
use weir_media::{Codec, Track, TrackKind, Tracks};

use super::{head, metadata};
use crate::audio::AAC_FLAGS;
use crate::{
    AudioBody, AudioPacket, AudioPayload, AudioTag, FrameType, Layout, Message, MessageKind, VideoBody, VideoPacket,
    VideoPayload, VideoTag,
};

/// All that somebody who joins now must get before frames: metadata, then each track's headers.
pub fn start(tracks: &Tracks) -> Vec<Message> {
    let metadata = Message { kind: MessageKind::Data, body: metadata(tracks) };
    let media = tracks.iter().filter(|track| track.id.kind != TrackKind::Data);
    std::iter::once(metadata).chain(media.flat_map(|track| headers(track))).collect()
}

/// The headers of one track, to be sent when it appears and again when it changes: configuration, then what accompanies it.
/// For the data track its metadata. Empty for a codec that has none.
pub fn headers(track: &Track) -> Vec<Message> {
    let message = |body: Option<Bytes>| body.map(|body| Message { kind: track.id.kind.into(), body });
    let bodies = match track.id.kind {
        TrackKind::Data => [track.config.clone(), None],
        TrackKind::Video => {
            let side = track.side_data.clone().map(VideoPayload::Metadata);
            let config =
                track.config.clone().map(|config| on_wire(track.codec, config)).map(VideoPayload::SequenceStart);
            [config, side].map(|payload| payload.and_then(|payload| video(track, payload)))
        }
        TrackKind::Audio => {
            let side = track.side_data.clone().map(AudioPayload::MultichannelConfig);
            // A legacy format's configuration is the first byte of each of its tags.
            let config = track.config.clone().filter(|_| !matches!(track.codec, Codec::FlvAudio(_)));
            let config = config.map(AudioPayload::SequenceStart);
            [config, side].map(|payload| payload.and_then(|payload| audio(track, payload)))
        }
    };
    bodies.into_iter().filter_map(message).collect()
}

/// What a reader that has the headers of `before` must get to have those of `track`: all of them where the configuration is
/// another, what accompanies it where only that is, nothing where the change is in what we say about the track.
pub fn changes(before: Option<&Track>, track: &Track) -> Vec<Message> {
    let Some(before) = before else { return headers(track) };
    if before.codec != track.codec || before.config != track.config {
        return headers(track);
    }
    if before.side_data == track.side_data {
        return Vec::new();
    }
    let mut alone = Track { config: None, ..track.clone() };
    if alone.side_data.is_none() && track.id.kind == TrackKind::Video {
        alone.side_data = Some(no_colour());
    }
    headers(&alone)
}

/// Takes colour metadata back (Enhanced RTMP v2, "Metadata Frame").
fn no_colour() -> Bytes {
    let mut out = BytesMut::new();
    weir_amf0::encode_all(&[Value::String("colorInfo".into()), Value::Undefined], &mut out);
    out.freeze()
}

/// What ends a track: decoders give out the pictures that they hold back. `None` where the form has no such message.
pub fn end(track: &Track) -> Option<Message> {
    let body = match track.id.kind {
        TrackKind::Video if head::is_legacy(track) && !track.codec.has_nal_units() => None,
        TrackKind::Video => video(track, VideoPayload::SequenceEnd),
        // Legacy audio has no end; FFmpeg before 8 takes the extended one for junk.
        TrackKind::Audio | TrackKind::Data => None,
    }?;
    Some(Message { kind: track.id.kind.into(), body })
}

/// A configuration as it is written: FFmpeg and MediaMTX put the version and flags of the MP4 box before that of VP8 and VP9.
fn on_wire(codec: Codec, config: Bytes) -> Bytes {
    const VPC_VERSION_1: [u8; 4] = [1, 0, 0, 0];
    match codec {
        Codec::Vp8 | Codec::Vp9 => [&VPC_VERSION_1[..], &config].concat().into(),
        _ => config,
    }
}

fn layout(track: &Track) -> Layout {
    match track.id.index {
        0 => Layout::Single,
        _ => Layout::OneTrack,
    }
}

fn video(track: &Track, payload: VideoPayload) -> Option<Bytes> {
    let colour = matches!(payload, VideoPayload::Metadata(_));
    let (frame_type, layout) = match (colour, layout(track)) {
        // FFmpeg knows metadata by the frame type of a command, and takes any other for a picture. Behind a multitrack
        // header that type would make it a command for everybody else.
        (true, Layout::Single) => (FrameType::Command, Layout::Single),
        (true, layout) => (FrameType::Other(0), layout),
        (false, _) if head::is_legacy(track) => (FrameType::Key, Layout::Legacy),
        (false, layout) => (FrameType::Key, layout),
    };
    let packets = vec![VideoPacket { track: track.id.index, codec: track.codec, payload }];
    VideoTag { frame_type, offset_nanos: 0, body: VideoBody::Packets { layout, packets } }.encode().ok()
}

fn audio(track: &Track, payload: AudioPayload) -> Option<Bytes> {
    let config = matches!(payload, AudioPayload::SequenceStart(_));
    let packet = AudioPacket { track: track.id.index, codec: track.codec, payload };
    let body = match (track.codec, layout(track)) {
        (Codec::Aac, Layout::Single) if config => AudioBody::Legacy { flags: AAC_FLAGS, packet },
        (_, layout) => AudioBody::Packets { layout, packets: vec![packet] },
    };
    AudioTag { offset_nanos: 0, body }.encode().ok()
}
