//! Every form a chunk can take, whole and at every split.

use proptest::prelude::*;
use weir_rtmp::chunk::{Error, Limits, Message, MessageHeader, Reader, encode_message};
use weir_rtmp::message::kind;

use super::common::raw::{Chunks, message};

fn read_all(reader: &mut Reader, mut input: &[u8]) -> Result<Vec<Message>, Error> {
    let mut messages = Vec::new();
    while let Some(message) = reader.read(&mut input)? {
        messages.push(message);
    }
    assert!(input.is_empty(), "a reader that waits for more has taken everything");
    Ok(messages)
}

fn reader() -> Reader {
    Reader::new(Limits::PUBLISHING)
}

/// Reads at once, cut in two at every place, and byte by byte: always the same.
fn read_every_way(bytes: &[u8]) -> Vec<Message> {
    let whole = read_all(&mut reader(), bytes).unwrap();
    for split in 0..=bytes.len() {
        let mut reader = reader();
        let (first, second) = bytes.split_at(split);
        let mut pieces = read_all(&mut reader, first).unwrap();
        pieces.extend(read_all(&mut reader, second).unwrap());
        assert_eq!(pieces, whole, "split at {split}");
    }
    let mut reader = reader();
    let single: Vec<_> = bytes.iter().flat_map(|byte| read_all(&mut reader, &[*byte]).unwrap()).collect();
    assert_eq!(single, whole);
    assert_eq!(reader.heap_len(), reader.heap_len().min(8 * 1024), "nothing is kept of finished messages");
    whole
}

fn full(csid: u32, timestamp: u32, type_id: u8, payload: &[u8]) -> Message {
    Message { csid, timestamp, type_id, stream_id: 1, payload: payload.to_vec().into() }
}

#[test]
fn every_form_of_header_is_read() {
    let long: Vec<u8> = (0..300u32).map(|byte| byte as u8).collect();
    let table: Vec<(&str, Vec<u8>, Vec<Message>)> = vec![
        ("type 0", Chunks::new().full(4, 7, 8, 1, b"abc").done(), vec![full(4, 7, 8, b"abc")]),
        (
            "one byte, smallest and largest id",
            Chunks::new().full(3, 0, 8, 1, b"a").full(63, 0, 8, 1, b"b").done(),
            vec![full(3, 0, 8, b"a"), full(63, 0, 8, b"b")],
        ),
        (
            "two bytes, smallest and largest id",
            Chunks::new().full(64, 0, 8, 1, b"a").full(319, 0, 8, 1, b"b").done(),
            vec![full(64, 0, 8, b"a"), full(319, 0, 8, b"b")],
        ),
        (
            "three bytes, smallest and largest id",
            Chunks::new().full(320, 0, 8, 1, b"a").full(65_599, 0, 8, 1, b"b").done(),
            vec![full(320, 0, 8, b"a"), full(65_599, 0, 8, b"b")],
        ),
        (
            "three bytes for an id that fits into two is the same chunk stream",
            [Chunks::new().full(70, 5, 8, 1, b"a").done(), vec![0x81, 6, 0, 0, 0, 9, b'b']].concat(),
            vec![full(70, 5, 8, b"a"), full(70, 14, 8, b"b")],
        ),
        ("the id DJI uses", Chunks::new().full(33, 0, 20, 0, b"x").done(), vec![message(33, 0, 20, 0, b"x")]),
        (
            "types 1, 2, 3 take over what they leave out",
            [
                Chunks::new().full(4, 100, 8, 1, b"ab").done(),
                vec![0x44, 0, 0, 20, 0, 0, 3, 9, b'c', b'd', b'e'],
                vec![0x84, 0, 0, 30, b'f', b'g', b'h'],
                vec![0xC4, b'i', b'j', b'k'],
            ]
            .concat(),
            vec![full(4, 100, 8, b"ab"), full(4, 120, 9, b"cde"), full(4, 150, 9, b"fgh"), full(4, 180, 9, b"ijk")],
        ),
        (
            "a fresh chunk stream may begin with type 1",
            vec![0x42, 0, 0, 0, 0, 0, 6, 4, 0, 7, 0, 0, 0, 5],
            vec![message(2, 0, 4, 0, &[0, 7, 0, 0, 0, 5])],
        ),
        ("a message of several chunks", Chunks::new().full(6, 1, 9, 1, &long).done(), vec![full(6, 1, 9, &long)]),
        (
            "chunk streams interleave",
            {
                let mut bytes = Chunks::new().full(6, 1, 9, 1, &long[..256]).done();
                let rest = bytes.split_off(12 + 128);
                bytes.extend(Chunks::new().full(4, 2, 8, 1, b"audio").done());
                bytes.extend(rest);
                bytes
            },
            vec![full(4, 2, 8, b"audio"), full(6, 1, 9, &long[..256])],
        ),
        ("an empty message", Chunks::new().full(4, 1, 8, 1, b"").done(), vec![full(4, 1, 8, b"")]),
        (
            "an extended timestamp, absolute and as a delta",
            [
                Chunks::new().full(4, 0x0100_0000, 8, 1, b"a").done(),
                vec![0x84, 0xFF, 0xFF, 0xFF, 0x02, 0, 0, 0, b'b'],
                vec![0x84, 0, 0, 1, b'c'],
            ]
            .concat(),
            vec![full(4, 0x0100_0000, 8, b"a"), full(4, 0x0300_0000, 8, b"b"), full(4, 0x0300_0001, 8, b"c")],
        ),
        (
            "a message of a type nobody reads is passed over",
            Chunks::new().full(4, 1, 255, 1, &long).full(4, 2, 19, 0, b"so").full(4, 3, 8, 1, b"a").done(),
            vec![full(4, 3, 8, b"a")],
        ),
    ];
    for (name, bytes, expected) in table {
        assert_eq!(read_every_way(&bytes), expected, "{name}");
    }
}

