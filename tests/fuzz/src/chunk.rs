//! Chunk streams: cut anywhere they read the same, memory stays bounded, and what was read survives being written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_rtmp::chunk::{Limits, Message, MessageHeader, Reader, encode_message};

/// Chunk streams have a little state each, beside the bytes of unfinished messages.
const STATE: usize = 16 * 1024;

fuzz_target!(|input: &[u8]| {
    let Some((&cut, data)) = input.split_first() else { return };
    let whole = read([data]);
    let pieces = read(data.chunks(usize::from(cut).max(1)));
    assert_eq!(whole, pieces, "cut into pieces of {cut}");
    for message in whole.0 {
        write_and_read(&message);
    }
});

fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Message>, bool) {
    let limits = Limits::BEFORE_CONNECT;
    let mut reader = Reader::new(limits);
    let mut messages = Vec::new();
    for mut piece in pieces {
        loop {
            match reader.read(&mut piece) {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(_) => return (messages, true),
            }
            assert!(reader.heap_len() <= limits.unfinished + STATE, "{} bytes are held", reader.heap_len());
        }
    }
    (messages, false)
}

fn write_and_read(message: &Message) {
    let Message { csid, timestamp, type_id, stream_id, payload } = message.clone();
    let header = MessageHeader { csid, timestamp, type_id, stream_id };
    let bytes = encode_message(128, &header, &payload).expect("what was read can be written");
    let (again, failed) = read([&bytes[..]]);
    assert!(!failed && again == [message.clone()], "{message:?} came back as {again:?}");
}
