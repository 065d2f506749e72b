//! The live picture over a WebSocket, read byte by byte as RFC 6455 has it.

use std::net::Ipv4Addr;
use std::time::Duration;

use axum::http::StatusCode;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use weir_api::http::{Guard, Names, Token, guarded, serve};

use crate::bench::Bench;

/// Far longer than anything here takes; reached only when something hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// The router behind its guard on a real socket.
pub(crate) struct Door {
    pub(crate) bench: Bench,
    pub(crate) address: std::net::SocketAddr,
    token: String,
}

impl Door {
    async fn new() -> Self {
        Self::of(Bench::start().await).await
    }

    pub(crate) async fn of(bench: Bench) -> Self {
        let token = Token::random().unwrap();
        let text = token.expose().clone();
        let context = Some(bench.engine.context().clone());
        let guard = Guard { token, bound: vec![Ipv4Addr::LOCALHOST.into()], names: Names::default(), context };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, guarded(bench.router.clone(), guard), std::future::pending()));
        Self { bench, address, token: text }
    }

    /// Asks for the picture as a browser does; returns the head of the answer.
    async fn knock(&self, query: &str, cookie: &str, origin: &str) -> (TcpStream, String) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let port = self.address.port();
        let head = format!(
            "GET /api/v1/streams/live%2Fshow/preview{query} HTTP/1.1\r\nHost: {}\r\nOrigin: {origin}\r\n\
             Cookie: weir_{port}={cookie}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            self.address
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(tokio::time::timeout(PATIENCE, stream.read_u8()).await.unwrap().unwrap());
        }
        (stream, String::from_utf8(answer).unwrap())
    }

    async fn open(&self, query: &str) -> TcpStream {
        let (stream, head) = self.knock(query, &self.token, &format!("http://{}", self.address)).await;
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        stream
    }

    fn readers(&self) -> Vec<String> {
        let streams = self.bench.engine.streams();
        streams.iter().flat_map(|stream| &stream.readers).map(|reader| format!("{:?}", reader.role)).collect()
    }
}

/// The next frame: its opcode and payload.
pub(crate) async fn message(stream: &mut TcpStream) -> (u8, Vec<u8>) {
    let read = async {
        let first = stream.read_u8().await.unwrap();
        let length = match stream.read_u8().await.unwrap() {
            126 => u64::from(stream.read_u16().await.unwrap()),
            127 => stream.read_u64().await.unwrap(),
            short => u64::from(short),
        };
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        stream.read_exact(&mut payload).await.unwrap();
        (first & 0x0F, payload)
    };
    tokio::time::timeout(PATIENCE, read).await.expect("no message")
}

/// The JSON object of a configuration, and what follows it.
fn config(payload: &[u8]) -> (Value, &[u8]) {
    assert_eq!(payload[0], 1);
    let length = usize::from(u16::from_be_bytes([payload[1], payload[2]]));
    (serde_json::from_slice(&payload[3..3 + length]).unwrap(), &payload[3 + length..])
}

#[tokio::test]
async fn a_page_gets_the_decoder_and_then_every_unit_from_the_newest_key_frame() {
    let door = Door::new().await;
    let mut encoder = door.bench.publish("live/show");
    encoder.write(3);
    let mut socket = door.open("").await;
    let (opcode, first) = message(&mut socket).await;
    assert_eq!(opcode, 2, "binary");
    let (told, description) = config(&first);
    assert_eq!(told["codec"], "avc1.64001F");
    assert_eq!((&told["width"], &told["height"], &told["follows"]), (&1280.into(), &720.into(), &"units".into()));
    assert_eq!(description[..4], [1, 0x64, 0, 0x1F]);
    for number in 0..25_i64 {
        let (_, unit) = message(&mut socket).await;
        assert_eq!(unit[..2], [2, u8::from(number == 0)], "only video, the key frame first");
        assert_eq!(i64::from_be_bytes(unit[2..10].try_into().unwrap()), 2_000_000 + number * 40_000);
        assert_eq!(unit.len(), 10 + 1000);
    }
    assert_eq!(door.readers(), ["Preview"]);

    drop(socket);
    // A unit that cannot be delivered tells that nobody looks any more.
    while !door.readers().is_empty() {
        encoder.write(1);
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_page_without_webcodecs_gets_fragments_with_sound_when_it_asks_for_it() {
    let door = Door::new().await;
    let mut encoder = door.bench.publish("live/show");
    encoder.write(1);
    for (query, codec, fragments) in
        [("?mode=segments&audio=true", "avc1.64001F,mp4a.40.2", 47), ("?mode=segments", "avc1.64001F", 23)]
    {
        let mut socket = door.open(query).await;
        let (_, first) = message(&mut socket).await;
        let (told, header) = config(&first);
        assert_eq!((&told["codec"], &told["follows"]), (&codec.into(), &"segments".into()));
        assert_eq!(&header[4..8], b"ftyp");
        for _ in 0..fragments {
            let (_, segment) = message(&mut socket).await;
            assert_eq!((segment[0], &segment[5..9]), (3, &b"moof"[..]));
        }
    }
}

#[tokio::test]
async fn the_end_of_the_stream_is_told_and_the_socket_closed_in_order() {
    let door = Door::new().await;
    let mut encoder = door.bench.publish("live/show");
    encoder.write(1);
    let mut socket = door.open("").await;
    door.bench.engine.context().hub.close();
    let last = loop {
        let (opcode, payload) = message(&mut socket).await;
        if payload[0] == 4 {
            break payload;
        }
        assert_eq!(opcode, 2);
    };
    assert_eq!(serde_json::from_slice::<Value>(&last[1..]).unwrap()["state"], "ended");
    assert_eq!(message(&mut socket).await.0, 8, "a close frame");
}

#[tokio::test]
async fn the_picture_is_guarded_like_everything_else() {
    let door = Door::new().await;
    let _encoder = door.bench.publish("live/show");
    let own = format!("http://{}", door.address);
    let (_, head) = door.knock("", "wrong", &own).await;
    assert!(head.starts_with("HTTP/1.1 401"), "{head}");
    let (_, head) = door.knock("", &door.token, "http://example.com").await;
    assert!(head.starts_with("HTTP/1.1 403"), "{head}");
    assert_eq!(door.readers(), [""; 0]);
}

#[tokio::test]
async fn a_picture_that_cannot_be_shown_is_refused_in_words() {
    let bench = Bench::start().await;
    assert_eq!(bench.get("/streams/live%2Fshow/preview").await.code(), "stream_not_found");
    let _encoder = bench.publish("live/show");
    let plain = bench.get("/streams/live%2Fshow/preview").await;
    assert_eq!((plain.status, plain.code()), (StatusCode::BAD_REQUEST, "invalid_request".to_owned()));
    assert_eq!(bench.get("/streams/live%2Fshow/preview?mode=hologram").await.code(), "invalid_request");
}
