//! One connection to an RTMP server: the pure session, the socket, and what is on its way between them.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::time::{Instant, sleep_until, timeout};
use weir_flv::MessageKind;
use weir_hub::{Delivery, Subscriber};
use weir_media::{Secret, TimeDelta};
use weir_rtmp::chunk::{self, MessageHeader};
use weir_rtmp::message::MediaKind;
use weir_rtmp::session::client::{Config, Event, Output};
use weir_rtmp::session::{ClientSession, Error};
use weir_rtmp::url::PublishUrl;

use super::board::{Board, Progress, Standing};
use super::failure::{Failure, FailureCode};
use super::feed::{Counted, Feed, Sink, Taken};
use super::outbox::Outbox;
use super::pace::Pace;
use super::rate::Rate;
use super::reading::Reading;
use super::state::Step;
use super::target::secret_parts;
use crate::net::gauge::Gauge;

/// How long a server may take no data at all before the connection counts as dead.
const STALLED: Duration = Duration::from_secs(10);

/// How often a connection says how far it is behind, and what became of its bytes; and how often until the first have arrived.
const LOOK: Duration = Duration::from_millis(500);
const FIRST_LOOK: Duration = Duration::from_millis(20);

/// A backlog is not told beyond this: a stream that has stopped has no rate to measure it with.
const MOST_BACKLOG: Duration = Duration::from_secs(10);

/// How long saying goodbye may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// How long the reason for a broken connection is looked for in what the server had sent before.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// Bytes read at once; a server that is published to says little.
const READ: usize = 4 * 1024;

/// Why sending over a connection that was live stopped.
#[derive(Debug)]
pub(super) enum End {
    StreamEnded,
    Interrupted,
    /// The server wants to be connected to anew, there or at the same address.
    AskedToReconnect(Option<Secret<String>>),
    /// What comes next is a key frame, and was not sent.
    AtKeyFrame,
    Failed(Failure),
}

/// Until where a connection sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// The end of the stream.
    TheEnd,
    /// The next key frame, at which another connection takes over.
    KeyFrame,
}

/// What came of a connection.
#[derive(Debug)]
pub(super) enum Opened<S> {
    /// The server takes the stream.
    Publishing(Box<Connection<S>>),
    /// It wants to know who comes, and is answered in another connection with this behind the application.
    LoginAsked(Secret<String>),
}

