//! Client and server session against each other: one virtual clock, a link with delay that cuts bytes anywhere.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use proptest::prelude::*;
use weir_media::Secret;
use weir_rtmp::Unwrapper;
use weir_rtmp::chunk::{MessageHeader, encode_message};
use weir_rtmp::message::MediaKind;
use weir_rtmp::session::server::{Event, RequestId};
use weir_rtmp::session::{ClientSession, Output, ServerSession, client, server};
use weir_rtmp::url::PublishUrl;

/// One direction of a link.
#[derive(Default)]
struct Pipe {
    queue: VecDeque<(Instant, Bytes)>,
}

impl Pipe {
    fn send(&mut self, at: Instant, bytes: Bytes) {
        self.queue.push_back((at, bytes));
    }

    fn receive(&mut self, now: Instant) -> Option<Bytes> {
        let (at, _) = self.queue.front()?;
        if *at > now { None } else { self.queue.pop_front().map(|(_, bytes)| bytes) }
    }
}

struct World {
    now: Instant,
    delay: Duration,
    cut: usize,
    client: ClientSession,
    server: ServerSession,
    to_server: Pipe,
    to_client: Pipe,
    published: Option<u32>,
    id: Option<RequestId>,
    received: Vec<(MediaKind, i64, Bytes)>,
    unwrapper: Unwrapper,
    ended: bool,
}

impl World {
    fn new(delay: Duration, cut: usize, chunk_size: u32) -> Self {
        let now = Instant::now();
        let key = Secret::new("show".to_owned());
        let url = PublishUrl::parse("rtmp://host/live", Some(&key)).unwrap();
        let client_config = client::Config { chunk_size, window_ack_size: 50_000, ..Default::default() };
        Self {
            now,
            delay,
            cut,
            client: ClientSession::new(now, Arc::new(client_config), url, &[1; 1528]),
            server: ServerSession::new(now, Arc::new(server::Config::default()), Box::new([2; 1528])),
            to_server: Pipe::default(),
            to_client: Pipe::default(),
            published: None,
            id: None,
            received: Vec::new(),
            unwrapper: Unwrapper::new(),
            ended: false,
        }
    }

    /// Moves time on by a millisecond and whatever is due.
    fn tick(&mut self) {
        self.now += Duration::from_millis(1);
        while let Some(bytes) = self.to_server.receive(self.now) {
            for piece in bytes.chunks(self.cut) {
                self.server.handle_bytes(self.now, piece).unwrap();
            }
        }
        while let Some(bytes) = self.to_client.receive(self.now) {
            for piece in bytes.chunks(self.cut) {
                self.client.handle_bytes(self.now, piece).unwrap();
            }
        }
        self.client.handle_timeout(self.now).unwrap();
        self.server.handle_timeout(self.now).unwrap();
        self.poll();
    }

    fn poll(&mut self) {
        let arrival = self.now + self.delay;
        while let Some(output) = self.client.poll_output() {
            match output {
                Output::Send(bytes) => self.to_server.send(arrival, bytes),
                Output::Event(client::Event::Published { message_stream_id }) => {
                    self.published = Some(message_stream_id)
                }
                Output::Event(client::Event::Refused(refusal)) => panic!("{refusal}"),
                Output::Event(_) | Output::WakeAt(_) | Output::Close => {}
            }
        }
        while let Some(output) = self.server.poll_output() {
            match output {
                Output::Send(bytes) => self.to_client.send(arrival, bytes),
                Output::Event(event) => self.handle(event),
                Output::WakeAt(_) | Output::Close => {}
            }
        }
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::PublishRequested(request) => {
                assert_eq!(request.path.as_str(), "live/show");
                self.id = Some(request.id);
                self.server.accept_publish(request.id).unwrap();
            }
            Event::Media { id, message } => {
                assert_eq!(Some(id), self.id);
                let time = self.unwrapper.unwrap(message.timestamp);
                self.received.push((message.kind, time, message.payload));
            }
            Event::Ended { id, .. } => {
                assert_eq!(Some(id), self.id);
                self.ended = true;
            }
            _ => {}
        }
    }

    fn send(&mut self, kind: MediaKind, timestamp: u32, payload: &[u8]) {
        let stream_id = self.published.unwrap();
        let header = MessageHeader { csid: kind.csid(), timestamp, type_id: kind.type_id(), stream_id };
        let bytes = encode_message(self.client.chunk_size(), &header, payload).unwrap();
        self.to_server.send(self.now + self.delay, bytes);
    }
}

#[test]
fn a_stream_gets_across_whole_and_in_order_across_every_boundary() {
    for (start, cut, chunk_size) in [
        (0xFF_FFFFu32.wrapping_sub(15_000), 1, 128),
        ((1 << 31) - 15_000, 100, 4096),
        (0u32.wrapping_sub(15_000), 65_536, 60_000),
    ] {
        let mut world = World::new(Duration::from_millis(30), cut, chunk_size);
        let begin = world.now;
        while world.published.is_none() {
            world.tick();
        }
        // Four round trips: handshake, connect, createStream, publish.
        assert!(world.now - begin < Duration::from_millis(300), "{:?}", world.now - begin);
        let mut sent = Vec::new();
        for step in 0..750u32 {
            let time = start.wrapping_add(step * 40);
            let payload: Vec<u8> =
                (0..if step % 50 == 0 { 12_000 } else { 500 }).map(|byte| (byte + step) as u8).collect();
            let unwrapped = i64::from(start) + i64::from(step) * 40;
            for kind in [MediaKind::Video, MediaKind::Audio] {
                world.send(kind, time, &payload);
                sent.push((kind, unwrapped, Bytes::from(payload.clone())));
            }
            for _ in 0..40 {
                world.tick();
            }
        }
        world.client.stop();
        world.poll();
        for _ in 0..100 {
            world.tick();
        }
        assert!(world.received == sent, "start {start:#x}");
        assert!(world.ended);
        let acknowledged = world.client.acknowledged().unwrap();
        assert!(u64::from(acknowledged) <= world.server.counters().received && acknowledged > 500_000);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_cut_and_delay_give_the_same_stream(cut in 1usize..3_000, delay in 0u64..200, chunk_size in 1u32..9_000) {
        let mut world = World::new(Duration::from_millis(delay), cut, chunk_size);
        for _ in 0..2_000 {
            if world.published.is_none() {
                world.tick();
            }
        }
        for time in 0..20 {
            world.send(MediaKind::Audio, time, &[time as u8; 700]);
        }
        for _ in 0..400 {
            world.tick();
        }
        let times: Vec<i64> = world.received.iter().map(|(_, time, _)| *time).collect();
        prop_assert_eq!(times, (0..20).collect::<Vec<_>>());
    }
}
