//! One RTMP connection: its socket, its session, and how both are driven.
//!
//! There are two loops. [`serve`] does everything that has many states and few connections: handshake, commands,
//! publishing, waiting for a stream. It is boxed, so that what a player holds is the small future of [`play`].

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use weir_hub::Origin;
use weir_media::StreamPath;
use weir_rtmp::command::Capabilities;
use weir_rtmp::handshake::{self, Random};
use weir_rtmp::session::server::{self, Event, Output};
use weir_rtmp::session::{self, ServerSession};

use super::listen::{Settings, Shared};
use super::over::Over;
use super::play::{self, Stopped};
use super::reconnect::{Client, Doing, ReconnectUrl};
use super::serve::{self, Next};
use crate::lifecycle;
use crate::net::socket::{self, Outbox};
use crate::net::tls::Tls;
use crate::supervise::End;

/// The protocol's name in every status and event.
pub(crate) const PROTOCOL: &str = "rtmp";
/// Its name over TLS.
pub(crate) const SECURE: &str = "rtmps";

/// The first byte of every TLS connection: a handshake record (RFC 8446, section 5.1).
const TLS_HANDSHAKE: u8 = 0x16;
/// What a TLS client is told on the plain port: a fatal alert, `handshake_failure` (RFC 8446, section 6.2).
const TLS_ALERT: &[u8] = &[0x15, 3, 1, 0, 2, 2, 40];

/// What is read at once, in one buffer for all connections of a thread.
const READ: usize = 64 * 1024;
/// Most bytes that wait for a peer which asks and asks but does not read the answers.
const MAX_UNSENT_ANSWERS: usize = 256 * 1024;
/// Unsent bytes that the kernel takes. What waits there is beyond the reach of the lag policy: a slow player would see
/// what was live minutes ago. Large enough for a key frame.
const MAX_UNSENT_KERNEL: u32 = 192 * 1024;
/// Most characters of what a client calls itself.
const MAX_AGENT: usize = 100;
/// How long a peer gets to read the last words before the socket is closed.
const LINGER: Duration = Duration::from_secs(1);

thread_local! {
    static READ_BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; READ]);
}

/// A connection.
#[derive(Debug)]
pub(super) struct Connection {
    stream: Arc<TcpStream>,
    peer: SocketAddr,
    session: Box<ServerSession>,
    outbox: Outbox,
    /// Bytes of answers given since the socket last took everything.
    answers: usize,
    shared: Arc<Shared>,
    settings: Arc<Settings>,
    stopping: CancellationToken,
    /// When the socket last took bytes, or was given the first ones it did not take.
    last_taken: Instant,
    /// When the session wants to be looked at.
    wake_at: Option<Instant>,
    /// What the play loop found and left to the serving one.
    left: Option<Event>,
    closing: bool,
    /// What the client calls itself.
    agent: Option<String>,
    /// What it announced of Enhanced RTMP, if anything.
    capabilities: Option<Arc<Capabilities>>,
    /// Known to those who may ask it to connect anew, if it understands that.
    client: Option<Arc<Client>>,
    /// The stream it published or played last.
    path: Option<StreamPath>,
    /// TLS, unless the connection is a plain one.
    tls: Option<Box<Tls>>,
    /// Whether it came by the port for TLS.
    secure: bool,
    /// Whether the peer has said anything yet.
    heard: bool,
    /// Whether anything came out of TLS.
    opened: bool,
    life: lifecycle::Connection,
}

/// A connection that was just accepted.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) stream: TcpStream,
    pub(crate) peer: SocketAddr,
    /// Whether it came by a listener for TLS.
    pub(crate) secure: bool,
    /// Why it is only told to go.
    pub(crate) refusal: Option<String>,
}

