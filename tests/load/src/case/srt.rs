//! Publishers over SRT, on a network that loses datagrams: what does receiving cost, and is anything given up?

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};

use super::{Error, PATIENCE};
use crate::media::Profile;
use crate::process::Server;
use crate::report::SrtReport;
use crate::wire::srt::{Caller, Counts, DATAGRAM, Dice, PAYLOAD, Stage};
use crate::wire::ts::{Muxer, PACKET};

/// Time after which a question is repeated.
const REPEAT: Duration = Duration::from_millis(250);
/// How long the callers keep quiet at the end, so that what is lost can come again.
const REST: Duration = Duration::from_secs(2);
/// The longest sleep: how late a packet may be sent.
const TICK: Duration = Duration::from_millis(1);

/// What is to be measured.
pub(crate) struct Plan {
    pub(crate) server: SocketAddr,
    /// The stream id; several publishers append their number.
    pub(crate) stream_id: String,
    pub(crate) publishers: u32,
    pub(crate) profile: Profile,
    /// In a thousand, each way.
    pub(crate) loss: u64,
    pub(crate) latency_ms: u16,
    pub(crate) warm_up: Duration,
    pub(crate) window: Duration,
    pub(crate) process: Server,
}

struct Publisher {
    socket: UdpSocket,
    caller: Caller,
    asked: Option<Instant>,
    muxer: Muxer,
    pictures: u64,
    packets: Vec<[u8; PACKET]>,
    due: VecDeque<(Instant, Vec<u8>)>,
    next_picture: Option<Instant>,
}

impl Publisher {
    fn new(plan: &Plan, number: u32) -> Result<Self, Error> {
        let any: SocketAddr = if plan.server.is_ipv4() { ([127, 0, 0, 1], 0).into() } else { ([0_u16; 8], 0).into() };
        let socket = UdpSocket::bind(any)?;
        socket.connect(plan.server)?;
        let id = if plan.publishers > 1 { format!("{}{number}", plan.stream_id) } else { plan.stream_id.clone() };
        let caller = Caller::new(number, id, plan.latency_ms, Dice::new(number.into(), plan.loss));
        Ok(Self {
            socket,
            caller,
            asked: None,
            muxer: Muxer::default(),
            pictures: 0,
            packets: Vec::new(),
            due: VecDeque::new(),
            next_picture: None,
        })
    }

    /// Sends what is due: questions, then packets, a picture's spread evenly over its time.
    fn work(&mut self, now: Instant, profile: &Profile, offset: Duration, stop: bool) {
        if let Some(question) = self.caller.question() {
            if self.asked.is_none_or(|asked| now.duration_since(asked) >= REPEAT) {
                self.asked = Some(now);
                let _ = self.socket.send(&question);
            }
            return;
        }
        let frame = Duration::from_secs(1) / profile.frames_per_second as u32;
        let mut next = *self.next_picture.get_or_insert(now + offset);
        while next <= now && !stop {
            let key = self.pictures.is_multiple_of(profile.gop);
            let size = profile.picture_bytes(self.pictures);
            self.muxer.picture(key, size, profile.frames_per_second, &mut self.packets);
            self.pictures += 1;
            let whole = self.packets.len() / 7;
            for (number, cells) in self.packets.chunks_exact(7).enumerate() {
                self.due.push_back((next + frame * number as u32 / whole as u32, cells.concat()));
            }
            self.packets.drain(..whole * 7);
            next += frame;
        }
        self.next_picture = Some(next);
        while self.due.front().is_some_and(|(due, _)| *due <= now) {
            let Some((_, payload)) = self.due.pop_front() else { break };
            // A full socket loses datagrams, as a network does; the receiver asks for them.
            self.caller.send(&payload, &mut |datagram| drop(self.socket.send(datagram)));
        }
    }

    fn receive(&mut self) {
        let mut buffer = [0; DATAGRAM];
        while let Ok(len) = self.socket.recv(&mut buffer) {
            let datagram = buffer.get(..len).unwrap_or_default();
            self.caller.receive(datagram, &mut |answer| drop(self.socket.send(answer)));
        }
    }
}

struct Crowd {
    poll: Poll,
    events: Events,
    publishers: Vec<Publisher>,
    profile: Profile,
    /// The longest round: by how much a packet was late at most.
    longest: Duration,
}

