//! A small RTMP client that does exactly what a test says, also what no honest client does.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use weir_amf0::Value;
use weir_engine::status::ListenerState;
use weir_engine::{Config, Engine, Paths, Profile, Settings};
use weir_rtmp::chunk::{self, Message, MessageHeader, Reader};
use weir_rtmp::command::{Capabilities, Command};
use weir_rtmp::handshake;
use weir_rtmp::message::kind;

use super::PATIENCE;

/// An engine on a port of its own.
pub(crate) struct Server {
    pub(crate) engine: Engine,
    pub(crate) address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Server {
    pub(crate) async fn start(change: impl FnOnce(&mut Config)) -> Self {
        Self::start_with(change, |_| ()).await
    }

    /// With what flags lend to the settings.
    pub(crate) async fn start_with(change: impl FnOnce(&mut Config), lend: impl FnOnce(&mut Settings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::defaults(Profile::Desktop);
        config.rtmp.listen = vec!["127.0.0.1:0".parse().unwrap()];
        change(&mut config);
        let mut settings = Settings::new(config, Profile::Desktop);
        lend(&mut settings);
        let engine = Engine::start(settings, Paths::under(folder.path())).await.unwrap();
        let first = engine.listeners().into_iter().find(|listener| listener.state != ListenerState::Off);
        let Some(ListenerState::Listening { bound }) = first.map(|listener| listener.state) else {
            panic!("the listener must open")
        };
        Self { engine, address: bound[0], _folder: folder }
    }

    pub(crate) async fn peer(&self) -> Peer {
        Peer::connect(self.address).await
    }

    /// An encoder that was admitted.
    pub(crate) async fn publish(&self, name: &str) -> Peer {
        let mut peer = self.peer().await;
        peer.publish(name).await;
        assert_eq!(peer.status().await, "NetStream.Publish.Start");
        peer
    }

    /// A player that was admitted; what follows is media.
    pub(crate) async fn play(&self, name: &str) -> Peer {
        let mut peer = self.peer().await;
        peer.play(name).await;
        assert_eq!(peer.status().await, "NetStream.Play.Reset");
        assert_eq!(peer.status().await, "NetStream.Play.Start");
        peer
    }

    /// A client that announces what it knows of Enhanced RTMP.
    pub(crate) async fn peer_announcing(&self, capabilities: Capabilities) -> Peer {
        Peer::connect_announcing(self.address, capabilities).await
    }

    /// Such a player, admitted.
    pub(crate) async fn play_announcing(&self, name: &str, capabilities: Capabilities) -> Peer {
        let mut peer = self.peer_announcing(capabilities).await;
        peer.play(name).await;
        assert_eq!(peer.status().await, "NetStream.Play.Reset");
        assert_eq!(peer.status().await, "NetStream.Play.Start");
        peer
    }

    /// The codes of the problems so far.
    pub(crate) fn problems(&self) -> Vec<String> {
        self.engine.context().problems.list().into_iter().map(|problem| problem.code).collect()
    }
}

/// What a client is connected by.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Unpin + Send + Sync {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + Sync> Wire for T {}

/// One client connection.
pub(crate) struct Peer {
    stream: Box<dyn Wire>,
    reader: Reader,
    buffer: BytesMut,
    pub(crate) answers_pings: bool,
    pub(crate) pings: u32,
}

impl Peer {
    /// Connects, shakes hands, and calls `connect` for the application `live`.
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self::connect_announcing(address, Capabilities::default()).await
    }

    pub(crate) async fn connect_announcing(address: SocketAddr, capabilities: Capabilities) -> Self {
        Self::shake_hands(address).await.call_connect(capabilities).await
    }

    /// A client over `stream`, connected to the application `live`.
    pub(crate) async fn over(stream: impl Wire + 'static) -> Self {
        Self::shake_hands_over(Box::new(stream)).await.call_connect(Capabilities::default()).await
    }

    async fn call_connect(self, capabilities: Capabilities) -> Self {
        let mut peer = self;
        let mut object = Value::object([("app", "live"), ("tcUrl", "rtmp://127.0.0.1/live"), ("flashVer", "test")]);
        if let Value::Object(entries) = &mut object
            && capabilities.is_enhanced()
        {
            entries.extend(capabilities.to_entries());
        }
        peer.command(0, &Command { object, ..Command::new("connect", 1.0, []) }).await;
        while peer.answer().await.name != "_result" {}
        peer.command(0, &Command::new("createStream", 2.0, [])).await;
        while peer.answer().await.name != "_result" {}
        peer
    }

    pub(crate) async fn shake_hands(address: SocketAddr) -> Self {
        Self::shake_hands_over(Box::new(TcpStream::connect(address).await.unwrap())).await
    }

    async fn shake_hands_over(mut stream: Box<dyn Wire>) -> Self {
        let (mut client, hello) = handshake::Client::new(&[7; 1528]);
        stream.write_all(&hello).await.unwrap();
        let mut rest = BytesMut::new();
        while !client.is_finished() {
            assert_ne!(stream.read_buf(&mut rest).await.unwrap(), 0, "the server must shake hands");
            let mut input = &rest[..];
            let reply = client.handle_bytes(&mut input).unwrap();
            rest = BytesMut::from(input);
            if let Some(reply) = reply {
                stream.write_all(&reply).await.unwrap();
            }
        }
        let reader = Reader::new(chunk::Limits::PUBLISHING);
        Self { stream, reader, buffer: rest, answers_pings: true, pings: 0 }
    }

    /// The size of chunks that the server has told.
    pub(crate) const fn told_chunk_size(&self) -> u32 {
        self.reader.chunk_size()
    }

    pub(crate) async fn command(&mut self, stream_id: u32, command: &Command) {
        let mut body = BytesMut::new();
        command.encode(&mut body);
        self.send(stream_id, kind::COMMAND, 0, &body).await;
    }

    pub(crate) async fn publish(&mut self, name: &str) {
        self.command(1, &Command::new("publish", 5.0, [Value::from(name), Value::from("live")])).await;
    }

    pub(crate) async fn play(&mut self, name: &str) {
        self.command(1, &Command::new("play", 5.0, [Value::from(name)])).await;
    }

    /// Sends a message in chunks of 128 bytes, the size a client begins with.
    pub(crate) async fn send(&mut self, stream_id: u32, type_id: u8, timestamp: u32, body: &[u8]) {
        let header = MessageHeader { csid: u32::from(type_id) + 1, timestamp, type_id, stream_id };
        let bytes = chunk::encode_message(chunk::DEFAULT_CHUNK_SIZE, &header, body).unwrap();
        self.stream.write_all(&bytes).await.unwrap();
        // TLS keeps back what was not asked to be sent.
        self.stream.flush().await.unwrap();
    }

    pub(crate) async fn send_raw(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// The next message, pings answered; `None` once the server has closed.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        tokio::time::timeout(PATIENCE, self.read()).await.expect("the server must say something")
    }

    async fn read(&mut self) -> Option<Message> {
        loop {
            let mut input = &self.buffer[..];
            let message = self.reader.read(&mut input).unwrap();
            self.buffer = BytesMut::from(input);
            match message {
                Some(message) if message.type_id == kind::USER_CONTROL && message.payload.starts_with(&[0, 6]) => {
                    self.pings += 1;
                    if self.answers_pings {
                        let body = [&[0, 7], &message.payload[2..]].concat();
                        self.send(0, kind::USER_CONTROL, 0, &body).await;
                    }
                }
                Some(message) => return Some(message),
                None => match self.stream.read_buf(&mut self.buffer).await {
                    Ok(0) | Err(_) => return None,
                    Ok(_) => {}
                },
            }
        }
    }

    /// The next command from the server.
    pub(crate) async fn answer(&mut self) -> Command {
        loop {
            let message = self.next().await.expect("the server must answer before it closes");
            if message.type_id == kind::COMMAND {
                return Command::parse(&message.payload).unwrap();
            }
        }
    }

    /// The code of the next `onStatus`.
    pub(crate) async fn status(&mut self) -> String {
        loop {
            let command = self.answer().await;
            if command.name == "onStatus" {
                return command.argument(0).get("code").and_then(Value::as_str).unwrap().to_owned();
            }
        }
    }

    /// The address of the next request to connect anew; `None` for the same.
    pub(crate) async fn reconnect_request(&mut self) -> Option<String> {
        loop {
            let command = self.answer().await;
            let information = command.argument(0);
            if information.get("code").and_then(Value::as_str) == Some("NetConnection.Connect.ReconnectRequest") {
                return information.get("tcUrl").and_then(Value::as_str).map(str::to_owned);
            }
        }
    }

    /// The next audio, video or data message; `None` once the server has closed. `|RtmpSampleAccess` is left out.
    pub(crate) async fn media(&mut self) -> Option<Message> {
        loop {
            let message = self.next().await?;
            let access = message.payload.get(3..).is_some_and(|rest| rest.starts_with(b"|RtmpSampleAccess"));
            if matches!(message.type_id, kind::AUDIO | kind::VIDEO | kind::DATA) && !access {
                return Some(message);
            }
        }
    }

    /// Media up to and with the first for which `found` holds.
    pub(crate) async fn media_until(&mut self, found: impl Fn(&Message) -> bool) -> Vec<Message> {
        let mut all = Vec::new();
        loop {
            let message = self.media().await.expect("the stream must go on");
            all.push(message);
            if found(&all[all.len() - 1]) {
                return all;
            }
        }
    }

    /// Reads until the server closes; returns the codes of what it said before.
    pub(crate) async fn last_words(&mut self) -> Vec<String> {
        let mut codes = Vec::new();
        while let Some(message) = self.next().await {
            if message.type_id == kind::COMMAND
                && let Some(code) = Command::parse(&message.payload).unwrap().argument(0).get("code")
            {
                codes.push(code.as_str().unwrap().to_owned());
            }
        }
        codes
    }

    /// The headers of H.264 and AAC.
    pub(crate) async fn send_headers(&mut self, timestamp: u32) {
        self.send(1, kind::VIDEO, timestamp, &avc_header()).await;
        self.send(1, kind::AUDIO, timestamp, b"\xaf\x00\x11\x90").await;
    }

    /// A picture that holds `mark`.
    pub(crate) async fn send_video(&mut self, timestamp: u32, key: bool, mark: &[u8]) {
        self.send(1, kind::VIDEO, timestamp, &picture(key, mark)).await;
    }

    pub(crate) async fn send_audio(&mut self, timestamp: u32, mark: &[u8]) {
        self.send(1, kind::AUDIO, timestamp, &[b"\xaf\x01", mark].concat()).await;
    }
}

/// The body of a picture that holds `mark`.
pub(crate) fn picture(key: bool, mark: &[u8]) -> Vec<u8> {
    let nal = [&[if key { 0x65 } else { 0x41 }], mark].concat();
    let length = (nal.len() as u32).to_be_bytes();
    [&[if key { 0x17 } else { 0x27 }, 1, 0, 0, 0], &length[..], &nal].concat()
}

/// An AVC sequence header as x264 writes it for 320x180.
pub(crate) fn avc_header() -> Vec<u8> {
    let tracks = super::video_tracks();
    let config = tracks.iter().next().and_then(|track| track.config.clone()).unwrap();
    [&[0x17, 0, 0, 0, 0], &config[..]].concat()
}

/// A data message of a name and a value.
pub(crate) fn data(values: &[Value]) -> Vec<u8> {
    let mut body = BytesMut::new();
    weir_amf0::encode_all(values, &mut body);
    body.to_vec()
}

/// Runs `work` and says how long it took.
pub(crate) async fn timed<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let start = Instant::now();
    let result = work.await;
    (result, start.elapsed())
}