/// Serves a connection until it ends.
pub(crate) async fn run(shared: Arc<Shared>, incoming: Incoming, stopping: CancellationToken) -> End {
    let mut connection = match Connection::new(shared, incoming, stopping) {
        Ok(connection) => connection,
        Err(end) => return end,
    };
    let over = loop {
        match Box::pin(serve::serve(&mut connection)).await {
            Next::Play(mut player) => match play::play(&mut connection, &mut player).await {
                Ok(Stopped::ByPlayer) => {}
                Ok(Stopped::Revoked) => break serve::revoke_play(&mut connection, player.id()),
                Ok(Stopped::Ended(reason)) => {
                    serve::end_play(&mut connection, player.id(), reason);
                    break Over::Ended(reason);
                }
                Err(over) => break over,
            },
            Next::Over(over) => break over,
        }
    };
    let over = match over {
        Over::PeerLeft | Over::Network(_) if connection.has_only_tls() => Over::LeftTls,
        over => over,
    };
    if matches!(over, Over::Session(session::Error::Handshake(handshake::Error::Tls))) && !connection.secure {
        connection.outbox.push(Bytes::from_static(TLS_ALERT));
    }
    if over.has_last_words() {
        Box::pin(connection.linger()).await;
    }
    connection.finish(&over)
}

impl Connection {
    fn new(shared: Arc<Shared>, incoming: Incoming, stopping: CancellationToken) -> Result<Self, End> {
        let Incoming { stream, peer, secure, refusal } = incoming;
        let settings = shared.settings();
        #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
        let _ = socket2::SockRef::from(&stream).set_tcp_notsent_lowat(MAX_UNSENT_KERNEL);
        let now = Instant::now();
        let tls = secure.then(|| Tls::new(shared.context.certificates.server()).map(Box::new)).transpose();
        let tls = tls.map_err(|error| End::Failed(format!("no TLS: {error}")))?;
        let life = shared.context.life.accept(PROTOCOL, Some(peer), secure);
        // Its deadline for the handshake covers that of TLS too.
        let config = match refusal {
            Some(refusal) => Arc::new(server::Config { refuses: Some(refusal), ..(*settings.session).clone() }),
            None => Arc::clone(&settings.session),
        };
        let session = ServerSession::new(now, config, random()?);
        Ok(Self {
            stream: Arc::new(stream),
            peer,
            session: Box::new(session),
            outbox: Outbox::default(),
            answers: 0,
            shared,
            settings,
            stopping,
            last_taken: now,
            wake_at: None,
            left: None,
            closing: false,
            agent: None,
            capabilities: None,
            client: None,
            path: None,
            tls,
            secure,
            heard: false,
            opened: false,
            life,
        })
    }

    pub(super) const fn stream(&self) -> &Arc<TcpStream> {
        &self.stream
    }

