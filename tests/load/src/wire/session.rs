//! What a client says, from the first byte to running media: OBS's flow to publish, FFmpeg's to play.

use super::amf::{self, Value};
use super::chunk::{self, Header, Reader, Sink, Writer};

/// C1, S1, C2 and S2 have this length (RTMP 1.0 section 5.2).
const HANDSHAKE: usize = 1536;
/// Chunk size OBS announces before `connect`.
const PUBLISH_CHUNK_SIZE: u32 = 4096;
/// Commands and control messages longer than this are read and not kept; no answer the client needs comes near.
const COMMAND_MAX: usize = 4096;
/// Acknowledgement window until the server names one; FFmpeg assumes the same.
const DEFAULT_WINDOW: u32 = 2_500_000;

/// What the client came for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Publish,
    Play,
}

/// How far the conversation has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Handshake,
    Connecting,
    Creating,
    Starting,
    Live,
    /// The server said no; its status code.
    Refused(String),
}

/// `rtmp://host:port/app/name`, taken apart.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) app: String,
    pub(crate) name: String,
    pub(crate) tc_url: String,
}

/// Why a conversation cannot go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Chunk(#[from] chunk::Error),
    #[error("the server answered the handshake with version {0}")]
    Version(u8),
}

/// One client's side of the conversation. Bytes to send are appended to an `out` the caller owns.
pub(crate) struct Session {
    purpose: Purpose,
    target: Target,
    stage: Stage,
    reader: Reader,
    writer: Writer,
    /// S0, S1, S2 until complete, then nothing.
    greeting: Vec<u8>,
    command: Vec<u8>,
    message_stream: u32,
    window: u32,
    received: u64,
    acknowledged: u64,
}

impl Session {
    /// Starts a conversation: appends C0 and C1.
    pub(crate) fn start(purpose: Purpose, target: Target, out: &mut Vec<u8>) -> Self {
        out.push(3);
        out.extend_from_slice(&[0; 8]);
        out.extend((8..HANDSHAKE).map(|at| (at * 167 % 253) as u8));
        Self {
            purpose,
            target,
            stage: Stage::Handshake,
            reader: Reader::new(),
            writer: Writer::new(),
            greeting: Vec::with_capacity(1 + 2 * HANDSHAKE),
            command: Vec::new(),
            message_stream: 0,
            window: DEFAULT_WINDOW,
            received: 0,
            acknowledged: 0,
        }
    }

    /// A player that is handed chunks of up to `chunk_size` bytes without a conversation before them.
    pub(crate) fn bare(chunk_size: u32) -> Self {
        let target = Target { app: String::new(), name: String::new(), tc_url: String::new() };
        let mut session = Self::start(Purpose::Play, target, &mut Vec::new());
        session.greeting = Vec::new();
        session.stage = Stage::Live;
        session.reader = Reader::with_chunk_size(chunk_size);
        session.window = u32::MAX;
        session
    }

    pub(crate) fn stage(&self) -> &Stage {
        &self.stage
    }

    /// Takes bytes from the server: media goes to `media`, answers to `out`.
    pub(crate) fn feed(&mut self, mut bytes: &[u8], media: &mut impl Sink, out: &mut Vec<u8>) -> Result<(), Error> {
        self.received += bytes.len() as u64;
        if self.stage == Stage::Handshake {
            let missing = 1 + 2 * HANDSHAKE - self.greeting.len();
            let (part, rest) = bytes.split_at(bytes.len().min(missing));
            self.greeting.extend_from_slice(part);
            bytes = rest;
            if part.len() < missing {
                return Ok(());
            }
            self.finish_handshake(out)?;
        }
        let mut dispatch =
            Dispatch { media, command: &mut self.command, answers: Vec::new(), window: None, pongs: Vec::new() };
        self.reader.feed(bytes, &mut dispatch)?;
        let Dispatch { answers, window, pongs, .. } = dispatch;
        if let Some(window) = window {
            self.window = window;
        }
        for token in pongs {
            let mut body = vec![0, 7];
            body.extend_from_slice(&token);
            self.writer.message(2, 4, 0, 0, &body, out);
        }
        for answer in answers {
            self.answered(&answer, out);
        }
        // FFmpeg acknowledges at half the window.
        if self.stage != Stage::Handshake && self.received - self.acknowledged > u64::from(self.window / 2) {
            self.acknowledged = self.received;
            self.writer.message(2, 3, 0, 0, &(self.received as u32).to_be_bytes(), out);
        }
        Ok(())
    }

    /// Appends one audio, video or data message of a running publish.
    pub(crate) fn send_media(&mut self, kind: u8, timestamp: u32, body: &[u8], out: &mut Vec<u8>) {
        self.writer.media(kind, self.message_stream, timestamp, body, out);
    }

