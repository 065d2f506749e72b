//! All clients of a run on one thread and one epoll, so that the generator takes little of the machine it measures.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use socket2::{Domain, Protocol, Socket, Type};

use crate::histogram::Histogram;
use crate::media::{Pool, Profile, Schedule};
use crate::player::{Meter, Pace, Player, Watch};
use crate::wire::session::{Purpose, Session, Stage, Target};

/// One read takes at most this much; a whole GOP of the reference stream comes in three.
const READ_SIZE: usize = 256 * 1024;
/// How often a limited player reads its share.
const LIMITED_TICK: Duration = Duration::from_millis(100);
/// Receive buffer of a limited player: the kernel must not do its reading.
const LIMITED_RECEIVE_BUFFER: usize = 16 * 1024;
/// How long the loop sleeps when nothing has arrived, as the interrupt moderation of a network card does.
///
/// Sleeping in `epoll_wait` instead would make every write of the server wake this thread: players on other machines
/// never charge a server for that, and on loopback it was a fifth of its CPU time. Latencies grow by half of this.
const MODERATION: Duration = Duration::from_micros(500);

/// Where the server is and what the stream is called there.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) address: SocketAddr,
    pub(crate) app: String,
    pub(crate) name: String,
}

impl Endpoint {
    /// The endpoint with another stream name.
    pub(crate) fn named(&self, name: String) -> Self {
        Self { name, ..self.clone() }
    }

    fn target(&self) -> Target {
        let tc_url = format!("rtmp://{}/{}", self.address, self.app);
        Target { app: self.app.clone(), name: self.name.clone(), tc_url }
    }
}

/// Publishers and players, their sockets and the loop that serves them.
pub(crate) struct Fleet {
    poll: Poll,
    members: Vec<Member>,
    /// Members that act by the clock: publishers and limited players.
    timed: Vec<usize>,
    pub(crate) meter: Meter,
    origin: Instant,
    profile: Profile,
    buffer: Vec<u8>,
    body: Vec<u8>,
}

/// One client.
pub(crate) struct Member {
    stream: TcpStream,
    session: Session,
    out: Vec<u8>,
    sent: usize,
    pub(crate) role: Role,
    /// Why the connection is over.
    pub(crate) ended: Option<String>,
}

/// What a client does once media may run.
pub(crate) enum Role {
    Publisher { schedule: Schedule, start: Option<u64>, offset: Duration, frames: u64, sent_at: Vec<u64> },
    Player { player: Box<Player>, pace: Pace, next_read: u64 },
}

impl Fleet {
    pub(crate) fn new(profile: Profile) -> io::Result<Self> {
        Ok(Self {
            poll: Poll::new()?,
            members: Vec::new(),
            timed: Vec::new(),
            meter: Meter { pool: Pool::new(), window: 0..0, latency: Histogram::default(), media_bytes: 0 },
            origin: Instant::now(),
            profile,
            buffer: vec![0; READ_SIZE],
            body: Vec::new(),
        })
    }

    /// Nanoseconds since the fleet was made.
    pub(crate) fn now(&self) -> u64 {
        self.origin.elapsed().as_nanos() as u64
    }

    pub(crate) fn members(&self) -> &[Member] {
        &self.members
    }

    /// Connects a publisher whose first frame is due `offset` after the server's consent.
    pub(crate) fn add_publisher(&mut self, endpoint: &Endpoint, index: u32, offset: Duration) -> io::Result<()> {
        let schedule = Schedule::new(self.profile, index);
        let role = Role::Publisher { schedule, start: None, offset, frames: 0, sent_at: Vec::new() };
        self.add(endpoint, Purpose::Publish, role, None)
    }

    pub(crate) fn add_player(&mut self, endpoint: &Endpoint, pace: Pace) -> io::Result<()> {
        let role = Role::Player { player: Box::new(self.player()), pace, next_read: 0 };
        let buffer = matches!(pace, Pace::Limited(_)).then_some(LIMITED_RECEIVE_BUFFER);
        self.add(endpoint, Purpose::Play, role, buffer)
    }

