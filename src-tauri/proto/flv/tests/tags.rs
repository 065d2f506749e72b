//! Tag bodies, as tables of what they mean and what they are.
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

use bytes::Bytes;
use weir_flv::{
    AudioBody, AudioPacket, AudioPayload, AudioTag, Error, FrameType, Layout, VideoBody, VideoPacket, VideoPayload,
    VideoTag,
};
use weir_media::{Codec, FourCc};

fn bytes(data: &'static [u8]) -> Bytes {
    Bytes::from_static(data)
}

fn video(frame_type: FrameType, offset_nanos: u32, layout: Layout, packets: Vec<VideoPacket>) -> VideoTag {
    VideoTag { frame_type, offset_nanos, body: VideoBody::Packets { layout, packets } }
}

fn picture(track: u8, codec: Codec, composition_millis: Option<i32>, data: &'static [u8]) -> VideoPacket {
    VideoPacket { track, codec, payload: VideoPayload::Frame { composition_millis, data: bytes(data) } }
}

fn packet(track: u8, codec: Codec, payload: VideoPayload) -> VideoPacket {
    VideoPacket { track, codec, payload }
}

fn sound(track: u8, codec: Codec, payload: AudioPayload) -> AudioPacket {
    AudioPacket { track, codec, payload }
}

fn legacy(flags: u8, codec: Codec, payload: AudioPayload) -> AudioTag {
    AudioTag { offset_nanos: 0, body: AudioBody::Legacy { flags, packet: sound(0, codec, payload) } }
}

fn audio(offset_nanos: u32, layout: Layout, packets: Vec<AudioPacket>) -> AudioTag {
    AudioTag { offset_nanos, body: AudioBody::Packets { layout, packets } }
}

struct Row<T> {
    name: &'static str,
    decoded: T,
    encoded: Vec<u8>,
}

fn row<T>(name: &'static str, decoded: T, encoded: &[u8]) -> Row<T> {
    Row { name, decoded, encoded: encoded.to_vec() }
}

