//! Time across 2^24, 2^31 and 2^32 milliseconds, in every habit and chunk size (virtual time: seconds of stream in
//! milliseconds of test).

use weir_rtmp::Unwrapper;
use weir_rtmp::chunk::{Limits, MessageHeader, Reader, encode_message};
use weir_rtmp::message::kind;

use super::common::raw::{Chunks, Habit};

const BOUNDARIES: [u32; 3] = [0xFF_FFFF, 1 << 31, 0];
const CHUNK_SIZES: [usize; 3] = [128, 4096, 60_000];

/// Whether a stream's writer gives absolute times or differences.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Headers {
    Absolute,
    Deltas,
}

struct Sent {
    csid: u32,
    time: u32,
    payload: Vec<u8>,
}

/// 30 s of video and audio around a boundary.
fn stream(boundary: u32) -> Vec<Sent> {
    let start = boundary.wrapping_sub(15_000);
    let frames = (0..750u32).flat_map(|frame| {
        let time = start.wrapping_add(frame * 40);
        let video = Sent { csid: 6, time, payload: pattern(frame, if frame % 25 == 0 { 9_000 } else { 700 }) };
        let audio = Sent { csid: 4, time: time.wrapping_add(11), payload: pattern(frame, 200) };
        [video, audio]
    });
    frames.collect()
}

/// Bytes that sometimes look like an extended timestamp's first ones.
fn pattern(seed: u32, length: usize) -> Vec<u8> {
    (0..length)
        .map(|index| if index % 128 == 0 { [0, 1, 0x7F, 0x80, 0xFF][index / 128 % 5] } else { seed as u8 })
        .collect()
}

fn write(stream: &[Sent], chunk_size: usize, habit: Habit, headers: Headers) -> Vec<u8> {
    let mut chunks = Chunks::sized(128);
    chunks.put_full(2, 0, kind::SET_CHUNK_SIZE, 0, &(chunk_size as u32).to_be_bytes());
    chunks.chunk_size = chunk_size;
    chunks.habit = habit;
    for (index, sent) in stream.iter().enumerate() {
        let type_id = if sent.csid == 6 { kind::VIDEO } else { kind::AUDIO };
        match headers {
            Headers::Deltas if index >= 2 => chunks.put_delta(sent.csid, sent.time, type_id, &sent.payload),
            _ => chunks.put_full(sent.csid, sent.time, type_id, 1, &sent.payload),
        }
    }
    chunks.done()
}

#[test]
fn time_goes_on_across_every_boundary_in_every_habit() {
    for boundary in BOUNDARIES {
        let stream = stream(boundary);
        for chunk_size in CHUNK_SIZES {
            for habit in [Habit::Repeats, Habit::Omits] {
                for headers in [Headers::Absolute, Headers::Deltas] {
                    let case = format!("{boundary:#x}, chunks of {chunk_size}, {habit:?}, {headers:?}");
                    let bytes = write(&stream, chunk_size, habit, headers);
                    check(&bytes, &stream, &case);
                }
            }
        }
    }
}

/// Reads in pieces of a length that falls on every place of the header now and then.
fn check(bytes: &[u8], stream: &[Sent], case: &str) {
    let mut reader = Reader::new(Limits::PUBLISHING);
    let mut unwrapper = Unwrapper::new();
    let mut expected = stream.iter();
    let mut last_video = None;
    for piece in bytes.chunks(1_013) {
        let mut input = piece;
        while let Some(message) = reader.read(&mut input).unwrap() {
            if message.type_id == kind::SET_CHUNK_SIZE {
                continue;
            }
            let sent = expected.next().unwrap();
            assert_eq!((message.csid, message.timestamp), (sent.csid, sent.time), "{case}");
            assert!(message.payload == sent.payload, "{case}");
            let time = unwrapper.unwrap(message.timestamp);
            if message.csid == 6 {
                assert!(last_video.is_none_or(|last| time - last == 40), "{case}: time runs on evenly");
                last_video = Some(time);
            }
        }
    }
    assert!(expected.next().is_none(), "{case}: every message arrived");
    assert_eq!(reader.abandoned(), 0);
}

/// Predecessor: an absolute timestamp where a delta belongs once time passes 0xFFFFFF, so that playback exploded after
/// 4 h 39 min.
#[test]
fn what_we_write_reads_back_across_every_boundary() {
    for boundary in BOUNDARIES {
        let stream = stream(boundary);
        for chunk_size in CHUNK_SIZES {
            let size = (chunk_size as u32).to_be_bytes();
            let set = MessageHeader { csid: 2, timestamp: 0, type_id: kind::SET_CHUNK_SIZE, stream_id: 0 };
            let mut bytes = encode_message(128, &set, &size).unwrap().to_vec();
            for sent in &stream {
                let type_id = if sent.csid == 6 { kind::VIDEO } else { kind::AUDIO };
                let header = MessageHeader { csid: sent.csid, timestamp: sent.time, type_id, stream_id: 1 };
                bytes.extend(encode_message(chunk_size as u32, &header, &sent.payload).unwrap());
            }
            check(&bytes, &stream, &format!("{boundary:#x}, chunks of {chunk_size}"));
        }
    }
}

#[test]
fn the_last_bytes_of_a_message_are_not_waited_for() {
    // Old habit, and only two bytes of payload in the last chunk: nothing follows for now.
    for tail in [1, 2, 3] {
        let mut chunks = Chunks::sized(128);
        chunks.habit = Habit::Omits;
        chunks.put_full(6, 0x0123_4567, kind::VIDEO, 1, &vec![9; 128 + tail]);
        let bytes = chunks.done();
        let mut reader = Reader::new(Limits::PUBLISHING);
        assert!(reader.read(&mut bytes.as_slice()).unwrap().is_some(), "{tail}");
    }
}

#[test]
fn a_prefix_of_the_timestamp_in_old_payload_is_payload_at_every_split() {
    // The continuing chunk begins with the first two bytes of the timestamp, and is all there is of the message.
    for tail in [vec![0x01, 0x23], vec![0x01, 0x23, 0x45, 0x00, 0x01], vec![0x01]] {
        let mut chunks = Chunks::sized(128);
        chunks.habit = Habit::Omits;
        let payload = [vec![9; 128], tail].concat();
        chunks.put_full(6, 0x0123_4567, kind::VIDEO, 1, &payload);
        chunks.put_full(4, 0x0123_4568, kind::AUDIO, 1, b"next");
        let bytes = chunks.done();
        for split in 0..=bytes.len() {
            let mut reader = Reader::new(Limits::PUBLISHING);
            let mut seen = Vec::new();
            for piece in [&bytes[..split], &bytes[split..]] {
                let mut input = piece;
                seen.extend(std::iter::from_fn(|| reader.read(&mut input).unwrap()).map(|message| message.payload));
            }
            assert_eq!(seen, [payload.as_slice(), b"next"], "split at {split}");
        }
    }
}
