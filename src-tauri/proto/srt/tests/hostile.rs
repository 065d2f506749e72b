//! Peers that send anything: nothing panics, nothing grows beyond its limits, and a stream beside it goes on.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its case has failed")]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use weir_srt::caller::{self, Call};
use weir_srt::connection::{self, Config, Connection};
use weir_srt::crypto::{KeyLength, Passphrase};
use weir_srt::handshake::Reject;
use weir_srt::listener::{self, Event, MAX_ADDRESSES, MAX_ANSWERS, MAX_WAITING, MAX_WAITING_PER_ADDRESS};
use weir_srt::packet::{
    Ack, AckBody, Body, Control, Data, DropRequest, KeyFlag, LossRange, MessageNumber, Packet, Position, SeqNumber,
    SocketId, WireTime,
};
use weir_srt::{Caller, Entropy, Listener};

#[expect(clippy::disallowed_methods, reason = "a starting point for virtual time")]
fn start() -> Instant {
    Instant::now() + Duration::from_secs(1000)
}

fn peer(port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], port))
}

fn sent(caller: &mut Caller) -> Vec<bytes::Bytes> {
    std::iter::from_fn(|| caller.poll_output())
        .filter_map(|output| match output {
            caller::Output::Send(datagram) => Some(datagram),
            _ => None,
        })
        .collect()
}

fn listened(listener: &mut Listener) -> (Vec<bytes::Bytes>, Vec<Event>) {
    let (mut datagrams, mut events) = (vec![], vec![]);
    while let Some(output) = listener.poll_output() {
        match output {
            listener::Output::Send(_, datagram) => datagrams.push(datagram),
            listener::Output::Event(event) => events.push(event),
            listener::Output::WakeAt(_) => {}
        }
    }
    (datagrams, events)
}

/// Both ends of a connection whose first packets are numbered alike.
fn connected(now: Instant, passphrase: Option<&str>) -> (Connection, Connection) {
    let secret = passphrase.map(|text| Passphrase::new(text).unwrap());
    let mut listener = Listener::new(now, Entropy::new([1; 32]), None);
    let call = Call { passphrase: secret.clone(), ..Call::default() };
    let mut caller = Caller::new(now, peer(2), call, Entropy::new([2; 32]));
    let mut accepted = None;
    for _ in 0..2 {
        for datagram in sent(&mut caller) {
            listener.handle_datagram(now, peer(1), &datagram);
        }
        let (mut answers, events) = listened(&mut listener);
        for event in events {
            let Event::Request(request) = event else { panic!("{event:?}") };
            let unlocked = request.unlock(secret.as_ref()).unwrap();
            accepted = Some(listener.accept(now, &request, unlocked, &Config::default()).unwrap());
            answers.extend(listened(&mut listener).0);
        }
        for answer in answers {
            caller.handle_datagram(now, &answer);
        }
        while let Some(output) = caller.poll_output() {
            match output {
                caller::Output::Connected(connection) => return (*connection, accepted.unwrap()),
                caller::Output::Send(datagram) => listener.handle_datagram(now, peer(1), &datagram),
                _ => {}
            }
        }
        let (answers, events) = listened(&mut listener);
        for answer in answers {
            caller.handle_datagram(now, &answer);
        }
        for event in events {
            let Event::Request(request) = event else { panic!("{event:?}") };
            let unlocked = request.unlock(secret.as_ref()).unwrap();
            accepted = Some(listener.accept(now, &request, unlocked, &Config::default()).unwrap());
            for answer in listened(&mut listener).0 {
                caller.handle_datagram(now, &answer);
            }
        }
        while let Some(output) = caller.poll_output() {
            if let caller::Output::Connected(connection) = output {
                return (*connection, accepted.unwrap());
            }
        }
    }
    panic!("no connection");
}

fn drain(connection: &mut Connection) -> usize {
    std::iter::from_fn(|| connection.poll_output())
        .filter(|output| matches!(output, connection::Output::Send(_)))
        .count()
}

fn seq() -> impl Strategy<Value = SeqNumber> {
    prop_oneof![any::<u32>(), 0_u32..100].prop_map(SeqNumber::new)
}

fn range() -> impl Strategy<Value = LossRange> {
    (seq(), seq()).prop_map(|(first, last)| LossRange { first, last })
}