fn video_rows() -> Vec<Row<VideoTag>> {
    use FrameType::{Command, Disposable, Inter, Key, Other};
    use Layout::{Legacy, ManyCodecs, ManyTracks, OneTrack, Single};
    vec![
        row(
            "AVC configuration",
            video(Key, 0, Legacy, vec![packet(0, Codec::H264, VideoPayload::SequenceStart(bytes(b"\x01c")))]),
            b"\x17\x00\x00\x00\x00\x01c",
        ),
        row(
            "AVC key frame",
            video(Key, 0, Legacy, vec![picture(0, Codec::H264, Some(80), b"nal")]),
            b"\x17\x01\x00\x00\x50nal",
        ),
        row(
            "AVC frame shown before its decoding time",
            video(Inter, 0, Legacy, vec![picture(0, Codec::H264, Some(-33), b"n")]),
            b"\x27\x01\xFF\xFF\xDFn",
        ),
        row(
            "AVC disposable frame",
            video(Disposable, 0, Legacy, vec![picture(0, Codec::H264, Some(0), b"n")]),
            b"\x37\x01\x00\x00\x00n",
        ),
        row(
            "AVC end",
            video(Key, 0, Legacy, vec![packet(0, Codec::H264, VideoPayload::SequenceEnd)]),
            b"\x17\x02\x00\x00\x00",
        ),
        row(
            "AVC packet of a type that is not known",
            video(
                Inter,
                0,
                Legacy,
                vec![packet(0, Codec::H264, VideoPayload::Other { packet_type: 0x10, data: bytes(b"d") })],
            ),
            b"\x27\x10\x00\x00\x00d",
        ),
        row(
            "HEVC by number 12",
            video(Inter, 0, Legacy, vec![picture(0, Codec::H265, Some(40), b"n")]),
            b"\x2C\x01\x00\x00\x28n",
        ),
        row("Sorenson H.263", video(Key, 0, Legacy, vec![picture(0, Codec::FlvVideo(2), None, b"h263")]), b"\x12h263"),
        row(
            "legacy command",
            VideoTag { frame_type: Command, offset_nanos: 0, body: VideoBody::Command(1) },
            b"\x52\x01",
        ),
        row("empty", VideoTag { frame_type: Other(0), offset_nanos: 0, body: VideoBody::Empty }, b""),
        row(
            "hvc1 configuration",
            video(Key, 0, Single, vec![packet(0, Codec::H265, VideoPayload::SequenceStart(bytes(b"c")))]),
            b"\x90hvc1c",
        ),
        row(
            "hvc1 with composition time",
            video(Inter, 0, Single, vec![picture(0, Codec::H265, Some(-1), b"n")]),
            b"\xA1hvc1\xFF\xFF\xFFn",
        ),
        row("hvc1 without", video(Inter, 0, Single, vec![picture(0, Codec::H265, None, b"n")]), b"\xA3hvc1n"),
        row(
            "avc1 with composition time",
            video(Key, 0, Single, vec![picture(0, Codec::H264, Some(5), b"n")]),
            b"\x91avc1\x00\x00\x05n",
        ),
        row(
            "av01 never has a composition time",
            video(Key, 0, Single, vec![picture(0, Codec::Av1, None, b"\x12\x00\x0A")]),
            b"\x91av01\x12\x00\x0A",
        ),
        row(
            "vp09 neither",
            video(Inter, 0, Single, vec![picture(0, Codec::Vp9, None, b"\x86\x00\x40")]),
            b"\xA1vp09\x86\x00\x40",
        ),
        row(
            "end of sequence",
            video(Key, 0, Single, vec![packet(0, Codec::Av1, VideoPayload::SequenceEnd)]),
            b"\x92av01",
        ),
        row(
            "AV1 descriptor",
            video(Key, 0, Single, vec![packet(0, Codec::Av1, VideoPayload::TsSequenceStart(bytes(b"\x80")))]),
            b"\x95av01\x80",
        ),
        row(
            "a code that is not known",
            video(Key, 0, Single, vec![picture(0, Codec::FourCc(FourCc(*b"xyz1")), None, b"d")]),
            b"\x91xyz1d",
        ),
        row(
            "a packet type that is not known",
            video(
                Key,
                0,
                Single,
                vec![packet(0, Codec::Av1, VideoPayload::Other { packet_type: 9, data: bytes(b"d") })],
            ),
            b"\x99av01d",
        ),
        row(
            "colour metadata as FFmpeg writes it, with the frame type of a command",
            video(Command, 0, Single, vec![packet(0, Codec::H265, VideoPayload::Metadata(bytes(b"amf")))]),
            b"\xD4hvc1amf",
        ),
        row(
            "colour metadata as OBS writes it, with frame type 0",
            video(Other(0), 0, Single, vec![packet(0, Codec::H265, VideoPayload::Metadata(bytes(b"amf")))]),
            b"\x84hvc1amf",
        ),
        row(
            "multitrack colour metadata with the frame type of a command",
            video(Command, 0, OneTrack, vec![packet(1, Codec::H265, VideoPayload::Metadata(bytes(b"amf")))]),
            b"\xD6\x04hvc1\x01amf",
        ),
        row(
            "nanoseconds",
            video(Key, 500_000, Single, vec![picture(0, Codec::Av1, None, b"d")]),
            b"\x97\x02\x07\xA1\x20\x01av01d",
        ),
        row(
            "extended command behind nanoseconds",
            VideoTag { frame_type: Command, offset_nanos: 1, body: VideoBody::Command(0) },
            b"\xD7\x02\x00\x00\x01\x00\x00",
        ),
        row(
            "one track",
            video(Key, 0, OneTrack, vec![picture(1, Codec::H264, Some(7), b"n")]),
            b"\x96\x01avc1\x01\x00\x00\x07n",
        ),
        row(
            "nanoseconds, then one track",
            video(Key, 9, OneTrack, vec![picture(1, Codec::H264, None, b"n")]),
            b"\x97\x02\x00\x00\x09\x06\x03avc1\x01n",
        ),
        row(
            "many tracks",
            video(
                Inter,
                0,
                ManyTracks,
                vec![picture(0, Codec::H265, Some(1), b"aa"), picture(2, Codec::H265, Some(-2), b"b")],
            ),
            b"\xA6\x11hvc1\x00\x00\x00\x05\x00\x00\x01aa\x02\x00\x00\x04\xFF\xFF\xFEb",
        ),
        row(
            "many tracks of many codecs, of which only one has composition times",
            video(
                Key,
                0,
                ManyCodecs,
                vec![picture(0, Codec::Av1, None, b"aa"), picture(1, Codec::H264, Some(3), b"b")],
            ),
            b"\x96\x21av01\x00\x00\x00\x02aaavc1\x01\x00\x00\x04\x00\x00\x03b",
        ),
    ]
}