impl Crowd {
    /// Serves until `end` or until `done`.
    fn serve(&mut self, end: Instant, stop: bool, done: impl Fn(&[Publisher]) -> bool) -> Result<(), Error> {
        let count = self.publishers.len().max(1) as u32;
        let mut began = Instant::now();
        while began < end && !done(&self.publishers) {
            let frame = Duration::from_secs(1) / self.profile.frames_per_second as u32;
            for (index, publisher) in self.publishers.iter_mut().enumerate() {
                publisher.work(Instant::now(), &self.profile, frame * index as u32 / count, stop);
            }
            self.poll.poll(&mut self.events, Some(TICK))?;
            for event in &self.events {
                if let Some(publisher) = self.publishers.get_mut(event.token().0) {
                    publisher.receive();
                }
            }
            let now = Instant::now();
            self.longest = self.longest.max(now - began);
            began = now;
        }
        Ok(())
    }

    fn counts(&self) -> Counts {
        self.publishers.iter().fold(Counts::default(), |mut sum, publisher| {
            let one = publisher.caller.counts;
            sum.packets += one.packets;
            sum.repeated += one.repeated;
            sum.thrown_away += one.thrown_away;
            sum.given_up += one.given_up;
            sum.refused += one.refused;
            sum
        })
    }
}

pub(crate) fn run(plan: &Plan) -> Result<SrtReport, Error> {
    let poll = Poll::new()?;
    let mut publishers = Vec::new();
    for number in 0..plan.publishers {
        let mut publisher = Publisher::new(plan, number)?;
        poll.registry().register(&mut publisher.socket, Token(number as usize), Interest::READABLE)?;
        publishers.push(publisher);
    }
    let resident_before = plan.process.resident_kib();
    let mut crowd =
        Crowd { poll, events: Events::with_capacity(1024), publishers, profile: plan.profile, longest: Duration::ZERO };
    let asking = |publisher: &Publisher| matches!(publisher.caller.stage, Stage::Asking | Stage::Concluding { .. });
    crowd.serve(Instant::now() + PATIENCE, false, |all| !all.iter().any(asking))?;
    if let Some((index, publisher)) =
        crowd.publishers.iter().enumerate().find(|(_, it)| !matches!(it.caller.stage, Stage::Live { .. }))
    {
        let reason = format!("{:?}", publisher.caller.stage);
        return Err(Error::Publish { index, reason });
    }
    crowd.serve(Instant::now() + plan.warm_up, false, |_| false)?;
    let (cpu, own, before, began) =
        (plan.process.cpu_seconds(), Server::own().cpu_seconds(), crowd.counts().packets, Instant::now());
    crowd.serve(Instant::now() + plan.window, false, |_| false)?;
    let seconds = began.elapsed().as_secs_f64();
    let (server_cpu_seconds, generator_cpu_seconds) =
        (plan.process.cpu_seconds() - cpu, Server::own().cpu_seconds() - own);
    let delivered_gb = ((crowd.counts().packets - before) * PAYLOAD as u64) as f64 / 1e9;
    let resident_kib = plan.process.resident_kib();
    let server_alive = plan.process.alive();
    // What is still missing gets its time, then everybody leaves.
    crowd.serve(Instant::now() + REST, true, |all| all.iter().all(|it| it.caller.waiting() == 0))?;
    for publisher in &crowd.publishers {
        if let Some(goodbye) = publisher.caller.goodbye() {
            publisher.socket.send(&goodbye)?;
        }
    }
    let counts = crowd.counts();
    let live = |it: &&Publisher| matches!(it.caller.stage, Stage::Live { .. });
    Ok(SrtReport {
        publishers: plan.publishers,
        seconds,
        delivered_gb,
        server_cpu_seconds,
        generator_cpu_seconds,
        cpu_seconds_per_gb: server_cpu_seconds / delivered_gb,
        resident_before_kib: resident_before,
        resident_kib,
        packets: counts.packets,
        repeated: counts.repeated,
        thrown_away: counts.thrown_away,
        given_up: counts.given_up,
        refused: counts.refused,
        unacknowledged: crowd.publishers.iter().map(|it| it.caller.waiting() as u64).sum(),
        dropped_publishers: plan.publishers - crowd.publishers.iter().filter(live).count() as u32,
        latest_ms: crowd.longest.as_secs_f64() * 1e3,
        server_alive,
    })
}
