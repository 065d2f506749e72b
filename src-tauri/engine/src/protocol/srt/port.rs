//! One UDP socket and all that goes on over it: handshakes, and the datagrams of many connections.
//!
//! The port's task reads, sorts, and answers handshakes; it never waits for anything else. Whoever must be asked before a
//! caller is let in, and the key derivation, run in tasks of their own; each connection has one, too.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use weir_srt::listener::{self, AcceptError, MAX_CONNECTIONS, Request};
use weir_srt::packet::{self, SocketId};
use weir_srt::{Connection, Entropy, Listener};

use super::admit::{self, Admitted, Pass};
use super::inbox::{Bundle, Inbox};
use super::link::Link;
use super::listen::Shared;
use super::{refusal, session};
use crate::net::udp::{Arrived, Buffers, Socket};
use crate::supervise::{End, Supervisor};

/// Reads in a row before anything else gets its turn.
const READS: usize = 16;

/// How long the port rests when it has read all there was: what comes in that time is read together. A packet alone costs as
/// much as twenty together, and its acknowledgement may be that much later: the protocol's own clock ticks every 10 ms.
const REST: Duration = Duration::from_millis(2);

/// Serves `socket` until it breaks. Connections and admissions run in `tasks`.
pub(super) async fn run(shared: Arc<Shared>, socket: Arc<Socket>, tasks: Supervisor) -> io::Error {
    let mut seed = [0; 32];
    if let Err(error) = getrandom::fill(&mut seed) {
        return io::Error::other(format!("no randomness: {error}"));
    }
    let now = Instant::now();
    let advertised = shared.settings().srt.required_key();
    let mut port = Port {
        listener: Listener::new(now, Entropy::new(seed), advertised),
        desk: Arc::default(),
        callers: HashMap::new(),
        wake_at: None,
        shared,
        socket,
        tasks,
    };
    let mut buffers = Buffers::default();
    let mut rested = now;
    loop {
        let wake_at = port.wake_at;
        let time = async move {
            match wake_at {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        let readable = async {
            if rested > Instant::now() {
                tokio::time::sleep_until(rested.into()).await;
                if port.socket.is_quiet() {
                    // Looking is less than being told, as long as something comes.
                    return Ok(());
                }
            }
            port.socket.readable().await
        };
        tokio::select! {
            readable = readable => match readable.and_then(|()| port.read(&mut buffers)) {
                Ok(Found { more: true, .. }) => {}
                Ok(Found { nothing: true, .. }) => rested = now,
                Ok(_) => rested = Instant::now() + REST,
                Err(error) => return error,
            },
            () = port.desk.told.notified() => {}
            () = time => {
                port.wake_at = None;
                port.listener.handle_timeout(Instant::now());
                port.answer(None);
            }
        }
        port.hear();
    }
}

/// What a look at the socket found.
#[derive(Debug, Clone, Copy)]
struct Found {
    /// There was nothing.
    nothing: bool,
    /// There may be more.
    more: bool,
}

/// What tasks have to tell the port. Bounded by what the port has started: admissions and connections.
#[derive(Debug, Default)]
struct Desk {
    words: Mutex<Vec<Word>>,
    told: Notify,
}

impl Desk {
    fn tell(&self, word: Word) {
        self.words.lock().unwrap_or_else(PoisonError::into_inner).push(word);
        self.told.notify_one();
    }
}

#[derive(Debug)]
enum Word {
    /// Whether a caller is let in.
    Decided {
        request: Box<Request>,
        local: Option<IpAddr>,
        decision: Result<Box<Admitted>, weir_srt::handshake::Reject>,
    },
    /// A connection has ended.
    Ended(SocketId),
}

/// Tells the port that a connection has ended, however it ended.
struct Farewell(Arc<Desk>, SocketId);

impl Drop for Farewell {
    fn drop(&mut self) {
        self.0.tell(Word::Ended(self.1));
    }
}

#[derive(Debug)]
struct Caller {
    peer: SocketAddr,
    inbox: Arc<Inbox>,
}

struct Port {
    shared: Arc<Shared>,
    socket: Arc<Socket>,
    tasks: Supervisor,
    listener: Listener,
    desk: Arc<Desk>,
    callers: HashMap<SocketId, Caller>,
    wake_at: Option<Instant>,
}

impl Port {
    /// Reads what has arrived.
    fn read(&mut self, buffers: &mut Buffers) -> io::Result<Found> {
        let socket = Arc::clone(&self.socket);
        let mut nothing = true;
        for _ in 0..READS {
            let now = Instant::now();
            let take = |arrived: Arrived<'_>| {
                nothing = false;
                self.sort(now, &arrived);
            };
            if !socket.receive(buffers, take)? {
                return Ok(Found { nothing, more: false });
            }
        }
        Ok(Found { nothing, more: true })
    }

    /// Sorts what one sender sent by the connection it is for. Whoever has another address than the connection's peer has no
    /// part in it.
    fn sort(&mut self, now: Instant, arrived: &Arrived<'_>) {
        for (id, run) in packet::runs(arrived.bytes, arrived.each) {
            if id.0 == 0 {
                // It may have been changed since the port was opened.
                self.listener.advertise(self.shared.settings().srt.required_key());
                for datagram in run.chunks(arrived.each) {
                    self.listener.handle_datagram(now, arrived.from, datagram);
                    self.answer(arrived.to);
                }
            } else if let Some(caller) = self.callers.get(&id).filter(|caller| caller.peer == arrived.from) {
                caller.inbox.put(Bundle::new(now, arrived.to, run, arrived.each));
            }
        }
    }

    /// Does what the listener wants; answers leave from `local`.
    fn answer(&mut self, local: Option<IpAddr>) {
        while let Some(output) = self.listener.poll_output() {
            match output {
                // A full socket loses an answer as a network would: the caller asks again.
                listener::Output::Send(to, datagram) => drop(self.socket.send(to, local, &[datagram])),
                listener::Output::Event(listener::Event::Request(request)) => self.consider(request, local),
                listener::Output::Event(listener::Event::Refused(refused)) => {
                    refusal::of_protocol(&refused).tell(&self.shared, refused.peer, &refused.stream_id);
                }
                listener::Output::WakeAt(at) => self.wake_at = Some(at),
            }
        }
    }

    fn consider(&self, request: Box<Request>, local: Option<IpAddr>) {
        let (shared, desk) = (Arc::clone(&self.shared), Arc::clone(&self.desk));
        self.tasks.spawn("srt admission", async move {
            let decision = match admit::decide(&shared, &request).await {
                Ok(admitted) => Ok(Box::new(admitted)),
                Err(refusal) => {
                    refusal.tell(&shared, request.id.peer, &request.stream_id);
                    Err(refusal.reject)
                }
            };
            let end = End::done(if decision.is_ok() { "let in" } else { "refused" });
            desk.tell(Word::Decided { request, local, decision });
            end
        });
    }

    /// Does what the tasks have asked for.
    fn hear(&mut self) {
        let words = std::mem::take(&mut *self.desk.words.lock().unwrap_or_else(PoisonError::into_inner));
        for word in words {
            match word {
                Word::Ended(id) => {
                    self.callers.remove(&id);
                    self.listener.closed(id);
                }
                Word::Decided { request, local, decision: Err(reject) } => {
                    self.listener.reject(Instant::now(), &request.id, reject);
                    self.answer(local);
                }
                Word::Decided { request, local, decision: Ok(admitted) } => self.let_in(&request, local, *admitted),
            }
        }
    }

    fn let_in(&mut self, request: &Request, local: Option<IpAddr>, admitted: Admitted) {
        let Admitted { unlocked, job, pass } = admitted;
        let settings = self.shared.settings();
        let accepted = self.listener.accept(Instant::now(), request, unlocked, &settings.srt.connection());
        match accepted {
            Ok(connection) => self.start(connection, request, local, job, pass),
            // It has given up meanwhile.
            Err(AcceptError::Gone) => pass.life.handshake_failed(),
            Err(AcceptError::TooMany) => {
                refusal::too_many(MAX_CONNECTIONS).tell(&self.shared, request.id.peer, &request.stream_id);
            }
        }
        self.answer(local);
    }

    fn start(
        &mut self,
        connection: Connection,
        request: &Request,
        local: Option<IpAddr>,
        job: session::Job,
        pass: Pass,
    ) {
        let (id, peer) = (connection.local(), request.id.peer);
        let inbox = Arc::<Inbox>::default();
        self.callers.insert(id, Caller { peer, inbox: Arc::clone(&inbox) });
        let link = Link::shared(connection, inbox, Arc::clone(&self.socket), peer, local);
        let farewell = Farewell(Arc::clone(&self.desk), id);
        let key_length = request.key_length().map(weir_srt::crypto::KeyLength::bytes);
        let (shared, stopping) = (Arc::clone(&self.shared), self.tasks.stopping().clone());
        self.tasks.spawn("srt connection", async move {
            let _farewell = farewell;
            session::run(shared, link, job, key_length, pass, stopping).await
        });
    }
}