    pub(super) const fn peer(&self) -> SocketAddr {
        self.peer
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(super) fn settings(&self) -> &Arc<Settings> {
        &self.settings
    }

    pub(super) const fn stopping(&self) -> &CancellationToken {
        &self.stopping
    }

    pub(super) const fn session(&mut self) -> &mut ServerSession {
        &mut self.session
    }

    /// The connection as hooks and metrics see it.
    pub(super) const fn life(&self) -> &lifecycle::Connection {
        &self.life
    }

    /// Who the peer is, for people.
    pub(super) fn origin(&self) -> Origin {
        let (agent, connection) = (self.agent.clone(), Some(self.life.id()));
        Origin { protocol: if self.secure { SECURE } else { PROTOCOL }, peer: Some(self.peer), agent, connection }
    }

    pub(super) fn set_agent(&mut self, agent: &str) {
        let agent: String = agent.chars().filter(|c| !c.is_control()).take(MAX_AGENT).collect();
        self.agent = Some(agent).filter(|agent| !agent.is_empty());
    }

    pub(super) fn set_capabilities(&mut self, capabilities: Capabilities) {
        self.client = capabilities.has_reconnect().then(|| self.shared.clients.admit());
        self.capabilities = Some(capabilities).filter(Capabilities::is_enhanced).map(Arc::new);
    }

    /// Notes what the client does, so that it can be found.
    pub(super) fn does(&self, doing: Doing) {
        if let Some(client) = &self.client {
            client.does(doing);
        }
    }

    pub(super) fn client(&self) -> Option<Arc<Client>> {
        self.client.clone()
    }

    /// Passes a request to connect anew on to the client. Returns whether there was one: then there is something to send.
    pub(super) fn pass_on_request(&mut self) -> bool {
        let Some(url) = self.client.as_ref().and_then(|client| client.take_request()) else { return false };
        let sentence = "The server asks you to connect anew.";
        self.session.request_reconnect(url.as_ref().map(ReconnectUrl::expose), sentence).is_ok()
    }

    pub(super) fn capabilities(&self) -> Option<Arc<Capabilities>> {
        self.capabilities.clone()
    }

    pub(super) fn set_path(&mut self, path: &StreamPath) {
        self.path = Some(path.clone());
    }

    /// Whether the session wants the connection closed once everything is sent.
    pub(super) const fn is_closing(&self) -> bool {
        self.closing
    }

    /// Leaves an event to the serving loop.
    pub(super) fn leave(&mut self, event: Event) {
        self.left = Some(event);
    }

    /// Takes what has arrived, at most one buffer full, and tells the session. Never waits.
    pub(super) fn read_now(&mut self, now: Instant) -> Result<(), Over> {
        READ_BUFFER.with_borrow_mut(|buffer| match socket::read_now(&self.stream, buffer) {
            Ok(0) => Err(Over::PeerLeft),
            Ok(read) => {
                let bytes = buffer.get(..read).unwrap_or_default();
                if self.tls.is_some() {
                    return self.take_encrypted(now, bytes);
                }
                self.session.handle_bytes(now, bytes).map_err(Over::Session)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(Over::of_io(error)),
        })
    }

    fn take_encrypted(&mut self, now: Instant, bytes: &[u8]) -> Result<(), Over> {
        if !std::mem::replace(&mut self.heard, true) && bytes.first() != Some(&TLS_HANDSHAKE) {
            self.turn_away(now).map_err(Over::Network)?;
        }
        let (session, opened) = (&mut self.session, &mut self.opened);
        let Some(tls) = &mut self.tls else { return session.handle_bytes(now, bytes).map_err(Over::Session) };
        tls.take(bytes, |plain| {
            *opened = true;
            session.handle_bytes(now, plain).map_err(Over::Session)
        })
    }

    /// The peer speaks plain RTMP to the port for TLS: it is told so in its own language, before it gives its key away.
    fn turn_away(&mut self, now: Instant) -> io::Result<()> {
        self.tls = None;
        let refusal = "This port takes RTMPS only. Write rtmps:// instead of rtmp://.";
        let config = server::Config { refuses: Some(refusal.to_owned()), ..(*self.settings.session).clone() };
        let random = random().map_err(|end| io::Error::other(end.to_string()))?;
        *self.session = ServerSession::new(now, Arc::new(config), random);
        Ok(())
    }

    /// Whether the peer is turned away because it does not speak TLS.
    pub(super) const fn is_turned_away(&self) -> bool {
        self.secure && self.tls.is_none()
    }

    /// Whether the peer began TLS and has said nothing through it.
    const fn has_only_tls(&self) -> bool {
        self.tls.is_some() && self.heard && !self.opened
    }

    /// Whether the socket can be written to without TLS.
    pub(super) const fn is_plain(&self) -> bool {
        self.tls.is_none()
    }

    /// What the session wants the application to know, after what it wants to send has been put into the outbox.
    pub(super) fn next_event(&mut self) -> Option<Event> {
        if self.left.is_some() {
            return self.left.take();
        }
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Send(bytes) => {
                    self.answers = self.answers.saturating_add(bytes.len());
                    self.outbox.push(bytes);
                }
                Output::Event(event) => return Some(event),
                Output::WakeAt(at) => self.wake_at = Some(at),
                Output::Close => self.closing = true,
            }
        }
        None
    }

    /// Whether the socket has not taken everything yet.
    pub(super) fn has_unsent(&self) -> bool {
        !self.outbox.is_empty() || self.tls.as_ref().is_some_and(|tls| tls.has_waiting())
    }

    /// Hands the socket `parts`, of `total` bytes, or as many as it takes now; what it does not take is kept.
    pub(super) fn write_now(&mut self, parts: &mut Vec<Bytes>, total: usize, now: Instant) -> Result<(), Over> {
        let written = match &mut self.tls {
            None => socket::write_now(&self.stream, parts),
            Some(tls) => tls.write_now(&self.stream, parts),
        };
        let written = written.map_err(Over::of_io)?;
        if written < total || self.tls.is_some() {
            self.keep_unsent(parts.drain(..), written, now);
        }
        Ok(())
    }

