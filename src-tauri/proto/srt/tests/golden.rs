//! Bytes captured from libsrt 1.5.1 (srt-live-transmit), encrypted with the passphrase `correct-horse`.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its case has failed")]

use weir_srt::crypto::{Error, KeyLength, KeyMessage, Keys, Passphrase, Salt, StreamKey};
use weir_srt::packet::{Body, Control, KeyFlag, Packet, Position};

fn hex(text: &str) -> Vec<u8> {
    text.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

struct Vector {
    length: KeyLength,
    message: &'static str,
    key: &'static str,
    packets: &'static [(&'static str, &'static str)],
}

const VECTORS: [Vector; 2] = [
    Vector {
        length: KeyLength::Aes128,
        message: "1220290100000000020002000000040487d92f9bc0f6deaf006994212470e21d27f00e46e0aab33d062901a41a765a9947c78e93\
                  a66fc727",
        key: "8cb0f21a9e3707c9856a09a249ab6d3a",
        packets: &[
            ("54e15320c8000001001765be0d9f046e4e1268e117685802b9f24d12dba11eab", "00070e151c232a31383f464d545b6269"),
            ("54e15321c8000002001765be0d9f046e0e7cd38e680b6bd227ae33999b8ecc9b", "030a11181f262d343b424950575e656c"),
        ],
    },
    Vector {
        length: KeyLength::Aes256,
        message: "12202901000000000200020000000408ca366421ff139c31a620d971d54aaf49de7a40f38114f0dd841c514222704f157263fb61\
                  7f651d2aff640c71dd4ffcdb3f2775ab05d7fcda",
        key: "719315724176ed4ad507340d8b65a07988db364f579f7754f41d2107f0ef8ce5",
        packets: &[(
            "704ac4d0c80000010017511f23d48749bd396b33d4f4e98f44d816185716114f",
            "00070e151c232a31383f464d545b6269",
        )],
    },
];

#[test]
fn keys_and_payloads_of_libsrt_come_out() {
    let passphrase = Passphrase::new("correct-horse").unwrap();
    for vector in VECTORS {
        let bytes = hex(&vector.message.replace(' ', ""));
        let message = KeyMessage::parse(&bytes).unwrap();
        assert_eq!((message.length(), message.to_bytes()), (vector.length, bytes));
        let keys = message.unwrap(&passphrase).unwrap();
        let expected = StreamKey::new(&hex(vector.key)).unwrap();
        assert_eq!(keys, Keys { even: Some(expected.clone()), odd: None });
        for (datagram, plain) in vector.packets {
            let datagram = hex(datagram);
            let packet = Packet::parse(&datagram).unwrap();
            assert_eq!(packet.to_datagram(), datagram);
            let Body::Data(data) = packet.body else { panic!("no data packet") };
            assert_eq!((data.key, data.position, data.retransmitted), (KeyFlag::Even, Position::Solo, false));
            let mut payload = data.payload.to_vec();
            expected.apply(&message.salt(), data.seq, &mut payload);
            assert_eq!(payload, hex(plain));
        }
    }
}

/// A refresh with `kmrefreshrate=60&kmpreannounce=20`: each message restates the active key and brings a new one.
#[test]
fn the_keys_of_a_refresh_come_out() {
    const ODD: &str = "48ef6128bffd301cb055376bd0c5f797";
    let messages = [
        (
            "12202903000000000200020000000404bd0139338414f620aba65c016645e566104971eff4b7e415784679367a29292f8c8ca1f0662f9373\
             fb0718f4af51d9934b50a9a22d3a6c00",
            "2f4daa7aa69a17c818ca8698868e274c",
        ),
        (
            "12202903000000000200020000000404bd0139338414f620aba65c016645e56685801d8f80279cafa0d40e38ded1a167f771e23773029a56\
             51045a8e099994a72a10faa65f6f0551",
            "791c5214fefd9eeb57768bb4794d967e",
        ),
    ];
    for (text, even) in messages {
        let body = hex(text);
        // As a control packet, there and back.
        let datagram = [hex("ffff0003000000000000000000000007"), body.clone()].concat();
        let packet = Packet::parse(&datagram).unwrap();
        assert_eq!(packet.to_datagram(), datagram);
        assert!(matches!(packet.body, Body::Control(Control::KeyRequest(found)) if found == body));
        let message = KeyMessage::parse(&body).unwrap();
        assert_eq!(message.to_bytes(), body);
        let keys = message.unwrap(&Passphrase::new("correct-horse").unwrap()).unwrap();
        assert_eq!(keys, Keys { even: StreamKey::new(&hex(even)), odd: StreamKey::new(&hex(ODD)) });
    }
}

#[test]
fn another_passphrase_opens_nothing() {
    let message = KeyMessage::parse(&hex(&VECTORS[0].message.replace(' ', ""))).unwrap();
    let wrong = Passphrase::new("correct-horsf").unwrap();
    assert_eq!(message.unwrap(&wrong), Err(Error::WrongPassphrase));
}

#[test]
fn what_is_wrapped_is_unwrapped_for_every_length_and_both_keys() {
    let passphrase = Passphrase::new("a passphrase of ours").unwrap();
    for length in [16, 24, 32] {
        let key = |byte: u8| StreamKey::new(&vec![byte; length]);
        for keys in
            [Keys { even: key(1), odd: None }, Keys { even: None, odd: key(2) }, Keys { even: key(3), odd: key(4) }]
        {
            let message = KeyMessage::wrap(&passphrase, Salt([7; 16]), &keys).unwrap();
            let parsed = KeyMessage::parse(&message.to_bytes()).unwrap();
            assert_eq!(parsed.unwrap(&passphrase).unwrap(), keys);
        }
    }
    assert!(KeyMessage::wrap(&passphrase, Salt([7; 16]), &Keys::default()).is_none());
}

#[test]
fn secrets_do_not_show() {
    let passphrase = Passphrase::new("canary-passphrase").unwrap();
    let key = StreamKey::new(&[0xAB; 16]).unwrap();
    let shown = format!("{passphrase:?} {key:?}");
    assert!(!shown.contains("canary") && !shown.contains("171") && !shown.to_lowercase().contains("abab"), "{shown}");
    assert!(Passphrase::new("too short").unwrap_err().to_string().contains("this one has 9"));
}