fn body() -> impl Strategy<Value = Body> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..120).prop_map(bytes::Bytes::from);
    let data =
        (seq(), 0_u32..4, any::<bool>(), any::<u32>(), bytes()).prop_map(|(seq, key, again, message, payload)| {
            Body::Data(Data {
                seq,
                position: Position::Solo,
                in_order: false,
                key: KeyFlag::from_bits(key),
                retransmitted: again,
                message: MessageNumber(message & 0x3FF_FFFF),
                payload,
            })
        });
    let ack = (any::<u32>(), seq(), any::<[u32; 3]>()).prop_map(|(number, next, [rtt, rtt_var, room])| {
        let micros = |value: u32| Duration::from_micros(value.into());
        let body = AckBody { rtt: micros(rtt), rtt_var: micros(rtt_var), room, rates: Some([rtt, rtt_var, room]) };
        Control::Ack(Ack { number, next, body: Some(body) })
    });
    let drop =
        (any::<u32>(), range()).prop_map(|(message, range)| Control::DropRequest(DropRequest { message, range }));
    let control = prop_oneof![
        ack,
        drop,
        prop::collection::vec(range(), 0..40).prop_map(Control::LossReport),
        any::<u32>().prop_map(Control::AckAck),
        bytes().prop_map(Control::KeyRequest),
        bytes().prop_map(Control::KeyResponse),
        bytes().prop_map(Control::Handshake),
        Just(Control::KeepAlive),
        any::<(u16, u16)>().prop_map(|(kind, subtype)| Control::Other(kind & 0x7FFF, subtype)),
    ];
    prop_oneof![data, control.prop_map(Body::Control)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_packets_leave_a_connection_within_its_limits(
        packets in prop::collection::vec((body(), any::<u32>(), 0_u64..50), 1..80), encrypted: bool,
    ) {
        let mut now = start();
        let (mut ours, theirs) = connected(now, encrypted.then_some("correct-horse"));
        let local = ours.local();
        prop_assert_ne!(local, theirs.local());
        for (body, time, wait) in packets {
            now += Duration::from_millis(wait);
            let _ = ours.send(now, bytes::Bytes::from_static(&[0x47; 188]));
            let datagram = Packet { time: WireTime(time), to: local, body }.to_datagram();
            ours.handle_datagram(now, &datagram);
            prop_assert!(drain(&mut ours) < 400);
            let statistics = ours.statistics(now);
            prop_assert!(statistics.pkt_rcv_buf <= 8192 && statistics.pkt_snd_buf <= 8192);
            prop_assert!(statistics.pkt_flight_size <= 8192);
        }
        now += Duration::from_secs(1);
        ours.handle_timeout(now);
        drain(&mut ours);
    }

    #[test]
    fn any_bytes_are_taken_by_everyone(datagrams in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..20)) {
        let now = start();
        let mut listener = Listener::new(now, Entropy::new([1; 32]), None);
        let mut caller = Caller::new(now, peer(2), Call::default(), Entropy::new([2; 32]));
        let (mut connection, _) = connected(now, None);
        for mut datagram in datagrams {
            for (to, byte) in [(0, 0x80), (1, 0), (2, 0), (3, 0)] {
                if let Some(place) = datagram.get_mut(to) {
                    *place = byte;
                }
            }
            listener.handle_datagram(now, peer(1), &datagram);
            caller.handle_datagram(now, &datagram);
            if let Some(place) = datagram.get_mut(12..16) {
                place.copy_from_slice(&connection.local().0.to_be_bytes());
            }
            connection.handle_datagram(now, &datagram);
        }
        prop_assert!(listened(&mut listener).1.is_empty());
    }
}

/// Takes a call to the point where its conclusion is ready.
fn conclusion(now: Instant, listener: &mut Listener, from: SocketAddr, seed: u8) -> (Caller, bytes::Bytes) {
    let mut caller = Caller::new(now, peer(2), Call::default(), Entropy::new([seed; 32]));
    let question = sent(&mut caller).remove(0);
    listener.handle_datagram(now, from, &question);
    let (answers, _) = listened(listener);
    assert_eq!(answers[0].len(), question.len(), "an answer is no longer than its question");
    caller.handle_datagram(now, &answers[0]);
    let conclusion = sent(&mut caller).remove(0);
    (caller, conclusion)
}

#[test]
fn a_stolen_cookie_and_a_flood_of_questions_leave_nothing_behind() {
    let now = start();
    let mut listener = Listener::new(now, Entropy::new([1; 32]), None);
    let (_, datagram) = conclusion(now, &mut listener, peer(1), 9);
    listener.handle_datagram(now, peer(7), &datagram);
    assert_eq!(listened(&mut listener), (vec![], vec![]), "the cookie is for another address");
    let question = sent(&mut Caller::new(now, peer(2), Call::default(), Entropy::new([3; 32]))).remove(0);
    for _ in 0..10_000 {
        listener.handle_datagram(now, peer(1), &question);
    }
    assert!(listened(&mut listener).0.len() <= 400);
    let other = SocketAddr::from(([198, 51, 100, 1], 1));
    listener.handle_datagram(now, other, &question);
    assert_eq!(listened(&mut listener).0.len(), 1, "another address is served");
}

