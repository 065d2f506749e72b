//! SRT's two ends of a handshake, each with a hostile other end. The input is a small program for both.
#![no_main]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use weir_srt::caller::{self, Call};
use weir_srt::connection::Config;
use weir_srt::handshake::Reject;
use weir_srt::listener::{self, Event, MAX_ADDRESSES, MAX_ANSWERS, MAX_WAITING, Request};
use weir_srt::{Caller, Entropy, Listener};

const SOCKET: usize = 40;
const COOKIE: usize = 44;

fuzz_target!(|input: &[u8]| {
    listen(input);
    call(input);
});

/// A caller's question, with what the fuzzer wants written over it.
fn question(kind: u32, socket: u8, over: &[u8]) -> Vec<u8> {
    let mut datagram = vec![0; 64];
    datagram[0] = 0x80;
    datagram[19] = if kind == 1 { 4 } else { 5 };
    datagram[36..40].copy_from_slice(&kind.to_be_bytes());
    datagram[SOCKET..COOKIE].copy_from_slice(&u32::from(socket).to_be_bytes());
    if let Some((at, bytes)) = over.split_first() {
        let at = 16 + usize::from(*at) % 49;
        datagram.resize(datagram.len().max(at + bytes.len()), 0);
        datagram[at..at + bytes.len()].copy_from_slice(bytes);
    }
    datagram
}

fn listen(mut program: &[u8]) {
    let mut now = Instant::now();
    let mut listener = Listener::new(now, Entropy::new([1; 32]), None);
    let mut requests: Vec<Box<Request>> = Vec::new();
    let mut connections = Vec::new();
    let mut cookies = [[0; 4]; 4];
    while let [operation, length, rest @ ..] = program {
        let (bytes, rest) = rest.split_at(usize::from(*length).min(rest.len()));
        program = rest;
        let from = usize::from(operation >> 6);
        let peer = SocketAddr::from(([192, 0, 2, from as u8], 5000));
        match operation % 8 {
            0 => listener.handle_datagram(now, peer, bytes),
            1 | 2 => listener.handle_datagram(now, peer, &question(1, *length, bytes)),
            3..=5 => {
                let mut datagram = question(u32::MAX, *length % 8, bytes);
                if operation & 8 == 0 {
                    datagram[COOKIE..COOKIE + 4].copy_from_slice(&cookies[from]);
                }
                listener.handle_datagram(now, peer, &datagram);
            }
            6 => {
                now += Duration::from_millis(u64::from(*length) * 50);
                listener.handle_timeout(now);
            }
            _ => {
                let Some(request) = requests.pop() else { continue };
                match request.unlock(None) {
                    Ok(unlocked) => connections.extend(listener.accept(now, &request, unlocked, &Config::default())),
                    Err(reject) => listener.reject(now, &request.id, reject),
                }
                if operation & 16 != 0 {
                    listener.reject(now, &request.id, Reject::NOT_FOUND);
                }
                if operation & 32 != 0
                    && let Some(connection) = connections.pop()
                {
                    listener.closed(connection.local());
                }
            }
        }
        while let Some(output) = listener.poll_output() {
            match output {
                listener::Output::Send(to, datagram) => {
                    assert!(datagram.len() <= 1472);
                    // An answer to an induction.
                    if let (Some(1), SocketAddr::V4(to)) = (datagram.get(39), to) {
                        cookies[usize::from(to.ip().octets()[3])].copy_from_slice(&datagram[COOKIE..COOKIE + 4]);
                    }
                }
                listener::Output::Event(Event::Request(request)) => {
                    let _ = request.stream_id.parse();
                    requests.push(request);
                }
                listener::Output::Event(Event::Refused(refusal)) => assert!(!refusal.cause.is_empty()),
                listener::Output::WakeAt(_) => {}
            }
        }
        assert!(listener.kept() <= MAX_WAITING + MAX_ANSWERS + 2 * MAX_ADDRESSES);
    }
}

fn call(mut program: &[u8]) {
    let mut now = Instant::now();
    let peer = SocketAddr::from(([192, 0, 2, 1], 9000));
    let mut caller = Caller::new(now, peer, Call::default(), Entropy::new([2; 32]));
    let mut local = [0; 4];
    loop {
        while let Some(output) = caller.poll_output() {
            match output {
                caller::Output::Send(datagram) if datagram.len() >= 64 => local.copy_from_slice(&datagram[SOCKET..COOKIE]),
                caller::Output::Send(_) | caller::Output::WakeAt(_) => {}
                caller::Output::Connected(connection) => {
                    assert!((100..=1456).contains(&connection.max_payload()));
                    return;
                }
                caller::Output::Failed(error) => return assert!(!error.to_string().is_empty()),
            }
        }
        let [operation, length, rest @ ..] = program else { return };
        let (bytes, rest) = rest.split_at(usize::from(*length).min(rest.len()));
        program = rest;
        match operation % 4 {
            3 => {
                now += Duration::from_millis(u64::from(*length) * 10);
                caller.handle_timeout(now);
            }
            kind => {
                let mut answer = question(if kind == 0 { 1 } else { u32::MAX }, 77, bytes);
                if kind == 0 && operation & 8 == 0 {
                    answer[19] = 5;
                    answer[22..24].copy_from_slice(&[0x4A, 0x17]);
                }
                answer[12..16].copy_from_slice(&local);
                caller.handle_datagram(now, &answer);
            }
        }
    }
}