    /// Connects a player to a server that sends chunks at once, without a conversation.
    pub(crate) fn add_bare_player(&mut self, address: SocketAddr, chunk_size: u32) -> io::Result<()> {
        let role = Role::Player { player: Box::new(self.player()), pace: Pace::Free, next_read: 0 };
        let stream = self.connect(address, None)?;
        self.push(stream, Session::bare(chunk_size), Vec::new(), role);
        Ok(())
    }

    fn player(&self) -> Player {
        Player::new(self.now())
    }

    fn add(&mut self, endpoint: &Endpoint, purpose: Purpose, role: Role, buffer: Option<usize>) -> io::Result<()> {
        let stream = self.connect(endpoint.address, buffer)?;
        let mut out = Vec::new();
        let session = Session::start(purpose, endpoint.target(), &mut out);
        self.push(stream, session, out, role);
        Ok(())
    }

    fn connect(&self, address: SocketAddr, receive_buffer: Option<usize>) -> io::Result<TcpStream> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        if let Some(size) = receive_buffer {
            socket.set_recv_buffer_size(size)?;
        }
        socket.set_tcp_nodelay(true)?;
        socket.set_nonblocking(true)?;
        match socket.connect(&address.into()) {
            Err(error) if error.raw_os_error() != Some(IN_PROGRESS) => return Err(error),
            _ => {}
        }
        let mut stream = TcpStream::from_std(socket.into());
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut stream, Token(self.members.len()), interest)?;
        Ok(stream)
    }

    fn push(&mut self, stream: TcpStream, session: Session, out: Vec<u8>, role: Role) {
        if !matches!(role, Role::Player { pace: Pace::Free | Pace::Stalled, .. }) {
            self.timed.push(self.members.len());
        }
        self.members.push(Member { stream, session, out, sent: 0, role, ended: None });
    }

    /// Serves everybody until `deadline` (nanoseconds of [`Fleet::now`]) or until `done` says so.
    pub(crate) fn serve_until(&mut self, deadline: u64, done: impl Fn(&Self) -> bool) -> io::Result<bool> {
        let mut events = Events::with_capacity(256);
        loop {
            let due = self.tend();
            if done(self) {
                return Ok(true);
            }
            let now = self.now();
            if now >= deadline {
                return Ok(false);
            }
            match self.poll.poll(&mut events, Some(Duration::ZERO)) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            if events.is_empty() {
                let wait = Duration::from_nanos(due.min(deadline).saturating_sub(now));
                std::thread::sleep(wait.min(MODERATION));
            }
            for event in &events {
                let Token(index) = event.token();
                if event.is_writable() {
                    self.members[index].flush();
                }
                if event.is_readable() || event.is_read_closed() {
                    self.read(index);
                }
            }
        }
    }

    /// Serves everybody for `duration`.
    pub(crate) fn serve_for(&mut self, duration: Duration) -> io::Result<()> {
        let deadline = self.now() + duration.as_nanos() as u64;
        self.serve_until(deadline, |_| false).map(drop)
    }

    /// Sends what is due and reads for limited players; tells when to come back.
    fn tend(&mut self) -> u64 {
        let mut next = u64::MAX;
        for at in 0..self.timed.len() {
            let index = self.timed[at];
            let now = self.origin.elapsed().as_nanos() as u64;
            let member = &mut self.members[index];
            if member.ended.is_some() || *member.session.stage() != Stage::Live {
                continue;
            }
            match &mut member.role {
                Role::Publisher { .. } => {
                    next = next.min(member.publish(self.origin, &self.meter.pool, &mut self.body));
                }
                Role::Player { pace: Pace::Limited(rate), next_read, .. } => {
                    if now >= *next_read {
                        *next_read = now + LIMITED_TICK.as_nanos() as u64;
                        let share = (*rate as u128 * LIMITED_TICK.as_millis() / 1000) as usize;
                        self.read_at_most(index, share);
                    }
                    if let Role::Player { next_read, .. } = &self.members[index].role {
                        next = next.min(*next_read);
                    }
                }
                Role::Player { .. } => {}
            }
        }
        next
    }

    fn read(&mut self, index: usize) {
        let member = &self.members[index];
        let live = *member.session.stage() == Stage::Live;
        match member.role {
            Role::Player { pace: Pace::Stalled, ref player, .. } if player.first_key.is_some() => {}
            Role::Player { pace: Pace::Limited(_), .. } if live => {}
            _ => while self.read_at_most(index, READ_SIZE) {},
        }
    }

    /// One read of up to `limit` bytes; tells whether there may be more.
    fn read_at_most(&mut self, index: usize, limit: usize) -> bool {
        let member = &mut self.members[index];
        if member.ended.is_some() {
            return false;
        }
        let length = match member.stream.read(&mut self.buffer[..limit]) {
            Ok(0) => {
                member.ended = Some(match member.session.stage() {
                    Stage::Refused(code) => format!("refused: {code}"),
                    _ => "closed by the server".to_owned(),
                });
                return false;
            }
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
            Err(error) if error.kind() == ErrorKind::Interrupted => return true,
            Err(error) => {
                member.ended = Some(error.to_string());
                return false;
            }
        };
        let now = self.origin.elapsed().as_nanos() as u64;
        member.received(&self.buffer[..length], &mut self.meter, now);
        length == limit
    }
}