#[test]
fn fault_36_a_flood_from_made_up_addresses_leaves_memory_flat_and_real_callers_alone() {
    let mut now = start();
    let mut listener = Listener::new(now, Entropy::new([1; 32]), None);
    let question = sent(&mut Caller::new(now, peer(2), Call::default(), Entropy::new([3; 32]))).remove(0);
    let (_, stolen) = conclusion(now, &mut listener, peer(1), 9);
    let address = |number: u32| SocketAddr::from(((0x0A00_0000 + number).to_be_bytes(), 7));
    for number in 0..3 * MAX_ADDRESSES as u32 {
        listener.handle_datagram(now, address(number), &question);
        listener.handle_datagram(now, address(number), &stolen);
        let (answers, events) = listened(&mut listener);
        assert!(events.is_empty() && answers.iter().all(|answer| answer.len() <= question.len()));
    }
    assert!(listener.kept() <= MAX_ADDRESSES, "{} are kept", listener.kept());
    let (_, datagram) = conclusion(now, &mut listener, peer(5), 10);
    listener.handle_datagram(now, peer(5), &datagram);
    assert_eq!(listened(&mut listener).1.len(), 1, "a real caller is heard");
    now += Duration::from_secs(20);
    listener.handle_timeout(now);
    assert_eq!(listener.kept(), 0, "all is forgotten in the end");
}

#[test]
fn bad_conclusions_leave_memory_flat() {
    let mut now = start();
    let mut listener = Listener::new(now, Entropy::new([1; 32]), None);
    let (_, datagram) = conclusion(now, &mut listener, peer(1), 9);
    let mut refused = 0;
    for number in 0..5000_u32 {
        // Another socket each time, and extensions that do not end.
        let mut bad = datagram.to_vec();
        bad[40..44].copy_from_slice(&(number + 1).to_be_bytes());
        bad[64..68].copy_from_slice(&[0, 1, 0xFF, 0xFF]);
        listener.handle_datagram(now, peer(1), &bad);
        refused += listened(&mut listener).1.len();
        now += Duration::from_millis(4);
        listener.handle_timeout(now);
        assert!(listener.kept() <= MAX_ANSWERS + 2, "{} are kept", listener.kept());
    }
    assert!((3000..=5000).contains(&refused), "{refused} refused");
}

#[test]
fn a_conclusion_is_asked_about_once_and_answered_alike() {
    let now = start();
    let mut listener = Listener::new(now, Entropy::new([1; 32]), None);
    let (_, datagram) = conclusion(now, &mut listener, peer(1), 9);
    for _ in 0..3 {
        listener.handle_datagram(now, peer(1), &datagram);
    }
    let (answers, mut events) = listened(&mut listener);
    assert_eq!((answers.len(), events.len()), (0, 1), "slow admission: one request, no answer yet");
    let Event::Request(request) = events.remove(0) else { panic!() };
    let later = now + Duration::from_secs(2);
    let connection = listener.accept(later, &request, request.unlock(None).unwrap(), &Config::default()).unwrap();
    assert!(listener.accept(later, &request, request.unlock(None).unwrap(), &Config::default()).is_err());
    listener.handle_datagram(later, peer(1), &datagram);
    let (answers, events) = listened(&mut listener);
    assert_eq!((&answers[0], events.len()), (&answers[1], 0));
    listener.closed(connection.local());
    listener.handle_datagram(later, peer(1), &datagram);
    assert_eq!(listened(&mut listener).1.len(), 1, "after the end the caller is a new one");
}

#[test]
fn too_many_callers_are_told_so() {
    let now = start();
    let mut listener = Listener::new(now, Entropy::new([1; 32]), None);
    let mut requests = 0;
    for number in 0..=MAX_WAITING {
        let from = SocketAddr::from(([198, 51, 100, number as u8], 1000));
        let (mut caller, datagram) = conclusion(now, &mut listener, from, number as u8);
        listener.handle_datagram(now, from, &datagram);
        let (answers, events) = listened(&mut listener);
        requests += events.len();
        if number == MAX_WAITING {
            caller.handle_datagram(now, &answers[0]);
            let failed = std::iter::from_fn(|| caller.poll_output())
                .find_map(|output| if let caller::Output::Failed(error) = output { Some(error) } else { None });
            assert!(failed.unwrap().to_string().contains("1005"));
        }
    }
    assert_eq!(requests, MAX_WAITING);
}