#[test]
fn a_new_chunk_size_counts_from_the_next_chunk_even_within_a_message() {
    let body: Vec<u8> = (0..200).collect();
    let mut bytes = Chunks::new().full(6, 0, 9, 1, &body).done();
    bytes.truncate(12 + 128);
    bytes.extend(Chunks::new().full(2, 0, kind::SET_CHUNK_SIZE, 0, &[0, 0, 0, 50]).done());
    bytes.push(0xC6);
    bytes.extend(&body[128..178]);
    bytes.push(0xC6);
    bytes.extend(&body[178..]);
    let messages = read_every_way(&bytes);
    assert_eq!(messages.last(), Some(&full(6, 0, 9, &body)));
}

#[test]
fn chunk_sizes_no_chunk_can_have_are_refused() {
    for (size, accepted) in [(0u32, false), (1, true), (1 << 24, true), (i32::MAX as u32, true), (1 << 31, false)] {
        let bytes = Chunks::new().full(2, 0, kind::SET_CHUNK_SIZE, 0, &size.to_be_bytes()).done();
        let result = read_all(&mut reader(), &bytes);
        assert_eq!(result.is_ok(), accepted, "{size}");
        if !accepted {
            assert_eq!(result, Err(Error::BadChunkSize(size)));
        }
    }
    let short = Chunks::new().full(2, 0, kind::SET_CHUNK_SIZE, 0, &[1, 0]).done();
    assert_eq!(read_all(&mut reader(), &short), Err(Error::ShortControl { type_id: 1, length: 2 }));
}

#[test]
fn fault_05_abort_drops_the_unfinished_message_of_one_chunk_stream() {
    let body = [7; 200];
    let mut bytes = Chunks::new().full(6, 10, 9, 1, &body).done();
    bytes.truncate(12 + 128);
    bytes.extend(Chunks::new().full(2, 0, kind::ABORT, 0, &[0, 0, 0, 6]).done());
    bytes.extend([0x86, 0, 0, 5]);
    bytes.extend([8; 128]);
    bytes.push(0xC6);
    bytes.extend([8; 72]);
    let messages = read_every_way(&bytes);
    assert_eq!(messages[1..], [full(6, 15, 9, &[8; 200])]);
}

#[test]
fn a_new_header_within_a_message_begins_anew_and_is_counted() {
    let mut bytes = Chunks::new().full(6, 10, 9, 1, &[7; 200]).done();
    bytes.truncate(12 + 128);
    bytes.extend(Chunks::new().full(6, 20, 9, 1, b"new").done());
    assert_eq!(read_every_way(&bytes), [full(6, 20, 9, b"new")]);
    let mut reader = reader();
    read_all(&mut reader, &bytes).unwrap();
    assert_eq!(reader.abandoned(), 1);
}