/// One connection. Generic over the transport: TCP, or TLS on top of it.
#[derive(Debug)]
pub(super) struct Connection<S> {
    reader: ReadHalf<S>,
    writer: WriteHalf<S>,
    session: ClientSession,
    outbox: Outbox,
    step: Step,
    /// The message stream media goes on, once the server takes it.
    stream_id: Option<u32>,
    wake: Option<Instant>,
    /// The answer to a server that wants to know who comes.
    login: Option<Secret<String>>,
    /// Where to, once the server asks for it; the inner `None` means the same address.
    asked_to_reconnect: Option<Option<Secret<String>>>,
    feed: Feed,
    /// When the last frame was handed on.
    fed: Instant,
    pace: Pace,
    /// What is handed on, over the last seconds.
    handed: Rate,
    /// How long the server needs at that rate for what it has not acknowledged: what buffers on the way hide.
    backlog: Duration,
    /// Written, but perhaps still with whoever encrypts.
    unflushed: bool,
    /// Bytes written since whoever encrypts had passed everything on.
    since_flush: u64,
    /// When the server last took data, or when there was last nothing to take.
    progress: Instant,
    gauge: Gauge,
    next_look: Instant,
    read_buffer: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Send> Connection<S> {
    /// Shakes hands, connects and publishes; returns when the server takes the stream, or is to be answered who comes.
    pub(super) async fn publish(stream: S, gauge: Gauge, url: PublishUrl, board: &Board) -> Result<Opened<S>, Failure> {
        let mut random = [0; _];
        // Without randomness the handshake is only less random, and no server minds.
        let _ = getrandom::fill(&mut random);
        let session = ClientSession::new(now(), Arc::new(Config::default()), url, &random);
        let (reader, writer) = tokio::io::split(stream);
        let mut connection = Self {
            reader,
            writer,
            session,
            outbox: Outbox::default(),
            step: Step::Handshake,
            stream_id: None,
            wake: None,
            login: None,
            asked_to_reconnect: None,
            feed: Feed::default(),
            fed: Instant::now(),
            handed: Rate::default(),
            backlog: Duration::ZERO,
            unflushed: false,
            since_flush: 0,
            pace: Pace::default(),
            progress: Instant::now(),
            gauge,
            next_look: Instant::now(),
            read_buffer: vec![0; READ],
        };
        loop {
            connection.pump()?;
            board.stands(Standing::Connecting(connection.step));
            if connection.stream_id.is_some() {
                return Ok(Opened::Publishing(Box::new(connection)));
            }
            if let Some(query) = connection.login.take() {
                return Ok(Opened::LoginAsked(query));
            }
            connection.turn(board).await?;
        }
    }

    /// Sends the stream until it ends, something fails, the server asks for another connection, or `interrupted` resolves.
    /// May be called again afterwards. Cancel-safe.
    pub(super) async fn run(
        &mut self,
        reading: &mut Reading,
        until: Until,
        board: &Board,
        interrupted: impl Future<Output = ()>,
    ) -> End {
        if let Some(zero) = reading.epoch.as_ref().and_then(|epoch| epoch.zero(reading.subscriber.stream_id())) {
            self.feed.goes_beside(zero);
        }
        // Another connection may have sent what came before.
        if !reading.tracks.is_empty() {
            self.deliver(&Delivery::Tracks(reading.tracks.clone()));
        }
        tokio::pin!(interrupted);
        loop {
            if let Err(failure) = self.pump() {
                return End::Failed(failure);
            }
            if let Some(to) = self.asked_to_reconnect.take() {
                return End::AskedToReconnect(to);
            }
            if let Some(end) = self.send(reading, until, board) {
                return end;
            }
            let look = self.look(board);
            let pace = self.pace.behind(Instant::now(), self.feed.elapsed(), self.outbox.is_empty());
            board.is_behind(pace.max(self.backlog));
            tokio::select! {
                biased;
                () = &mut interrupted => return End::Interrupted,
                // A server that takes nothing wakes nobody, and yet it falls behind more and more.
                () = sleep_until(look) => {}
                turned = self.turn_or_media(&mut reading.subscriber, board) => match turned {
                    Ok(false) => {}
                    Ok(true) => drop(reading.subscriber.try_batch(&mut reading.waiting)),
                    Err(failure) => return End::Failed(failure),
                },
            }
        }
    }

    /// Another stream than the one before goes over this connection from here on.
    pub(super) fn goes_on(&mut self) {
        self.feed.goes_on_after(TimeDelta::from(self.fed.elapsed()));
        self.pace = Pace::default();
    }

    /// Keeps a connection alive that has no stream to send; ends when the server ends it. Cancel-safe.
    pub(super) async fn idle(&mut self, board: &Board) -> Failure {
        loop {
            if let Err(failure) = self.pump() {
                return failure;
            }
            if self.asked_to_reconnect.take().is_some() {
                return Failure::asked_again();
            }
            let look = self.look(board);
            tokio::select! {
                turned = self.turn(board) => if let Err(failure) = turned {
                    return failure;
                },
                () = sleep_until(look) => {}
            }
        }
    }

    /// Says what became of the bytes, when it is time; returns when it is time again.
    fn look(&mut self, board: &Board) -> Instant {
        let now = Instant::now();
        if now >= self.next_look {
            let measured = self.gauge.measure();
            let left = self.outbox.len() as u64 + measured.map_or(0, |measured| measured.unacknowledged);
            let rate = self.handed.bits_per_second(now).max(1);
            self.backlog = Duration::from_millis(left.saturating_mul(8000) / rate).min(MOST_BACKLOG);
            board.progress(Progress {
                queued: self.outbox.len() as u64 + u64::from(self.unflushed),
                unacknowledged: measured.map(|measured| measured.unacknowledged + self.gauge.held_of(self.since_flush)),
                rtt: measured.and_then(|measured| measured.rtt),
            });
            // Until the first data has arrived people wait for it.
            self.next_look = now + if board.live_for().is_zero() { FIRST_LOOK } else { LOOK };
        }
        self.next_look
    }

    /// Turns deliveries that wait into messages; returns why that is to stop, if it is.
    fn send(&mut self, reading: &mut Reading, until: Until, board: &Board) -> Option<End> {
        if self.outbox.is_empty() {
            self.progress = Instant::now();
        }
        let (mut counted, mut bytes, mut end) = (Counted::default(), 0, None);
        let key_frame = if until == Until::KeyFrame { reading.key_frame() } else { None };
        if key_frame.is_some() {
            end = Some(End::AtKeyFrame);
        }
        let count = key_frame.unwrap_or(reading.waiting.len());
        for delivery in reading.waiting.drain(..count) {
            match &delivery {
                Delivery::Skipped { frames, behind } => {
                    let (stream, behind) = (reading.subscriber.path(), behind.as_secs_f64());
                    tracing::info!(%stream, frames, behind, "destination too slow");
                }
                Delivery::Tracks(tracks) => reading.tracks = tracks.clone(),
                Delivery::Ended(_) => end = Some(End::StreamEnded),
                Delivery::Frame { frame, .. } => bytes += frame.data.len() as u64,
                Delivery::Gap { .. } => {}
            }
            let more = self.deliver(&delivery);
            counted.sent += more.sent;
            counted.skipped += more.skipped;
        }
        if let (Some(epoch), Some(zero)) = (&reading.epoch, self.feed.zero()) {
            epoch.begins(reading.subscriber.stream_id(), zero);
        }
        board.counted(counted.sent, counted.skipped);
        reading.subscriber.count_sent(bytes);
        end
    }

    fn deliver(&mut self, delivery: &Delivery) -> Counted {
        let mut wire = Wire {
            outbox: &mut self.outbox,
            chunk_size: self.session.chunk_size(),
            stream_id: self.stream_id.unwrap_or_default(),
        };
        if matches!(delivery, Delivery::Frame { .. }) {
            self.fed = Instant::now();
        }
        let before = wire.outbox.len();
        let counted = self.feed.deliver(delivery, &mut wire);
        let handed = wire.outbox.len() - before;
        self.handed.add(Instant::now(), handed as u64);
        counted
    }

    /// Fetches what the session wants done.
    fn pump(&mut self) -> Result<(), Failure> {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Send(bytes) => self.push(bytes),
                Output::WakeAt(at) => self.wake = Some(Instant::from_std(at)),
                Output::Event(Event::HandshakeFinished) => self.step = Step::Connect,
                Output::Event(Event::Connected(server)) => {
                    self.step = Step::Publish;
                    self.feed = Feed::new(Taken::of(&server));
                }
                Output::Event(Event::Published { message_stream_id }) => self.stream_id = Some(message_stream_id),
                Output::Event(Event::LoginAsked(query)) => self.login = Some(query),
                Output::Event(Event::Refused(refusal)) => {
                    return Err(Failure::of_refusal(&refusal, &secret_parts(self.session.url())));
                }
                Output::Event(Event::Closed) => return Err(Failure::closed()),
                Output::Event(Event::ReconnectRequested { tc_url }) => self.asked_to_reconnect = Some(tc_url),
                Output::Close => {}
            }
        }
        Ok(())
    }

    fn push(&mut self, bytes: bytes::Bytes) {
        if self.outbox.is_empty() {
            self.progress = Instant::now();
        }
        self.outbox.push(bytes);
    }

    /// One step: something read, something written, or a time reached.
    async fn turn(&mut self, board: &Board) -> Result<(), Failure> {
        let waiting = !self.outbox.is_empty();
        let flushing = !waiting && self.unflushed;
        let (stalled, wake) = (self.progress + STALLED, self.wake.unwrap_or_else(far));
        tokio::select! {
            biased;
            read = self.reader.read(&mut self.read_buffer) => self.heard(read),
            written = write(&mut self.outbox, &mut self.writer), if waiting || flushing => match written {
                Ok(bytes) => {
                    self.unflushed = bytes > 0;
                    self.since_flush = if bytes > 0 { self.since_flush + bytes as u64 } else { 0 };
                    if bytes > 0 {
                        let now = Instant::now();
                        board.write_took(now - std::mem::replace(&mut self.progress, now));
                        board.wrote(bytes);
                    }
                    Ok(())
                }
                Err(error) => Err(self.last_words(&error).await),
            },
            () = sleep_until(wake), if self.wake.is_some() => {
                self.wake = None;
                self.session.handle_timeout(now()).map_err(|error| self.broken(&error))
            }
            () = sleep_until(stalled), if waiting || flushing => Err(Failure::stalled(STALLED)),
        }
    }

    /// One step, or media to send where there is room for it; `true` for media.
    async fn turn_or_media(&mut self, subscriber: &mut Subscriber, board: &Board) -> Result<bool, Failure> {
        let room = self.outbox.has_room();
        tokio::select! {
            biased;
            turned = self.turn(board) => turned.map(|()| false),
            () = subscriber.ready(), if room => Ok(true),
        }
    }

    fn heard(&mut self, read: io::Result<usize>) -> Result<(), Failure> {
        match read {
            Ok(0) => Err(Failure::closed()),
            Ok(len) => {
                let bytes = self.read_buffer.get(..len).unwrap_or_default();
                let handled = self.session.handle_bytes(now(), bytes);
                handled.map_err(|error| self.broken(&error))
            }
            Err(error) => Err(Failure::of_socket(&error)),
        }
    }

    /// Writing failed: what the server said before it closed tells more than the error.
    async fn last_words(&mut self, error: &io::Error) -> Failure {
        while let Ok(Ok(len)) = timeout(LAST_WORDS, self.reader.read(&mut self.read_buffer)).await {
            if len == 0 {
                break;
            }
            let heard = self.heard(Ok(len));
            if let Err(failure) = heard.and_then(|()| self.pump()) {
                return failure;
            }
        }
        Failure::of_socket(error)
    }

    fn broken(&self, error: &Error) -> Failure {
        match error {
            Error::HandshakeTimeout(after) | Error::SetupTimeout(after) | Error::Silent(after) => {
                Failure::slow_step(self.step, *after)
            }
            _ => Failure::new(
                FailureCode::NotRtmp,
                format!("What answers there does not speak RTMP as it should: {error}."),
                "Check the address, and its port if it has one.",
            ),
        }
    }

    /// Tells the server that the stream is over, and closes. Takes no longer than a moment.
    pub(super) async fn end(mut self, board: &Board) {
        self.say_goodbye(board).await;
    }

    pub(super) async fn say_goodbye(&mut self, board: &Board) {
        let _ = timeout(GOODBYE, self.goodbye(board)).await;
    }

    async fn goodbye(&mut self, board: &Board) {
        self.session.stop();
        let _ = self.pump();
        while !self.outbox.is_empty() {
            match self.outbox.write_to(&mut self.writer).await {
                Ok(bytes) => board.wrote(bytes),
                Err(_) => return,
            }
        }
        // Sends what is left, and with TLS the word that nothing follows.
        let _ = self.writer.shutdown().await;
    }
}