#[test]
fn one_address_does_not_take_the_places_of_all() {
    let now = start();
    let mut listener = Listener::new(now, Entropy::new([1; 32]), None);
    let network = |host: u16| SocketAddr::from(([0x2001, 0xDB8, 0, 1, 0, 0, 0, host], 1));
    let port = |number: u16| peer(1000 + number);
    let addresses: [(&dyn Fn(u16) -> SocketAddr, SocketAddr); 2] = [
        (&port, SocketAddr::from(([198, 51, 100, 1], 1))),
        (&network, SocketAddr::from(([0x2001, 0xDB8, 0, 2, 0, 0, 0, 1], 1))),
    ];
    for (one, other) in addresses {
        let mut waiting = Vec::new();
        for number in 0..MAX_WAITING_PER_ADDRESS as u16 {
            let (_, datagram) = conclusion(now, &mut listener, one(number), number as u8);
            listener.handle_datagram(now, one(number), &datagram);
            waiting.extend(listened(&mut listener).1);
        }
        assert_eq!(waiting.len(), MAX_WAITING_PER_ADDRESS);
        let last = one(5000);
        let (_, late) = conclusion(now, &mut listener, last, 200);
        listener.handle_datagram(now, last, &late);
        assert_eq!(listened(&mut listener), (vec![], vec![]), "it is neither asked about nor refused");
        let (_, datagram) = conclusion(now, &mut listener, other, 201);
        listener.handle_datagram(now, other, &datagram);
        assert_eq!(listened(&mut listener).1.len(), 1, "another address has a place");
        let Event::Request(first) = &waiting[0] else { panic!("{waiting:?}") };
        listener.reject(now, &first.id, Reject::NOT_FOUND);
        listened(&mut listener);
        listener.handle_datagram(now, last, &late);
        assert_eq!(listened(&mut listener).1.len(), 1, "it asks again, and there is room now");
    }
}

#[test]
fn the_key_length_that_is_advertised_may_change() {
    let now = start();
    let mut listener = Listener::new(now, Entropy::new([1; 32]), Some(KeyLength::Aes256));
    let question = sent(&mut Caller::new(now, peer(2), Call::default(), Entropy::new([3; 32]))).remove(0);
    let advertised = |listener: &mut Listener| {
        listener.handle_datagram(now, peer(1), &question);
        u16::from_be_bytes(listened(listener).0[0][20..22].try_into().unwrap())
    };
    assert_eq!(advertised(&mut listener), 4);
    listener.advertise(Some(KeyLength::Aes192));
    assert_eq!(advertised(&mut listener), 3);
    listener.advertise(None);
    assert_eq!(advertised(&mut listener), 0);
}

#[test]
fn a_caller_of_version_4_is_refused_in_its_own_language() {
    let now = start();
    let mut listener = Listener::new(now, Entropy::new([1; 32]), None);
    let (_, datagram) = conclusion(now, &mut listener, peer(1), 9);
    let mut old = datagram.to_vec();
    old[16..20].copy_from_slice(&4_u32.to_be_bytes());
    listener.handle_datagram(now, peer(1), &old[..64]);
    let (answers, events) = listened(&mut listener);
    let code = u32::from_be_bytes(answers[0][36..40].try_into().unwrap());
    assert_eq!((code, answers[0].len()), (1008, 64));
    assert!(matches!(Packet::parse(&answers[1]).unwrap().body, Body::Control(Control::Shutdown)));
    assert!(matches!(&events[0], Event::Refused(refusal) if refusal.cause.contains("version 4")));
}

#[test]
fn one_stray_packet_does_not_move_the_stream() {
    let now = start();
    let (mut ours, mut theirs) = connected(now, None);
    let mut payloads = 0;
    for number in 0..50_u8 {
        let stray = Data {
            seq: SeqNumber::new(u32::from(number) * 0x0123_4567),
            position: Position::Solo,
            in_order: false,
            key: KeyFlag::Clear,
            retransmitted: false,
            message: MessageNumber::FIRST,
            payload: bytes::Bytes::from_static(b"stray"),
        };
        if number % 10 == 5 {
            let to: SocketId = theirs.local();
            theirs.handle_datagram(now, &Packet { time: WireTime(0), to, body: Body::Data(stray) }.to_datagram());
        }
        ours.send(now, vec![number; 100].into()).unwrap();
        while let Some(output) = ours.poll_output() {
            if let connection::Output::Send(datagram) = output {
                theirs.handle_datagram(now, &datagram);
            }
        }
        while let Some(output) = theirs.poll_output() {
            if let connection::Output::Event(connection::Event::Payload(payload)) = output {
                assert_eq!(payload, vec![payloads; 100]);
                payloads += 1;
            }
        }
    }
    assert_eq!(payloads, 50);
}