/// `EINPROGRESS`: a connection attempt that goes on by itself.
const IN_PROGRESS: i32 = 115;

impl Member {
    pub(crate) fn stage(&self) -> &Stage {
        self.session.stage()
    }

    fn received(&mut self, bytes: &[u8], meter: &mut Meter, now: u64) {
        let before = self.session.stage().clone();
        let result = match &mut self.role {
            Role::Publisher { .. } => self.session.feed(bytes, &mut Nothing, &mut self.out),
            Role::Player { player, .. } => self.session.feed(bytes, &mut Watch { player, meter, now }, &mut self.out),
        };
        if let Err(error) = result {
            self.ended = Some(error.to_string());
        }
        if let Role::Player { player, .. } = &mut self.role {
            if before == Stage::Handshake && *self.session.stage() != Stage::Handshake {
                player.greeted = Some(now);
            }
            if *self.session.stage() == Stage::Live && player.live.is_none() {
                player.live = Some(now);
            }
        }
        self.flush();
    }

    /// Sends the frames that are due, each by itself as an encoder does; tells when the next one is.
    fn publish(&mut self, origin: Instant, pool: &Pool, body: &mut Vec<u8>) -> u64 {
        let Role::Publisher { schedule, start, offset, frames, sent_at } = &mut self.role else { return u64::MAX };
        let now = origin.elapsed().as_nanos() as u64;
        let start = match start {
            Some(start) => *start,
            None => {
                for (kind, header) in schedule.headers() {
                    self.session.send_media(kind, 0, &header, &mut self.out);
                }
                *start.insert(now + offset.as_nanos() as u64)
            }
        };
        loop {
            let due = start + schedule.due().as_nanos() as u64;
            let sent = origin.elapsed().as_nanos() as u64;
            if sent < due {
                break flush(&mut self.stream, &mut self.out, &mut self.sent, &mut self.ended)
                    .map_or(u64::MAX, |()| due);
            }
            let (kind, dts) = schedule.next(sent, pool, body);
            self.session.send_media(kind, dts, body, &mut self.out);
            *frames += 1;
            sent_at.push(sent);
            flush(&mut self.stream, &mut self.out, &mut self.sent, &mut self.ended);
        }
    }

    fn flush(&mut self) {
        flush(&mut self.stream, &mut self.out, &mut self.sent, &mut self.ended);
    }
}

/// Writes what the socket takes. `None` when the connection is over.
fn flush(stream: &mut TcpStream, out: &mut Vec<u8>, sent: &mut usize, ended: &mut Option<String>) -> Option<()> {
    while *sent < out.len() && ended.is_none() {
        match stream.write(&out[*sent..]) {
            Ok(length) => *sent += length,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => return Some(()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => *ended = Some(error.to_string()),
        }
    }
    out.clear();
    *sent = 0;
    ended.is_none().then_some(())
}

/// A publisher is sent no media.
struct Nothing;

impl crate::wire::chunk::Sink for Nothing {
    fn piece(&mut self, _: &crate::wire::chunk::Header, _: u32, _: &[u8]) {}
}
