//! Bytes of real clients, see `tests/vectors/rtmp/README.md` at the top of the repository.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use weir_rtmp::chunk::{Limits, Message, Reader};
use weir_rtmp::command::{Command, PlayRange};
use weir_rtmp::message::{MediaKind, kind};
use weir_rtmp::session::server::{Config, Event, Output, ServerSession};

const HANDSHAKE_LEN: usize = 1 + 2 * 1536;

fn load(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/vectors/rtmp").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn read_all(reader: &mut Reader, mut input: &[u8]) -> Vec<Message> {
    std::iter::from_fn(|| reader.read(&mut input).unwrap()).collect()
}

const PUBLISHERS: [&str; 4] =
    ["ffmpeg-5.1-publish.bin", "ffmpeg-9.0-publish.bin", "gstreamer-1.22-publish.bin", "obs-29.0-publish.bin"];
const PLAYERS: [&str; 4] =
    ["ffmpeg-5.1-play.bin", "ffmpeg-9.0-play.bin", "gstreamer-1.22-play.bin", "librtmp-2.4-play.bin"];

#[test]
fn chunks_of_real_clients_read_alike_at_every_split() {
    for name in PUBLISHERS.iter().chain(&PLAYERS) {
        let bytes = load(name);
        let chunks = &bytes[HANDSHAKE_LEN..];
        let whole = read_all(&mut Reader::new(Limits::PUBLISHING), chunks);
        assert!(whole.len() > 4, "{name}");
        for split in 0..=chunks.len() {
            let mut reader = Reader::new(Limits::PUBLISHING);
            let mut pieces = read_all(&mut reader, &chunks[..split]);
            pieces.extend(read_all(&mut reader, &chunks[split..]));
            assert!(pieces == whole, "{name} split at {split}");
            assert_eq!(reader.abandoned(), 0, "{name}");
        }
    }
}

/// All events of a session that admits everything, its bytes fed in pieces of `step`.
fn serve(bytes: &[u8], step: usize) -> Vec<Event> {
    let now = Instant::now();
    let mut session = ServerSession::new(now, Arc::new(Config::default()), Box::new([1; 1528]));
    let mut events = Vec::new();
    for piece in bytes.chunks(step) {
        session.handle_bytes(now, piece).unwrap();
        while let Some(output) = session.poll_output() {
            let Output::Event(event) = output else { continue };
            match &event {
                Event::PublishRequested(request) => session.accept_publish(request.id).unwrap(),
                Event::PlayRequested(request) => session.accept_play(request.id).unwrap(),
                _ => {}
            }
            events.push(event);
        }
    }
    assert_eq!(session.counters().ignored, 0);
    events
}

#[test]
fn real_publishers_are_understood_however_their_bytes_are_cut() {
    for name in PUBLISHERS {
        let bytes = load(name);
        let events = serve(&bytes, 1);
        for step in [2, 3, 7, 64, 1000, 2000] {
            assert_eq!(serve(&bytes, step), events, "{name} in steps of {step}");
        }
        let request = events.iter().find_map(|event| match event {
            Event::PublishRequested(request) => Some(request),
            _ => None,
        });
        let request = request.unwrap();
        assert_eq!(request.path.as_str(), "live/show", "{name}");
        if !name.starts_with("gstreamer") {
            assert_eq!(request.query.get("token").unwrap().expose(), "a b");
        }
        let media: Vec<_> = events
            .iter()
            .filter_map(|event| match event {
                Event::Media { message, .. } => Some(message),
                _ => None,
            })
            .collect();
        let count = |kind| media.iter().filter(|message| message.kind == kind).count();
        assert!(count(MediaKind::Video) > 7 && count(MediaKind::Audio) > 20 && count(MediaKind::Data) > 0, "{name}");
        assert!(media.iter().all(|message| message.stream_id == 1));
        let times = |kind| media.iter().filter(move |message| message.kind == kind).map(|message| message.timestamp);
        assert!(times(MediaKind::Video).is_sorted() && times(MediaKind::Audio).is_sorted(), "{name}");
        assert!(matches!(events.last(), Some(Event::Ended { .. })), "{name}");
    }
}

#[test]
fn real_players_are_understood_however_their_bytes_are_cut() {
    for name in PLAYERS {
        let bytes = load(name);
        let events = serve(&bytes, 1);
        for step in [2, 3, 7, 33] {
            let cut = serve(&bytes, step);
            // Whether a buffer length comes before or after the admission depends on the cut.
            let requests = |events: &[Event]| -> Vec<Event> {
                events.iter().filter(|event| !matches!(event, Event::PlayControl { .. })).cloned().collect()
            };
            assert_eq!(requests(&cut), requests(&events), "{name} in steps of {step}");
        }
        let request = events.iter().find_map(|event| match event {
            Event::PlayRequested(request) => Some(request),
            _ => None,
        });
        let request = request.unwrap();
        assert_eq!((request.path.as_str(), request.message_stream_id), ("live/show", 1), "{name}");
        let expected = if name.starts_with("librtmp") { PlayRange::Live } else { PlayRange::LiveOrRecorded };
        assert_eq!(request.range, expected, "{name}");
    }
}

#[test]
fn obs_says_its_own_chunk_size_first_and_takes_its_leave() {
    let bytes = load("obs-29.0-publish.bin");
    let messages = read_all(&mut Reader::new(Limits::PUBLISHING), &bytes[HANDSHAKE_LEN..]);
    assert_eq!((messages[0].type_id, &messages[0].payload[..]), (kind::SET_CHUNK_SIZE, &4096u32.to_be_bytes()[..]));
    let commands = messages.iter().filter(|message| message.type_id == kind::COMMAND);
    let names: Vec<_> = commands.map(|message| Command::parse(&message.payload).unwrap().name).collect();
    let order = ["connect", "releaseStream", "FCPublish", "createStream", "publish", "FCUnpublish", "deleteStream"];
    assert_eq!(names, order);
}

#[test]
fn ffmpeg_uses_what_the_reader_must_know() {
    for name in ["ffmpeg-5.1-publish.bin", "ffmpeg-9.0-publish.bin"] {
        let bytes = load(name);
        let messages = read_all(&mut Reader::new(Limits::PUBLISHING), &bytes[HANDSHAKE_LEN..]);
        let echo = messages.iter().find(|message| message.type_id == kind::SET_CHUNK_SIZE).unwrap();
        assert_eq!(echo.payload[..], 4096u32.to_be_bytes(), "it takes over the server's chunk size");
        let commands = messages.iter().filter(|message| message.type_id == kind::COMMAND);
        let names: Vec<_> = commands.map(|message| Command::parse(&message.payload).unwrap().name).collect();
        let order = ["connect", "releaseStream", "FCPublish", "createStream"];
        assert_eq!(names[..4], order, "{name}");
        assert!(names.iter().any(|name| name == "publish"));
        assert_eq!(names[names.len() - 2..], ["FCUnpublish", "deleteStream"], "{name}");
    }
}