    /// Keeps what the socket did not take: `parts` less their first `written` bytes.
    pub(super) fn keep_unsent(&mut self, parts: impl IntoIterator<Item = Bytes>, written: usize, now: Instant) {
        self.last_taken = now;
        self.outbox.push_rest(parts, written);
    }

    /// Keeps what must go out before anything else.
    pub(super) fn keep_unsent_first(&mut self, part: Bytes, now: Instant) {
        self.last_taken = now;
        self.outbox.push_front(part);
    }

    /// Hands the socket as much as it takes now.
    pub(super) fn flush(&mut self, now: Instant) -> Result<(), Over> {
        if !self.has_unsent() {
            self.last_taken = now;
            return Ok(());
        }
        if self.flush_some().map_err(Over::of_io)? {
            self.last_taken = now;
        }
        if !self.has_unsent() {
            self.answers = 0;
        }
        Ok(())
    }

    /// Returns whether the socket took anything.
    fn flush_some(&mut self) -> io::Result<bool> {
        let stream = &self.stream;
        match &mut self.tls {
            None => self.outbox.flush(stream).map(|written| written > 0),
            Some(tls) => {
                let waited = tls.flush(stream)?;
                let taken = self.outbox.flush_with(|parts| tls.write_now(stream, parts))?;
                Ok(waited || taken > 0)
            }
        }
    }

    /// Fails for a peer that asks and asks and does not read the answers. Media that waits is no fault of the peer's here: one
    /// picture may be larger than all of this.
    pub(super) fn check_unsent(&self) -> Result<(), Over> {
        if self.answers > MAX_UNSENT_ANSWERS { Err(Over::DoesNotRead) } else { Ok(()) }
    }

    /// When [`Connection::look`] must be called at the latest.
    pub(super) fn look_at(&self) -> Option<Instant> {
        let stuck = self.has_unsent().then(|| self.last_taken + self.settings.rtmp.write_seconds.duration());
        [stuck, self.wake_at].into_iter().flatten().min()
    }

    /// Looks whether time is up for anything.
    pub(super) fn look(&mut self, now: Instant) -> Result<(), Over> {
        if self.wake_at.is_some_and(|at| at <= now) {
            self.wake_at = None;
            self.session.handle_timeout(now).map_err(Over::Session)?;
        }
        let patience = self.settings.rtmp.write_seconds.duration();
        if self.has_unsent() && now.saturating_duration_since(self.last_taken) >= patience {
            return Err(Over::Stuck(patience));
        }
        Ok(())
    }

    /// Sends the last words and waits a little for the peer to read them: a socket closed at once takes back what the
    /// peer has not read yet.
    async fn linger(&mut self) {
        let words = async {
            while let Some(_event) = self.next_event() {}
            while self.has_unsent() {
                self.stream.writable().await?;
                self.flush_some()?;
            }
            if let Some(tls) = self.tls.as_mut().filter(|_| self.heard) {
                tls.close();
                tls.flush(&self.stream)?;
            }
            socket2::SockRef::from(&*self.stream).shutdown(std::net::Shutdown::Write)?;
            let mut ignored = [0; 1024];
            loop {
                self.stream.readable().await?;
                match self.stream.try_read(&mut ignored) {
                    Ok(0) => return Ok(()),
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error),
                }
            }
        };
        let _: Result<io::Result<()>, _> = tokio::time::timeout(LINGER, words).await;
    }

    fn finish(self, over: &Over) -> End {
        // A row that is being served may hold the socket for a moment more.
        let _ = socket2::SockRef::from(&*self.stream).shutdown(std::net::Shutdown::Both);
        if over.is_failed_handshake(self.opened) {
            self.life.handshake_failed();
        } else if over.is_of_the_dead() {
            self.life.was_dead();
        }
        if let Some(report) = over.report(self.peer, self.path.as_ref()) {
            self.shared.context.problems.report(report);
        }
        tracing::debug!(peer = %self.peer, connection = self.life.id().0, reason = %over, "RTMP connection ended");
        End::done(over.to_string())
    }
}

fn random() -> Result<Box<Random>, End> {
    let mut random = Box::new([0; size_of::<Random>()]);
    getrandom::fill(random.as_mut_slice()).map_err(|error| End::Failed(format!("no randomness: {error}")))?;
    Ok(random)
}
