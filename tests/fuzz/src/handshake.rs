//! Handshakes of both sides: cut anywhere they answer the same, and take no byte that is not theirs.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use weir_rtmp::handshake::{Client, PACKET_LEN, Server};

const RANDOM: [u8; PACKET_LEN - 8] = [7; PACKET_LEN - 8];

/// The answers, how many bytes were taken, whether it failed, whether it finished.
type Course = (Vec<Bytes>, usize, bool, bool);

fuzz_target!(|input: &[u8]| {
    let Some((&cut, data)) = input.split_first() else { return };
    // A handshake is longer than a fuzzer likes its inputs: the last byte goes on for ever.
    let mut padded = data.to_vec();
    padded.resize(data.len().max(PACKET_LEN * 2 + 2), data.last().copied().unwrap_or(0));
    let piece = usize::from(cut).max(1) * 7;
    assert_eq!(server(&padded, usize::MAX), server(&padded, piece));
    assert_eq!(client(&padded, usize::MAX), client(&padded, piece));
});

fn server(data: &[u8], piece: usize) -> Course {
    let mut server = Server::new(Box::new(RANDOM));
    let course = drive(data, piece, |input| server.handle_bytes(input).map_err(drop));
    (course.0, course.1, course.2, server.finished().is_some())
}

fn client(data: &[u8], piece: usize) -> Course {
    let (mut client, hello) = Client::new(&RANDOM);
    assert_eq!(hello.len(), 1 + PACKET_LEN);
    let course = drive(data, piece, |input| client.handle_bytes(input).map_err(drop));
    (course.0, course.1, course.2, client.is_finished())
}

fn drive(
    data: &[u8],
    piece: usize,
    mut handle: impl FnMut(&mut &[u8]) -> Result<Option<Bytes>, ()>,
) -> (Vec<Bytes>, usize, bool) {
    let mut answers = Vec::new();
    let mut taken = 0;
    for piece in data.chunks(piece) {
        let mut input = piece;
        match handle(&mut input) {
            Ok(answer) => answers.extend(answer),
            Err(()) => return (answers, 0, true),
        }
        taken += piece.len() - input.len();
        if !input.is_empty() {
            break;
        }
    }
    (answers, taken, false)
}