fn audio_rows() -> Vec<Row<AudioTag>> {
    use AudioPayload::{Frame, MultichannelConfig, SequenceEnd, SequenceStart};
    use Layout::{ManyCodecs, ManyTracks, OneTrack, Single};
    vec![
        row("AAC configuration", legacy(0xAF, Codec::Aac, SequenceStart(bytes(b"\x12\x10"))), b"\xAF\x00\x12\x10"),
        row("AAC configuration without content", legacy(0xAF, Codec::Aac, SequenceStart(Bytes::new())), b"\xAF\x00"),
        row("AAC frame", legacy(0xAF, Codec::Aac, Frame(bytes(b"raw"))), b"\xAF\x01raw"),
        row("MP3", legacy(0x2F, Codec::Mp3, Frame(bytes(b"\xFF\xFB"))), b"\x2F\xFF\xFB"),
        row("MP3 at 8 kHz", legacy(0xE2, Codec::Mp3, Frame(bytes(b"\xFF\xE3"))), b"\xE2\xFF\xE3"),
        row("A-law", legacy(0x72, Codec::FlvAudio(7), Frame(bytes(b"pcm"))), b"\x72pcm"),
        row("Speex", legacy(0xB2, Codec::FlvAudio(11), Frame(bytes(b"s"))), b"\xB2s"),
        row("empty", AudioTag { offset_nanos: 0, body: AudioBody::Empty }, b""),
        row(
            "Opus header",
            audio(0, Single, vec![sound(0, Codec::Opus, SequenceStart(bytes(b"OpusHead")))]),
            b"\x90OpusOpusHead",
        ),
        row(
            "Opus without header",
            audio(0, Single, vec![sound(0, Codec::Opus, SequenceStart(Bytes::new()))]),
            b"\x90Opus",
        ),
        row(
            "FLAC frame",
            audio(0, Single, vec![sound(0, Codec::Flac, Frame(bytes(b"\xFF\xF8")))]),
            b"\x91fLaC\xFF\xF8",
        ),
        row("AC-3 frame", audio(0, Single, vec![sound(0, Codec::Ac3, Frame(bytes(b"\x0B\x77")))]), b"\x91ac-3\x0B\x77"),
        row("end of sequence", audio(0, Single, vec![sound(0, Codec::Eac3, SequenceEnd)]), b"\x92ec-3"),
        row(
            "channel layout",
            audio(0, Single, vec![sound(0, Codec::Aac, MultichannelConfig(bytes(b"\x01\x02\0\0\0\x03")))]),
            b"\x94mp4a\x01\x02\0\0\0\x03",
        ),
        row(
            "a second track, as OBS sends it",
            audio(0, OneTrack, vec![sound(1, Codec::Aac, Frame(bytes(b"raw")))]),
            b"\x95\x01mp4a\x01raw",
        ),
        row(
            "nanoseconds, then many tracks",
            audio(
                999_999,
                ManyTracks,
                vec![sound(0, Codec::Opus, Frame(bytes(b"a"))), sound(1, Codec::Opus, Frame(bytes(b"")))],
            ),
            b"\x97\x02\x0F\x42\x3F\x05\x11Opus\x00\x00\x00\x01a\x01\x00\x00\x00",
        ),
        row(
            "many codecs",
            audio(
                0,
                ManyCodecs,
                vec![sound(0, Codec::Opus, Frame(bytes(b"a"))), sound(9, Codec::Mp3, Frame(bytes(b"bc")))],
            ),
            b"\x95\x21Opus\x00\x00\x00\x01a.mp3\x09\x00\x00\x02bc",
        ),
    ]
}

#[test]
fn video_tags_mean_what_the_specification_says() {
    for row in video_rows() {
        let encoded = Bytes::from(row.encoded);
        assert_eq!(VideoTag::parse(&encoded).as_ref(), Ok(&row.decoded), "{}", row.name);
        assert_eq!(row.decoded.encode(), Ok(encoded), "{}", row.name);
    }
}

#[test]
fn audio_tags_mean_what_the_specification_says() {
    for row in audio_rows() {
        let encoded = Bytes::from(row.encoded);
        assert_eq!(AudioTag::parse(&encoded).as_ref(), Ok(&row.decoded), "{}", row.name);
        assert_eq!(row.decoded.encode(), Ok(encoded), "{}", row.name);
    }
}

