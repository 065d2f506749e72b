//! Datagrams of real ends, see `tests/vectors/srt/README.md` at the top of the repository: our ends take the place of one
//! side, hear what it heard, and say what it said.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that cannot set up its case has failed"
)]

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use weir_srt::caller::{self, Call, CallError};
use weir_srt::connection::{self, Closed, Config, Connection, Event};
use weir_srt::crypto::{KeyLength, Passphrase};
use weir_srt::handshake::{Mode, Reject, StreamId, Version};
use weir_srt::listener::{self, Request};
use weir_srt::{Caller, Entropy, Listener};

const SECRET: &str = "correct-horse";
const TIME: usize = 8;
const TO: usize = 12;
const KIND: usize = 36;
const SOCKET: usize = 40;
const COOKIE: usize = 44;
/// Where the extensions begin.
const REST: usize = 64;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Side {
    Caller,
    Listener,
}

fn load(name: &str) -> Vec<(Side, Vec<u8>)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/vectors/srt").join(name);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| {
            let from = if line.starts_with('>') { Side::Caller } else { Side::Listener };
            (from, line.as_bytes()[2..].chunks(2).map(byte).collect())
        })
        .collect()
}

fn word(datagram: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(datagram[at..at + 4].try_into().unwrap())
}

fn patch(datagram: &[u8], at: usize, word: u32) -> Vec<u8> {
    let mut out = datagram.to_vec();
    out[at..at + 4].copy_from_slice(&word.to_be_bytes());
    out
}

/// The same datagram without what differs from one connection to the next; and without the key length that libsrt names in a
/// handshake only when it was told one.
fn blank(datagram: &[u8], words: &[usize]) -> Vec<u8> {
    let mut out = words.iter().fold(datagram.to_vec(), |datagram, at| patch(&datagram, *at, 0));
    if word(&out, 0) == 0x8000_0000 {
        out[20..22].fill(0);
    }
    out
}

fn peer() -> SocketAddr {
    "127.0.0.1:39300".parse().unwrap()
}

/// Our listener in the place of libsrt's.
struct Hearing {
    listener: Listener,
    records: std::vec::IntoIter<(Side, Vec<u8>)>,
    now: Instant,
}

impl Hearing {
    fn new(name: &str) -> Self {
        let now = Instant::now();
        Self { listener: Listener::new(now, Entropy::new([1; 32]), None), records: load(name).into_iter(), now }
    }

    fn next(&mut self, from: Side) -> Vec<u8> {
        let (found, datagram) = self.records.next().unwrap();
        assert_eq!(found, from);
        datagram
    }

    fn hear(&mut self, datagram: &[u8]) -> (Vec<Vec<u8>>, Vec<listener::Event>) {
        self.listener.handle_datagram(self.now, peer(), datagram);
        self.said()
    }

    fn said(&mut self) -> (Vec<Vec<u8>>, Vec<listener::Event>) {
        let (mut sent, mut events) = (vec![], vec![]);
        while let Some(output) = self.listener.poll_output() {
            match output {
                listener::Output::Send(_, datagram) => sent.push(datagram.to_vec()),
                listener::Output::Event(event) => events.push(event),
                listener::Output::WakeAt(_) => {}
            }
        }
        (sent, events)
    }

    /// Up to the conclusion: what comes of it.
    fn conclusion(&mut self) -> (Vec<Vec<u8>>, Vec<listener::Event>) {
        let (question, theirs) = (self.next(Side::Caller), self.next(Side::Listener));
        let (sent, events) = self.hear(&question);
        assert_eq!((sent.len(), events.len()), (1, 0));
        assert_eq!(blank(&sent[0], &[TIME, COOKIE]), blank(&theirs, &[TIME, COOKIE]), "the answer to the induction");
        let conclusion = self.next(Side::Caller);
        self.hear(&patch(&conclusion, COOKIE, word(&sent[0], COOKIE)))
    }

    fn request(&mut self) -> Box<Request> {
        let (sent, mut events) = self.conclusion();
        assert!(sent.is_empty());
        match events.remove(0) {
            listener::Event::Request(request) => request,
            other => panic!("{other:?}"),
        }
    }