#[test]
fn a_fresh_chunk_stream_cannot_repeat_what_was_never_said() {
    for (first, fmt) in [(0x84, 2), (0xC4, 3)] {
        let result = read_all(&mut reader(), &[first, 0, 0, 0, 0, 0, 0]);
        assert_eq!(result, Err(Error::NothingToRepeat { csid: 4, fmt }));
    }
}

#[test]
fn after_a_full_header_a_repeated_one_advances_by_its_timestamp_where_that_is_believable() {
    let start = |timestamp| Chunks::new().full(4, timestamp, 8, 1, b"a").done();
    let times = |bytes: &[u8]| read_every_way(bytes).iter().map(|message| message.timestamp).collect::<Vec<_>>();
    // The first frame period after zero, as FFmpeg and OBS write it.
    assert_eq!(times(&[start(40), vec![0xC4, b'b', 0xC4, b'c']].concat()), [40, 80, 120]);
    // From zero both readings agree.
    assert_eq!(times(&[start(0), vec![0xC4, b'b']].concat()), [0, 0]);
    // An hour in, doubling would leave everything behind: the header repeats the time (nginx-rtmp, gortmplib).
    assert_eq!(times(&[start(3_600_000), vec![0xC4, b'b']].concat()), [3_600_000, 3_600_000]);
    // Unless another track is there already.
    let video = Chunks::new().full(6, 5_900, 9, 1, b"v").done();
    assert_eq!(times(&[video, start(3_000), vec![0xC4, b'b']].concat()), [5_900, 3_000, 6_000]);
}

#[test]
fn limits_stop_a_message_before_anything_is_kept() {
    let header = |length: u32, type_id: u8| {
        let [_, l0, l1, l2] = length.to_be_bytes();
        vec![0x04, 0, 0, 0, l0, l1, l2, type_id, 1, 0, 0, 0]
    };
    let mut strict = Reader::new(Limits::BEFORE_CONNECT);
    for (length, type_id, limit) in [(70_000, 20, 16 * 1024), (17_000, 9, 16 * 1024), (300, 4, 256)] {
        let result = read_all(&mut strict, &header(length, type_id));
        assert_eq!(result, Err(Error::MessageTooLong { type_id, length: length as usize, limit }));
        strict = Reader::new(Limits::BEFORE_CONNECT);
    }
    assert!(read_all(&mut reader(), &header(0xFF_FFFF, 9)).is_ok(), "a publisher may send what fits the header");
    assert!(read_all(&mut reader(), &header(70_000, 20)).is_err(), "but no command is that long");
}

#[test]
fn more_chunk_streams_than_any_client_uses_are_refused() {
    let mut reader = reader();
    for csid in 2..66 {
        read_all(&mut reader, &Chunks::new().full(csid, 0, 8, 1, b"a").done()).unwrap();
    }
    let result = read_all(&mut reader, &Chunks::new().full(1_000, 0, 8, 1, b"a").done());
    assert_eq!(result, Err(Error::TooManyChunkStreams(64)));
    assert!(reader.heap_len() < 16 * 1024);
}

/// Predecessor: 2.8 kB before connect reserved 320 MB.
#[test]
fn fault_08_announced_lengths_cost_nothing_before_bytes_arrive() {
    let mut reader = Reader::new(Limits::BEFORE_CONNECT);
    let mut sent = 0;
    for csid in 2..22 {
        // Each chunk stream announces 16 kB and sends one chunk of it.
        let mut bytes = Chunks::new().full(csid, 0, 20, 0, &[1; 16_000]).done();
        bytes.truncate(12 + 128);
        sent += bytes.len();
        assert_eq!(read_all(&mut reader, &bytes), Ok(vec![]));
    }
    assert_eq!(sent, 2_800);
    assert!(reader.heap_len() <= 8 * 1024, "{}", reader.heap_len());
}

