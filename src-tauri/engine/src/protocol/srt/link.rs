//! One SRT connection over a socket that others may share: drives the pure connection with datagrams and time.

use std::collections::VecDeque;
use std::future::pending;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use weir_srt::Connection;
use weir_srt::connection::{Event, Output, SendError};

use super::inbox::{Bundle, Inbox};
use crate::net::udp::{Buffers, Socket};

/// Datagrams that may wait for room in the socket. Beyond it they are lost, as on any network that is full.
const MAX_UNSENT: usize = 4096;

/// How long after its time a payload has surely been played.
const PLAYED_AFTER: Duration = Duration::from_millis(50);
/// How long the peer gets to take the end of a stream, beside the time to play it.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Reads in a row before what was read is dealt with.
const READS: usize = 16;

/// A connection and its way to the peer.
#[derive(Debug)]
pub(crate) struct Link {
    connection: Connection,
    source: Source,
    socket: Arc<Socket>,
    peer: SocketAddr,
    /// The address of ours that the peer knows.
    local: Option<IpAddr>,
    wake_at: Option<Instant>,
    unsent: Vec<Bytes>,
    events: VecDeque<Event>,
    bundles: Vec<Bundle>,
}

/// Where datagrams come from.
#[derive(Debug)]
enum Source {
    /// The port that shares its socket.
    Port(Arc<Inbox>),
    /// The socket itself, which nobody else reads.
    Own(Buffers),
}

impl Link {
    /// A connection over a socket that a port reads.
    pub(super) fn shared(
        connection: Connection,
        inbox: Arc<Inbox>,
        socket: Arc<Socket>,
        peer: SocketAddr,
        local: Option<IpAddr>,
    ) -> Self {
        Self::new(connection, Source::Port(inbox), socket, peer, local)
    }

    /// A connection that has its socket to itself.
    pub(super) fn alone(connection: Connection, socket: Arc<Socket>, buffers: Buffers, peer: SocketAddr) -> Self {
        Self::new(connection, Source::Own(buffers), socket, peer, None)
    }

    fn new(
        connection: Connection,
        source: Source,
        socket: Arc<Socket>,
        peer: SocketAddr,
        local: Option<IpAddr>,
    ) -> Self {
        Self {
            connection,
            source,
            socket,
            peer,
            local,
            wake_at: None,
            unsent: Vec::new(),
            events: VecDeque::new(),
            bundles: Vec::new(),
        }
    }

    pub(crate) const fn peer(&self) -> SocketAddr {
        self.peer
    }

    pub(crate) const fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Waits until [`Link::run`] has something to do. Cancel-safe.
    pub(crate) async fn wait(&self) {
        let wake_at = self.wake_at;
        let time = async move {
            match wake_at {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => pending().await,
            }
        };
        let arrived = async {
            match &self.source {
                Source::Port(inbox) => inbox.ready().await,
                // A broken socket shows when it is read.
                Source::Own(_) => drop(self.socket.readable().await),
            }
        };
        tokio::select! {
            () = arrived => {}
            _ = self.socket.writable(), if !self.unsent.is_empty() => {}
            () = time => {}
        }
    }

    /// Takes what has arrived and does what is due. What the connection has to tell is then at [`Link::next_event`].
    pub(crate) fn run(&mut self, now: Instant) -> io::Result<()> {
        match &mut self.source {
            Source::Port(inbox) => {
                inbox.take(&mut self.bundles);
                for bundle in self.bundles.drain(..) {
                    self.local = bundle.to.or(self.local);
                    bundle.datagrams().for_each(|datagram| self.connection.handle_datagram(bundle.at, datagram));
                }
            }
            Source::Own(buffers) => {
                let (connection, peer) = (&mut self.connection, self.peer);
                for _ in 0..READS {
                    let more = self.socket.receive(buffers, |arrived| {
                        if arrived.from == peer {
                            arrived.datagrams().for_each(|datagram| connection.handle_datagram(now, datagram));
                        }
                    })?;
                    if !more {
                        break;
                    }
                }
            }
        }
        if self.wake_at.is_some_and(|at| at <= now) {
            self.wake_at = None;
            self.connection.handle_timeout(now);
        }
        self.collect();
        self.flush()
    }

    /// What the connection has to tell.
    pub(crate) fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Payloads that can be sent now.
    pub(crate) fn room(&mut self, now: Instant) -> usize {
        if self.unsent.len() >= MAX_UNSENT { 0 } else { self.connection.send_room(now) }
    }

    /// Sends a payload; it leaves with the next [`Link::flush`].
    pub(crate) fn send(&mut self, now: Instant, payload: Bytes) -> Result<(), SendError> {
        let sent = self.connection.send(now, payload);
        self.collect();
        sent
    }

    /// Hands the socket what waits, as far as it has room.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        if !self.unsent.is_empty() {
            let sent = self.socket.send(self.peer, self.local, &self.unsent)?;
            self.unsent.drain(..sent);
            self.unsent.truncate(MAX_UNSENT);
        }
        Ok(())
    }

    /// Waits until the peer has had what it was sent and the time to play it: libsrt throws away what still waits for its time
    /// when a connection ends. Not for ever, should it take nothing any more.
    pub(crate) async fn see_off(&mut self) {
        let latency = self.connection.latency().send;
        let limit = latency + LAST_WORDS;
        let began = Instant::now();
        let mut taken = None;
        loop {
            let now = Instant::now();
            let gone = self.run(now).is_err() || self.connection.is_closed();
            self.events.clear();
            if self.connection.statistics(now).pkt_snd_buf > 0 {
                taken = None;
            } else {
                taken.get_or_insert(now);
            }
            let played = taken.is_some_and(|at| now.saturating_duration_since(at) >= latency + PLAYED_AFTER);
            if gone || played || now.saturating_duration_since(began) >= limit {
                return;
            }
            let _ = tokio::time::timeout(PLAYED_AFTER, self.wait()).await;
        }
    }

    /// Ends the connection and tells the peer.
    pub(crate) fn close(&mut self, now: Instant) {
        self.connection.close(now);
        self.collect();
        // Said as well as it can be; nobody waits for a socket that is full at the end.
        let _ = self.flush();
    }

    fn collect(&mut self) {
        while let Some(output) = self.connection.poll_output() {
            match output {
                Output::Send(datagram) => self.unsent.push(datagram),
                Output::Event(event) => self.events.push_back(event),
                Output::WakeAt(at) => self.wake_at = Some(at),
            }
        }
    }
}