    fn finish_handshake(&mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        if self.greeting[0] != 3 {
            return Err(Error::Version(self.greeting[0]));
        }
        out.extend_from_slice(&self.greeting[1..=HANDSHAKE]);
        self.greeting = Vec::new();
        let target = &self.target;
        let common = [("app", Value::String(&target.app)), ("tcUrl", Value::String(&target.tc_url))];
        let [app, url] = common;
        let properties = match self.purpose {
            Purpose::Publish => {
                self.writer.announce_chunk_size(PUBLISH_CHUNK_SIZE, out);
                vec![
                    app,
                    ("type", Value::String("nonprivate")),
                    ("flashVer", Value::String("FMLE/3.0 (compatible; FMSc/1.0)")),
                    ("swfUrl", Value::String(&target.tc_url)),
                    url,
                ]
            }
            Purpose::Play => vec![
                app,
                ("flashVer", Value::String("LNX 9,0,124,2")),
                url,
                ("fpad", Value::Boolean(false)),
                ("capabilities", Value::Number(15.0)),
                ("audioCodecs", Value::Number(4071.0)),
                ("videoCodecs", Value::Number(252.0)),
                ("videoFunction", Value::Number(1.0)),
            ],
        };
        let connect = amf::encode(&[Value::String("connect"), Value::Number(1.0), Value::Object(&properties)]);
        self.writer.message(3, 20, 0, 0, &connect, out);
        self.stage = Stage::Connecting;
        Ok(())
    }

    fn answered(&mut self, answer: &amf::Answer, out: &mut Vec<u8>) {
        let code = answer.code.as_deref().unwrap_or_default();
        match (answer.name.as_str(), &self.stage) {
            ("_result", Stage::Connecting) => self.create(out),
            ("_result", Stage::Creating) if answer.transaction == CREATE => {
                self.message_stream = answer.number.unwrap_or(1.0) as u32;
                self.begin(out);
            }
            ("onStatus", Stage::Starting) if code == "NetStream.Publish.Start" || code == "NetStream.Play.Start" => {
                self.stage = Stage::Live;
            }
            ("onStatus", Stage::Starting) if code == "NetStream.Play.Reset" => {}
            // releaseStream and FCPublish may be refused; that stops no encoder.
            ("_error", Stage::Creating) if answer.transaction != CREATE => {}
            ("_error", _) | ("onStatus", Stage::Starting) => self.stage = Stage::Refused(code.to_owned()),
            _ => {}
        }
    }

    fn create(&mut self, out: &mut Vec<u8>) {
        let name = Value::String(&self.target.name);
        match self.purpose {
            Purpose::Publish => {
                self.command(0, &[Value::String("releaseStream"), Value::Number(2.0), Value::Null, name], out);
                let name = Value::String(&self.target.name);
                self.command(0, &[Value::String("FCPublish"), Value::Number(3.0), Value::Null, name], out);
            }
            Purpose::Play => self.writer.message(2, 5, 0, 0, &DEFAULT_WINDOW.to_be_bytes(), out),
        }
        self.command(0, &[Value::String("createStream"), Value::Number(CREATE), Value::Null], out);
        self.stage = Stage::Creating;
    }

    fn begin(&mut self, out: &mut Vec<u8>) {
        let name = Value::String(&self.target.name);
        let stream = self.message_stream;
        match self.purpose {
            Purpose::Publish => {
                let live = Value::String("live");
                self.command(stream, &[Value::String("publish"), Value::Number(5.0), Value::Null, name, live], out);
            }
            Purpose::Play => {
                let start = Value::Number(-2000.0);
                self.command(stream, &[Value::String("play"), Value::Number(5.0), Value::Null, name, start], out);
                let mut buffer = vec![0, 3];
                buffer.extend_from_slice(&stream.to_be_bytes());
                buffer.extend_from_slice(&3000_u32.to_be_bytes());
                self.writer.message(2, 4, 0, 0, &buffer, out);
            }
        }
        self.stage = Stage::Starting;
    }

    fn command(&self, stream: u32, values: &[Value<'_>], out: &mut Vec<u8>) {
        self.writer.message(3, 20, stream, 0, &amf::encode(values), out);
    }
}

/// Transaction of `createStream`.
const CREATE: f64 = 4.0;

/// Sends media on and keeps what the session itself must read.
struct Dispatch<'a, M> {
    media: &'a mut M,
    command: &'a mut Vec<u8>,
    answers: Vec<amf::Answer>,
    window: Option<u32>,
    pongs: Vec<[u8; 4]>,
}

impl<M: Sink> Sink for Dispatch<'_, M> {
    fn piece(&mut self, header: &Header, offset: u32, bytes: &[u8]) {
        if matches!(header.kind, 8 | 9) {
            return self.media.piece(header, offset, bytes);
        }
        // Commands and control messages are never interleaved with each other by any server: one buffer does.
        if offset == 0 {
            self.command.clear();
        }
        if self.command.len() + bytes.len() <= COMMAND_MAX {
            self.command.extend_from_slice(bytes);
        }
        if self.command.len() != header.length as usize {
            return;
        }
        match (header.kind, self.command.as_slice()) {
            (5, &[a, b, c, d, ..]) => self.window = Some(u32::from_be_bytes([a, b, c, d])),
            (4, &[0, 6, a, b, c, d, ..]) => self.pongs.push([a, b, c, d]),
            (20, body) => self.answers.extend(amf::answer(body)),
            _ => {}
        }
    }
}