    /// Lets the caller in as libsrt did, and hears everything to the end: the payloads, and why it ended.
    fn accept(mut self, request: &Request) -> (Vec<Vec<u8>>, Option<Closed>) {
        let passphrase = request.key_length().map(|_| Passphrase::new(SECRET).unwrap());
        let unlocked = request.unlock(passphrase.as_ref()).unwrap();
        let mut connection = self.listener.accept(self.now, request, unlocked, &Config::default()).unwrap();
        let (ours, theirs) = (self.said().0.remove(0), self.next(Side::Listener));
        // Versions and flags are each end's own, in the first two words of the first extension.
        let own = [TIME, SOCKET, COOKIE, REST + 4, REST + 8];
        assert_eq!(blank(&ours, &own), blank(&theirs, &own), "the answer to the conclusion");
        let (mut payloads, mut closed, mut responses) = (vec![], None, Vec::<Vec<u8>>::new());
        for (from, datagram) in self.records {
            self.now += Duration::from_millis(5);
            if from == Side::Listener {
                if word(&datagram, 0) == 0xFFFF_0004 {
                    assert_eq!(blank(&responses.remove(0), &[TIME]), blank(&datagram, &[TIME]), "the answer to keys");
                }
                continue;
            }
            connection.handle_datagram(self.now, &patch(&datagram, TO, connection.local().0));
            drain(&mut connection, &mut payloads, &mut closed, &mut responses);
        }
        let statistics = connection.statistics(self.now);
        assert_eq!((statistics.pkt_invalid, statistics.pkt_rcv_undecrypt, statistics.pkt_rcv_drop), (0, 0, 0));
        (payloads, closed)
    }
}

fn drain(
    connection: &mut Connection,
    payloads: &mut Vec<Vec<u8>>,
    closed: &mut Option<Closed>,
    responses: &mut Vec<Vec<u8>>,
) {
    while let Some(output) = connection.poll_output() {
        match output {
            connection::Output::Event(Event::Payload(payload)) => payloads.push(payload.to_vec()),
            connection::Output::Event(Event::Lost { packets }) => panic!("{packets} lost"),
            connection::Output::Event(Event::Closed(why)) => *closed = Some(why),
            connection::Output::Send(datagram) if word(&datagram, 0) == 0xFFFF_0004 => {
                responses.push(datagram.to_vec())
            }
            connection::Output::Send(_) | connection::Output::WakeAt(_) => {}
        }
    }
}

#[test]
fn what_libsrt_sends_comes_out_as_it_went_in() {
    let table = [
        ("libsrt-1.5.1-publish-clear.txt", "live/x", None, 120, 8),
        ("libsrt-1.5.1-publish-aes-128.txt", "live/x", Some(KeyLength::Aes128), 200, 8),
        ("libsrt-1.5.1-publish-aes-192.txt", "%23!::r=live/x,m=publish", Some(KeyLength::Aes192), 120, 8),
        ("libsrt-1.5.1-publish-aes-256-rotation.txt", "publish:live/test", Some(KeyLength::Aes256), 500, 130),
    ];
    for (name, stream_id, length, latency, count) in table {
        let mut hearing = Hearing::new(name);
        let request = hearing.request();
        assert_eq!((request.stream_id.as_str(), request.key_length()), (stream_id, length), "{name}");
        assert_eq!((request.version, request.latency.receive), (Version(0x0001_0501), Duration::from_millis(latency)));
        if length.is_some() {
            let wrong = Passphrase::new("wrong-horse-").unwrap();
            assert_eq!(request.unlock(Some(&wrong)).unwrap_err(), Reject::BAD_SECRET);
            assert_eq!(request.unlock(None).unwrap_err(), Reject::UNSECURE);
        }
        let (payloads, closed) = hearing.accept(&request);
        let expected = (0..count).map(|i| (0..64).map(|j| (3 * i + 7 * j) as u8).collect::<Vec<u8>>());
        assert!(expected.eq(payloads), "{name}");
        // The relay of some stopped before the end.
        let shut = load(name).iter().any(|(side, datagram)| *side == Side::Caller && word(datagram, 0) == 0x8005_0000);
        assert_eq!(closed, shut.then_some(Closed::ByPeer), "{name}");
    }
}

#[test]
fn what_ffmpeg_sends_is_a_transport_stream() {
    let table = [
        ("ffmpeg-5.1-publish-aes-128.txt", "publish:live/x", KeyLength::Aes128, "1.5.1"),
        ("ffmpeg-9.0-publish-aes-256.txt", "#!::r=live/x,m=publish", KeyLength::Aes256, "1.5"),
    ];
    for (name, stream_id, length, version) in table {
        let mut hearing = Hearing::new(name);
        let request = hearing.request();
        assert_eq!((request.stream_id.as_str(), request.key_length()), (stream_id, Some(length)), "{name}");
        assert_eq!(request.stream_id.parse().unwrap().mode, Some(Mode::Publish));
        assert!(request.version.to_string().starts_with(version), "{name}: {}", request.version);
        let (payloads, _) = hearing.accept(&request);
        assert_eq!(payloads.len(), 6, "{name}");
        assert!(payloads.iter().flat_map(|payload| payload.chunks(188)).all(|cell| cell[0] == 0x47), "{name}");
    }
}

