//! SRT's decoders one by one: what can be read is written as it was, and read the same again.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use weir_srt::crypto::{KeyLength, KeyMessage, KeyState, Passphrase, Salt, WrappingKey};
use weir_srt::handshake::StreamId;
use weir_srt::packet::{Body, Control, Packet, destination};

static KEK: LazyLock<WrappingKey> = LazyLock::new(|| {
    let passphrase = Passphrase::new("correct-horse").expect("long enough");
    WrappingKey::derive(&passphrase, Salt([7; 16]), KeyLength::Aes128)
});

fuzz_target!(|input: &[u8]| {
    let Ok(packet) = Packet::parse(input) else { return };
    assert_eq!(destination(input), Some(packet.to));
    let written = packet.to_datagram();
    // Surplus is left out, so only what was written can be compared.
    assert!(written.len() <= input.len().max(20));
    assert_eq!(Packet::parse(&written).as_ref(), Ok(&packet));
    match packet.body {
        Body::Data(data) => assert_eq!(written.len(), 16 + data.payload.len()),
        Body::Control(Control::LossReport(ranges)) => {
            assert!(ranges.len() <= 360 && ranges.iter().all(|range| !range.first.is_after(range.last)));
        }
        Body::Control(Control::KeyRequest(body) | Control::KeyResponse(body)) => keys(&body),
        Body::Control(Control::Handshake(text)) => stream_id(&text),
        Body::Control(_) => {}
    }
});

fn keys(body: &[u8]) {
    if let Some(state) = KeyState::parse(body) {
        assert_eq!(state.to_bytes(), body);
    }
    let Ok(message) = KeyMessage::parse(body) else { return };
    // Reserved fields are not kept; what is written is read the same.
    assert_eq!(KeyMessage::parse(&message.to_bytes()).as_ref(), Ok(&message));
    if let Ok(keys) = message.unwrap_under(&KEK) {
        assert!(keys.even.iter().chain(&keys.odd).all(|key| key.length() == message.length()));
    }
}

fn stream_id(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    let id = StreamId::new(text.to_owned());
    if let Ok(access) = id.parse() {
        assert!(access.resource.is_none_or(|resource| resource.len() <= text.len()));
        assert!(access.query.len() <= text.len());
    }
}