#[test]
fn unfinished_messages_are_limited_in_all() {
    let mut reader = Reader::new(Limits::BEFORE_CONNECT);
    let mut result = Ok(vec![]);
    read_all(&mut reader, &Chunks::new().full(2, 0, kind::SET_CHUNK_SIZE, 0, &[0, 0, 0x3A, 0x98]).done()).unwrap();
    for csid in 3..60 {
        let mut bytes = Chunks::sized(15_000).full(csid, 0, 20, 0, &[1; 16_000]).done();
        bytes.truncate(12 + 15_000);
        result = read_all(&mut reader, &bytes);
        if result.is_err() {
            break;
        }
        assert!(reader.heap_len() <= 48 * 1024, "{}", reader.heap_len());
    }
    assert_eq!(result, Err(Error::TooMuchUnfinished(32 * 1024)));
}

#[test]
fn written_messages_read_back_at_every_chunk_size_and_id() {
    for csid in [2, 3, 63, 64, 319, 320, 65_599] {
        for size in [1u32, 2, 127, 128, 129, 4096, 60_000] {
            for length in [0usize, 1, 127, 128, 129, 256, 5_000] {
                for timestamp in [0, 0xFF_FFFE, 0xFF_FFFF, 0x0100_0000, u32::MAX] {
                    let payload: Vec<u8> = (0..length).map(|byte| (byte % 251) as u8).collect();
                    let header = MessageHeader { csid, timestamp, type_id: 9, stream_id: 0x0102_0304 };
                    let bytes = encode_message(size, &header, &payload).unwrap();
                    let mut reader = reader();
                    let set = Chunks::new().full(2, 0, kind::SET_CHUNK_SIZE, 0, &size.to_be_bytes()).done();
                    read_all(&mut reader, &set).unwrap();
                    let expected =
                        Message { csid, timestamp, type_id: 9, stream_id: 0x0102_0304, payload: payload.into() };
                    assert_eq!(read_all(&mut reader, &bytes), Ok(vec![expected]), "{csid} {size} {length} {timestamp}");
                }
            }
        }
    }
}

#[test]
fn a_written_message_is_these_bytes() {
    let header = MessageHeader { csid: 6, timestamp: 0x0102_0304, type_id: 9, stream_id: 1 };
    let bytes = encode_message(2, &header, b"abc").unwrap();
    assert_eq!(
        bytes[..],
        [
            6, 0xFF, 0xFF, 0xFF, 0, 0, 3, 9, 1, 0, 0, 0, 1, 2, 3, 4, b'a',
            b'b', // full header, extended timestamp
            0xC6, 1, 2, 3, 4, b'c', // continuation, the extended timestamp again
        ]
    );
    let too_long = vec![0; 0x100_0000];
    assert_eq!(encode_message(128, &header, &too_long), Err(Error::Unwritable(0x100_0000)));
}

fn messages() -> impl Strategy<Value = Vec<Message>> {
    let one = (
        prop_oneof![2u32..10, 60u32..70, 315u32..325, Just(65_599)],
        prop_oneof![any::<u32>(), 0xFF_FFF0u32..0x100_000F, 0u32..5_000],
        prop::sample::select(vec![8u8, 9, 15, 17, 18, 20, 22]),
        any::<u32>(),
        prop::collection::vec(any::<u8>(), 0..600),
    );
    let one = one.prop_map(|(csid, timestamp, type_id, stream_id, payload)| Message {
        csid,
        timestamp,
        type_id,
        stream_id,
        payload: payload.into(),
    });
    prop::collection::vec(one, 0..12)
}

proptest! {
    #[test]
    fn any_messages_survive_any_cuts(messages in messages(), cuts in prop::collection::vec(1usize..200, 1..40)) {
        let bytes: Vec<u8> = messages
            .iter()
            .flat_map(|message| {
                let &Message { csid, timestamp, type_id, stream_id, .. } = message;
                let header = MessageHeader { csid, timestamp, type_id, stream_id };
                encode_message(128, &header, &message.payload).unwrap()
            })
            .collect();
        let mut reader = reader();
        let mut rest = bytes.as_slice();
        let mut read = Vec::new();
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, after) = rest.split_at((*cut).min(rest.len()));
            read.extend(read_all(&mut reader, piece).unwrap());
            rest = after;
        }
        prop_assert_eq!(read, messages);
    }

    #[test]
    fn any_bytes_are_survived_within_the_limits(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        let mut reader = Reader::new(Limits::BEFORE_CONNECT);
        let mut input = bytes.as_slice();
        while let Ok(Some(_)) = reader.read(&mut input) {}
        prop_assert!(reader.heap_len() <= 64 * 1024);
    }
}