/// Writes what the connection takes now, or, with nothing to write, what is still with whoever encrypts; then 0. Cancel-safe.
async fn write(outbox: &mut Outbox, peer: &mut (impl AsyncWrite + Unpin)) -> io::Result<usize> {
    if outbox.is_empty() { peer.flush().await.map(|()| 0) } else { outbox.write_to(peer).await }
}

/// Writes messages as chunks of this connection.
struct Wire<'a> {
    outbox: &'a mut Outbox,
    chunk_size: u32,
    stream_id: u32,
}

impl Sink for Wire<'_> {
    fn send(&mut self, kind: MessageKind, millis: u32, body: &[&[u8]]) {
        let media = match kind {
            MessageKind::Audio => MediaKind::Audio,
            MessageKind::Video => MediaKind::Video,
            MessageKind::Data => MediaKind::Data,
        };
        let (csid, type_id) = (media.csid(), media.type_id());
        let header = MessageHeader { csid, timestamp: millis, type_id, stream_id: self.stream_id };
        // Fails only for a body that no tag can hold either.
        if let Ok(bytes) = chunk::encode_parts(self.chunk_size, &header, body) {
            self.outbox.push(bytes);
        }
    }
}

/// The session's clock. In tests with paused time it stands with it.
fn now() -> std::time::Instant {
    Instant::now().into_std()
}

fn far() -> Instant {
    Instant::now() + Duration::from_secs(3600)
}
