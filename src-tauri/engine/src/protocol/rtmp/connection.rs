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
use weir_rtmp::handshake::Random;
use weir_rtmp::session::ServerSession;
use weir_rtmp::session::server::{Event, Output};

use super::listen::{Settings, Shared};
use super::over::Over;
use super::play::{self, Stopped};
use super::reconnect::{Client, Doing, ReconnectUrl};
use super::serve::{self, Next};
use crate::net::socket::Outbox;
use crate::supervise::End;

/// The protocol's name in every status and event.
pub(crate) const PROTOCOL: &str = "rtmp";

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
}

/// Serves a connection until it ends.
pub(crate) async fn run(shared: Arc<Shared>, stream: TcpStream, peer: SocketAddr, stopping: CancellationToken) -> End {
    let mut connection = match Connection::new(shared, stream, peer, stopping) {
        Ok(connection) => connection,
        Err(end) => return end,
    };
    let over = loop {
        match Box::pin(serve::serve(&mut connection)).await {
            Next::Play(mut player) => match play::play(&mut connection, &mut player).await {
                Ok(Stopped::ByPlayer) => {}
                Ok(Stopped::Ended(reason)) => {
                    serve::end_play(&mut connection, player.id(), reason);
                    break Over::Ended(reason);
                }
                Err(over) => break over,
            },
            Next::Over(over) => break over,
        }
    };
    if over.has_last_words() {
        Box::pin(connection.linger()).await;
    }
    connection.finish(&over)
}

impl Connection {
    fn new(shared: Arc<Shared>, stream: TcpStream, peer: SocketAddr, stopping: CancellationToken) -> Result<Self, End> {
        let settings = shared.settings();
        #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
        let _ = socket2::SockRef::from(&stream).set_tcp_notsent_lowat(MAX_UNSENT_KERNEL);
        let now = Instant::now();
        let mut random = Box::new([0; size_of::<Random>()]);
        getrandom::fill(random.as_mut_slice()).map_err(|error| End::Failed(format!("no randomness: {error}")))?;
        let session = ServerSession::new(now, Arc::clone(&settings.session), random);
        Ok(Self {
            stream: Arc::new(stream),
            peer,
            session: Box::new(session),
            outbox: Outbox::default(),
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

    /// Who the peer is, for people.
    pub(super) fn origin(&self) -> Origin {
        Origin { protocol: PROTOCOL, peer: Some(self.peer), agent: self.agent.clone() }
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
        READ_BUFFER.with_borrow_mut(|buffer| match self.stream.try_read(buffer) {
            Ok(0) => Err(Over::PeerLeft),
            Ok(read) => {
                let bytes = buffer.get(..read).unwrap_or_default();
                self.session.handle_bytes(now, bytes).map_err(Over::Session)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(Over::of_io(error)),
        })
    }

    /// What the session wants the application to know, after what it wants to send has been put into the outbox.
    pub(super) fn next_event(&mut self) -> Option<Event> {
        if self.left.is_some() {
            return self.left.take();
        }
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Send(bytes) => self.outbox.push(bytes),
                Output::Event(event) => return Some(event),
                Output::WakeAt(at) => self.wake_at = Some(at),
                Output::Close => self.closing = true,
            }
        }
        None
    }

    /// Whether the socket has not taken everything yet.
    pub(super) fn has_unsent(&self) -> bool {
        !self.outbox.is_empty()
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
        if self.outbox.is_empty() {
            self.last_taken = now;
            return Ok(());
        }
        if self.outbox.flush(&self.stream).map_err(Over::of_io)? > 0 {
            self.last_taken = now;
        }
        Ok(())
    }

    /// Fails for a peer that asks and asks and does not read the answers.
    pub(super) fn check_unsent(&self) -> Result<(), Over> {
        if self.outbox.bytes() > MAX_UNSENT_ANSWERS { Err(Over::DoesNotRead) } else { Ok(()) }
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
                self.outbox.flush(&self.stream)?;
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
        if let Some(report) = over.report(self.peer, self.path.as_ref()) {
            self.shared.context.problems.report(report);
        }
        tracing::debug!(peer = %self.peer, reason = %over, "RTMP connection ended");
        End::done(over.to_string())
    }
}