#[test]
fn what_cannot_be_taken_is_refused_by_its_own_code() {
    for (name, reject, words) in [
        ("libsrt-1.5.1-fec.txt", Reject::FILTER, "packetfilter"),
        ("libsrt-1.5.1-file-mode.txt", Reject::MESSAGE_API, "transtype=live"),
    ] {
        let (sent, events) = Hearing::new(name).conclusion();
        assert_eq!((sent.len(), sent[0].len(), word(&sent[0], KIND)), (1, REST, 1000 + reject.0), "{name}");
        let [listener::Event::Refused(refusal)] = &events[..] else { panic!("{events:?}") };
        assert_eq!((refusal.reject, refusal.stream_id.as_str()), (reject, "live/x"));
        assert!(refusal.cause.contains(words), "{}", refusal.cause);
    }
}

#[test]
fn refusals_look_as_libsrt_s_do() {
    for name in ["libsrt-1.5.1-wrong-passphrase.txt", "libsrt-1.5.1-no-passphrase.txt"] {
        let mut hearing = Hearing::new(name);
        let request = hearing.request();
        let reject = request.unlock(Some(&Passphrase::new(SECRET).unwrap())).unwrap_err();
        hearing.listener.reject(hearing.now, &request.id, reject);
        let (ours, theirs) = (hearing.said().0.remove(0), hearing.next(Side::Listener));
        assert_eq!(
            (ours.len(), word(&ours, KIND), word(&ours, TO)),
            (theirs.len(), word(&theirs, KIND), word(&theirs, TO))
        );
    }
}

/// Our caller in the place of libsrt's: what it says to what libsrt's listener said.
fn calling(name: &str, passphrase: Option<&str>) -> (Result<Box<Connection>, CallError>, Vec<u8>, Vec<u8>) {
    let (now, records) = (Instant::now(), load(name));
    let passphrase = passphrase.map(|text| Passphrase::new(text).unwrap());
    let call = Call { stream_id: StreamId::new("live/x".into()), passphrase, ..Call::default() };
    let mut caller = Caller::new(now, peer(), call, Entropy::new([2; 32]));
    let sent = |caller: &mut Caller| {
        let mut sent = vec![];
        while let Some(output) = caller.poll_output() {
            match output {
                caller::Output::Send(datagram) => sent.push(datagram.to_vec()),
                caller::Output::Connected(connection) => return (sent, Some(Ok(connection))),
                caller::Output::Failed(error) => return (sent, Some(Err(error))),
                caller::Output::WakeAt(_) => {}
            }
        }
        (sent, None)
    };
    let (questions, _) = sent(&mut caller);
    let own = [TIME, 24, SOCKET];
    assert_eq!(blank(&questions[0], &own), blank(&records[0].1, &own), "the induction");
    let local = word(&questions[0], SOCKET);
    caller.handle_datagram(now, &patch(&patch(&records[1].1, TO, local), SOCKET, local));
    let (conclusions, _) = sent(&mut caller);
    caller.handle_datagram(now, &patch(&records[3].1, TO, local));
    let (_, result) = sent(&mut caller);
    (result.unwrap(), conclusions[0].clone(), records[2].1.clone())
}

#[test]
fn our_caller_says_what_libsrt_s_says() {
    let (result, ours, theirs) = calling("libsrt-1.5.1-publish-clear.txt", None);
    let connection = result.unwrap();
    assert_eq!(connection.peer_version(), Version(0x0001_0501));
    assert_eq!(connection.latency().receive, Duration::from_millis(120));
    let own = [TIME, 24, SOCKET, REST + 4, REST + 8];
    assert_eq!(blank(&ours, &own), blank(&theirs, &own), "the conclusion");
    let (_, ours, theirs) = calling("libsrt-1.5.1-wrong-passphrase.txt", Some("wrong-horse-"));
    assert_eq!(ours.len(), theirs.len());
    // The salt and the key are random.
    assert_eq!(blank(&ours, &own)[..ours.len() - 40], blank(&theirs, &own)[..ours.len() - 40], "with a key");
}

#[test]
fn our_caller_hears_why_libsrt_refuses() {
    let refused = |name, passphrase| calling(name, passphrase).0.unwrap_err();
    let error = refused("libsrt-1.5.1-wrong-passphrase.txt", Some("wrong-horse-"));
    assert_eq!(error, CallError::Rejected(Reject::BAD_SECRET));
    assert_eq!(refused("libsrt-1.5.1-no-passphrase.txt", None), CallError::Rejected(Reject::UNSECURE));
    // A listener that does not enforce encryption accepts, and says in little-endian that the passphrase is another one.
    let error = refused("libsrt-1.5.1-unenforced.txt", Some("wrong-horse-"));
    assert_eq!(error, CallError::Keys("it has another one"));
}
