//! An SRT connection with a hostile peer and an application that sends now and then: it stays within its limits, and what
//! both of its ends do is sent somewhere. The input is a small program.
#![no_main]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use weir_srt::caller::{self, Call};
use weir_srt::connection::{self, Config, Connection, Event, Limits};
use weir_srt::crypto::{KeyRefresh, Passphrase};
use weir_srt::listener;
use weir_srt::{Caller, Entropy, Listener};

/// Small, so that the limits are met.
const LIMITS: Limits = Limits { receive_buffer: 64, send_buffer: 64 };

fuzz_target!(|input: &[u8]| {
    let Some((&start, mut program)) = input.split_first() else { return };
    let mut now = Instant::now();
    let (mut ours, mut first) = connected(now, start & 3 == 0);
    let mut payloads = 0;
    while let [operation, length, rest @ ..] = program {
        let (bytes, rest) = rest.split_at(usize::from(*length).min(rest.len()));
        program = rest;
        match operation % 8 {
            // Anything at all, but for the address.
            0 => ours.handle_datagram(now, &addressed(bytes, &ours)),
            // Data near the numbers that are expected.
            1 | 2 => {
                let [step, flags, payload @ ..] = bytes else { continue };
                first = first.wrapping_add(u32::from(*step % 80)).wrapping_sub(20) & 0x7FFF_FFFF;
                let word = 0xC000_0001_u32 | u32::from(*flags & 0x1C) << 24;
                packet(&mut ours, now, first, word, payload);
            }
            // Control packets of every kind, with numbers near those expected or not.
            3..=5 => {
                let [kind, near, body @ ..] = bytes else { continue };
                let kind = if kind % 12 > 8 { 0x7FFF_0003 } else { u32::from(kind % 12) << 16 };
                let mut body = body.to_vec();
                if near & 1 == 0 {
                    for word in body.chunks_exact_mut(4) {
                        let number = first.wrapping_add(u32::from(word[3])).wrapping_sub(100);
                        let number = number & 0x7FFF_FFFF | u32::from(word[0] & 0x80) << 24;
                        word.copy_from_slice(&number.to_be_bytes());
                    }
                }
                packet(&mut ours, now, 0x8000_0000 | kind, u32::from(*near >> 1), &body);
            }
            6 => {
                now += Duration::from_millis(u64::from(*length));
                ours.handle_timeout(now);
            }
            _ => {
                let _ = ours.send(now, vec![7; usize::from(*length) * 6].into());
            }
        }
        let mut outputs = 0;
        while let Some(output) = ours.poll_output() {
            outputs += 1;
            assert!(outputs < 2000, "it never comes to rest");
            match output {
                connection::Output::Send(datagram) => assert!((16..=1472).contains(&datagram.len())),
                connection::Output::Event(Event::Payload(payload)) => {
                    payloads += 1;
                    assert!(payload.len() <= 255);
                }
                connection::Output::Event(Event::Lost { packets }) => assert!(packets > 0),
                connection::Output::Event(Event::Closed(_)) | connection::Output::WakeAt(_) => {}
            }
        }
        let statistics = ours.statistics(now);
        assert!(statistics.pkt_rcv_buf <= 64 && statistics.pkt_snd_buf <= 64 && statistics.pkt_flight_size <= 64);
        assert!(payloads <= statistics.pkt_recv_unique);
    }
});

fn addressed(bytes: &[u8], to: &Connection) -> Vec<u8> {
    let mut datagram = bytes.to_vec();
    if let Some(place) = datagram.get_mut(12..16) {
        place.copy_from_slice(&to.local().0.to_be_bytes());
    }
    datagram
}

fn packet(to: &mut Connection, now: Instant, w0: u32, w1: u32, body: &[u8]) {
    let words = [w0, w1, w0.wrapping_mul(977), to.local().0];
    let header: Vec<u8> = words.into_iter().flat_map(u32::to_be_bytes).collect();
    to.handle_datagram(now, &[&header, body].concat());
}

/// The listener's end of a connection, and where its peer's numbers begin.
fn connected(now: Instant, encrypted: bool) -> (Connection, u32) {
    let secret = encrypted.then(|| Passphrase::new("correct-horse").expect("long enough"));
    let config =
        Config { limits: LIMITS, key_refresh: KeyRefresh { every: 10, announce: 4 }, ..Config::default() };
    let peer = SocketAddr::from(([192, 0, 2, 1], 5000));
    let mut listener = Listener::new(now, Entropy::new([1; 32]), None);
    let call = Call { passphrase: secret.clone(), ..Call::default() };
    let mut caller = Caller::new(now, peer, call, Entropy::new([2; 32]));
    for _ in 0..2 {
        let mut first = 0;
        while let Some(output) = caller.poll_output() {
            if let caller::Output::Send(datagram) = output {
                first = u32::from_be_bytes(datagram[24..28].try_into().expect("four bytes"));
                listener.handle_datagram(now, peer, &datagram);
            }
        }
        while let Some(output) = listener.poll_output() {
            match output {
                listener::Output::Send(_, datagram) => caller.handle_datagram(now, &datagram),
                listener::Output::Event(listener::Event::Request(request)) => {
                    let unlocked = request.unlock(secret.as_ref()).expect("the same secret");
                    return (listener.accept(now, &request, unlocked, &config).expect("it waits"), first);
                }
                listener::Output::Event(other) => panic!("{other:?}"),
                listener::Output::WakeAt(_) => {}
            }
        }
    }
    unreachable!("a handshake takes two steps")
}