#[test]
fn a_cut_tag_is_an_error_or_less_but_never_a_panic() {
    for encoded in video_rows().into_iter().map(|row| Bytes::from(row.encoded)) {
        for end in 0..encoded.len() {
            let _ = VideoTag::parse(&encoded.slice(..end));
        }
    }
    for encoded in audio_rows().into_iter().map(|row| Bytes::from(row.encoded)) {
        for end in 0..encoded.len() {
            let _ = AudioTag::parse(&encoded.slice(..end));
        }
    }
}

/// Fault 14 of the predecessor: modifiers, multitrack and multichannel headers were read in the wrong order.
#[test]
fn fault_14_modifiers_come_before_multitrack_and_every_size_of_them_is_passed_over() {
    let frame =
        |offset_nanos| video(FrameType::Key, offset_nanos, Layout::OneTrack, vec![picture(1, Codec::Av1, None, b"d")]);
    // An unknown modifier of 256 bytes needs the escape: 255, then UI16 + 1.
    let mut long = vec![0x97, 0xFF, 0x00, 0xFF];
    long.extend([0xAA; 256]);
    long.push(0x16); // an unknown modifier (1), then multitrack
    long.extend(b"\x01av01\x01d");
    assert_eq!(VideoTag::parse(&Bytes::from(long)), Ok(frame(0)));
    // An unknown one, then nanoseconds with a fourth byte to come in some later version, then multitrack.
    let chain = b"\x97\x00\xAA\x27\x03\x00\x00\x07\xEE\x06\x01av01\x01d";
    assert_eq!(VideoTag::parse(&bytes(chain)), Ok(frame(7)));
    let multichannel = b"\x97\x00\xAA\x15\x04mp4a\x02\x00\x01";
    let packets = vec![sound(2, Codec::Aac, AudioPayload::MultichannelConfig(bytes(b"\x00\x01")))];
    assert_eq!(AudioTag::parse(&bytes(multichannel)), Ok(audio(0, Layout::OneTrack, packets)));
}

#[test]
fn what_breaks_a_rule_is_named() {
    for (name, body, error) in [
        ("no code", &b"\x90hv"[..], Error::Truncated { tag: "video", field: "four-character code" }),
        ("no composition time", b"\x91avc1\x00", Error::Truncated { tag: "video", field: "composition time" }),
        ("multitrack in multitrack", b"\x96\x06avc1\x00", Error::NestedPacketType(6)),
        ("modifier in multitrack", b"\x96\x07avc1\x00", Error::NestedPacketType(7)),
        ("fourth layout", b"\x96\x31avc1\x00", Error::UnknownLayout(3)),
        (
            "a track longer than the tag",
            b"\x96\x11av01\x00\x00\x00\x09d",
            Error::Truncated { tag: "video", field: "body of a track" },
        ),
        (
            "modifier longer than the tag",
            b"\x97\xFF\xFF\xFFdata",
            Error::Truncated { tag: "video", field: "modifier data" },
        ),
    ] {
        assert_eq!(VideoTag::parse(&bytes(body)), Err(error), "{name}");
    }
}

#[test]
fn a_tag_of_countless_empty_tracks_is_refused() {
    let mut body = b"\x95\x11Opus".to_vec();
    for _ in 0..65 {
        body.extend([0, 0, 0, 0]);
    }
    assert_eq!(AudioTag::parse(&Bytes::from(body)), Err(Error::TooManyTracksInTag));
}

#[test]
fn packets_too_short_to_hold_a_frame_mean_nothing() {
    for body in [&b"\x17"[..], b"\x17\x00", b"\x27\x01\x00\x00", b"\x12", b"\x5A"] {
        assert_eq!(VideoTag::parse(&bytes(body)).unwrap().body, VideoBody::Empty, "{body:02x?}");
    }
    for body in [&b"\xAF"[..], b"\x2F"] {
        assert_eq!(AudioTag::parse(&bytes(body)).unwrap().body, AudioBody::Empty, "{body:02x?}");
    }
    assert!(
        matches!(VideoTag::parse(&bytes(b"\x17\x02")).unwrap().body, VideoBody::Packets { .. }),
        "an end cut short"
    );
}
