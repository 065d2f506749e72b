//! A client session with a hostile server.
#![no_main]

use std::sync::Arc;
use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use weir_rtmp::chunk::{MessageHeader, encode_message};
use weir_rtmp::handshake::PACKET_LEN;
use weir_rtmp::session::client::Config;
use weir_rtmp::session::{ClientSession, Output};
use weir_rtmp::url::PublishUrl;

const RANDOM: [u8; PACKET_LEN - 8] = [7; PACKET_LEN - 8];

fuzz_target!(|input: &[u8]| {
    let Some((&start, mut program)) = input.split_first() else { return };
    let url = PublishUrl::parse("rtmp://localhost/live/secret", None).expect("a good address");
    let mut now = Instant::now();
    let mut session = ClientSession::new(now, Arc::new(Config::default()), url, &RANDOM);
    if start & 1 == 0 {
        let mut hello = vec![0; 1 + 2 * PACKET_LEN];
        hello[0] = 3;
        let _ = session.handle_bytes(now, &hello);
    }
    while let [operation, length, rest @ ..] = program {
        let length = usize::from(*length);
        let (bytes, rest) = rest.split_at(length.min(rest.len()));
        program = rest;
        let result = match operation % 4 {
            0 => session.handle_bytes(now, bytes),
            1 | 2 => session.handle_bytes(now, &message(bytes)),
            _ => {
                now += Duration::from_millis(length as u64 * 200);
                session.handle_timeout(now)
            }
        };
        if result.is_err() | drain(&mut session) {
            return;
        }
    }
    session.stop();
    drain(&mut session);
});

/// A message that is well formed as far as chunks go.
fn message(bytes: &[u8]) -> Vec<u8> {
    let [type_id, stream_id, body @ ..] = bytes else { return Vec::new() };
    let header = MessageHeader { csid: 3, timestamp: 0, type_id: *type_id, stream_id: u32::from(*stream_id) };
    encode_message(128, &header, body).expect("short enough").to_vec()
}

/// Whether the session wants to close.
fn drain(session: &mut ClientSession) -> bool {
    let mut outputs = 0;
    let mut close = false;
    while let Some(output) = session.poll_output() {
        outputs += 1;
        assert!(outputs < 100_000, "it never comes to rest");
        close |= matches!(output, Output::Close);
    }
    close
}
