//! A bad network: a UDP proxy that loses, delays, repeats and reorders datagrams by a seed, and notes every handshake.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::process::{Outcome, PATIENCE};

/// What goes wrong with a datagram, each way.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Faults {
    /// Of a thousand, so many are lost.
    pub(crate) lost: u64,
    /// Of a thousand, so many come twice.
    pub(crate) twice: u64,
    /// How long each is on its way.
    pub(crate) delay: Duration,
    /// Of a thousand, so many are overtaken by others.
    pub(crate) late: u64,
}

/// A handshake that passed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Handshake {
    pub(crate) at: Instant,
    pub(crate) from_server: bool,
    /// 1 for an induction, 0xFFFF_FFFF for a conclusion, from 1000 on a rejection.
    pub(crate) kind: u32,
}

/// How much longer a datagram takes that is overtaken.
const LATE: Duration = Duration::from_millis(4);

pub(crate) const CONCLUSION: u32 = 0xFFFF_FFFF;

pub(crate) struct Network {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
}

struct State {
    server: SocketAddr,
    front: UdpSocket,
    stop: AtomicBool,
    dice: Mutex<u64>,
    number: AtomicU64,
    faults: Faults,
    on_its_way: Mutex<BinaryHeap<Reverse<Flight>>>,
    started: Condvar,
    seen: Mutex<Vec<Handshake>>,
    /// What the callers sent, where it is kept.
    carried: Option<Mutex<Vec<Carried>>>,
}

/// A packet of media that a caller sent.
#[derive(Debug, Clone)]
struct Carried {
    number: u32,
    /// The bits that say under which key.
    key: u8,
    payload: Vec<u8>,
}

struct Flight {
    due: Instant,
    number: u64,
    through: Arc<UdpSocket>,
    to: Option<SocketAddr>,
    datagram: Vec<u8>,
}

impl PartialEq for Flight {
    fn eq(&self, other: &Self) -> bool {
        (self.due, self.number) == (other.due, other.number)
    }
}
impl Eq for Flight {}
impl PartialOrd for Flight {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Flight {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.number).cmp(&(other.due, other.number))
    }
}

impl Network {
    /// A way to `server` with these faults.
    pub(crate) fn to(server: SocketAddr, faults: Faults) -> Outcome<Self> {
        Self::open(server, faults, None)
    }

    /// A good way to `server` that keeps what one caller sends.
    pub(crate) fn keeping(server: SocketAddr) -> Outcome<Self> {
        Self::open(server, Faults::default(), Some(Mutex::default()))
    }

    fn open(server: SocketAddr, faults: Faults, carried: Option<Mutex<Vec<Carried>>>) -> Outcome<Self> {
        let plain = |error: std::io::Error| error.to_string();
        let front = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map_err(plain)?;
        front.set_read_timeout(Some(Duration::from_millis(50))).map_err(plain)?;
        let address = front.local_addr().map_err(plain)?;
        let state = Arc::new(State {
            server,
            front,
            stop: AtomicBool::new(false),
            dice: Mutex::new(0x9E37_79B9_7F4A_7C15),
            number: AtomicU64::new(0),
            faults,
            on_its_way: Mutex::default(),
            started: Condvar::new(),
            seen: Mutex::default(),
            carried,
        });
        let (forth, carries) = (Arc::clone(&state), Arc::clone(&state));
        thread::spawn(move || forth.forth());
        thread::spawn(move || carries.carry());
        Ok(Self { address, state })
    }

    /// Every handshake so far.
    pub(crate) fn handshakes(&self) -> Vec<Handshake> {
        lock(&self.state.seen).clone()
    }

    /// Every payload that the caller sent, one behind the other: what a receiver gets that loses nothing.
    pub(crate) fn payload(&self) -> Vec<u8> {
        let mut carried = self.state.carried.as_ref().map(|carried| lock(carried).clone()).unwrap_or_default();
        // Numbers have 31 bits and begin anywhere.
        let first = carried.first().map_or(0, |packet| packet.number);
        carried.sort_by_key(|packet| packet.number.wrapping_sub(first) << 1);
        carried.into_iter().flat_map(|packet| packet.payload).collect()
    }

    /// How many keys the caller used, one after the other.
    pub(crate) fn keys(&self) -> usize {
        let mut carried = self.state.carried.as_ref().map(|carried| lock(carried).clone()).unwrap_or_default();
        carried.dedup_by_key(|packet| packet.key);
        carried.iter().filter(|packet| packet.key != 0).count()
    }

    /// How many packets the caller sent last under one key.
    pub(crate) fn under_this_key(&self) -> usize {
        let Some(carried) = &self.state.carried else { return 0 };
        let carried = lock(carried);
        let last = carried.last().map(|packet| packet.key);
        carried.iter().rev().take_while(|packet| Some(packet.key) == last).count()
    }

    /// Waits for a rejection; its code on the wire, and how long the caller waited for it.
    pub(crate) fn rejection(&self) -> Outcome<(u32, Duration)> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let seen = self.handshakes();
            let asked = seen.iter().find(|it| !it.from_server && it.kind == CONCLUSION);
            let answer = seen.iter().find(|it| it.from_server && (1000..CONCLUSION).contains(&it.kind));
            if let (Some(asked), Some(answer)) = (asked, answer) {
                return Ok((answer.kind, answer.at - asked.at));
            }
            if Instant::now() > deadline {
                return Err(format!("nobody was rejected: {seen:?}"));
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.state.stop.store(true, Ordering::Relaxed);
        self.state.started.notify_all();
    }
}

impl State {
    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// From the callers to the server: each gets a socket of its own, as behind a router.
    fn forth(self: &Arc<Self>) {
        let mut backs: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
        let mut buffer = [0; 2048];
        while !self.stopped() {
            let Ok((len, caller)) = self.front.recv_from(&mut buffer) else { continue };
            let back = backs.entry(caller).or_insert_with(|| {
                let back = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
                back.connect(self.server).expect("loopback is there");
                back.set_read_timeout(Some(Duration::from_millis(50))).expect("sockets have time-outs");
                let back = Arc::new(back);
                let (state, socket) = (Arc::clone(self), Arc::clone(&back));
                thread::spawn(move || state.back(&socket, caller));
                back
            });
            self.note(&buffer[..len], false);
            self.send(Arc::clone(back), None, &buffer[..len]);
        }
    }

    /// From the server to one caller.
    fn back(&self, socket: &UdpSocket, caller: SocketAddr) {
        let front = Arc::new(self.front.try_clone().expect("a socket can be cloned"));
        let mut buffer = [0; 2048];
        while !self.stopped() {
            let Ok(len) = socket.recv(&mut buffer) else { continue };
            self.note(&buffer[..len], true);
            self.send(Arc::clone(&front), Some(caller), &buffer[..len]);
        }
    }

    fn send(&self, through: Arc<UdpSocket>, to: Option<SocketAddr>, datagram: &[u8]) {
        // What a kernel under load loses, this network must not add to by a slow start: handshakes always pass.
        let handshake = datagram.starts_with(&[0x80, 0]);
        let copies = match (handshake, self.roll(1000)) {
            (true, _) => 1,
            (false, rolled) if rolled < self.faults.lost => 0,
            (false, rolled) if rolled < self.faults.lost + self.faults.twice => 2,
            (false, _) => 1,
        };
        for _ in 0..copies {
            let late = if self.roll(1000) < self.faults.late { LATE } else { Duration::ZERO };
            let due = Instant::now() + self.faults.delay + late;
            let number = self.number.fetch_add(1, Ordering::Relaxed);
            let flight = Flight { due, number, through: Arc::clone(&through), to, datagram: datagram.to_vec() };
            lock(&self.on_its_way).push(Reverse(flight));
        }
        self.started.notify_all();
    }

    fn carry(&self) {
        let mut flights = lock(&self.on_its_way);
        while !self.stopped() {
            let now = Instant::now();
            match flights.peek().map(|Reverse(flight)| flight.due) {
                Some(due) if due <= now => {
                    if let Some(Reverse(flight)) = flights.pop() {
                        let _ = match flight.to {
                            Some(to) => flight.through.send_to(&flight.datagram, to),
                            None => flight.through.send(&flight.datagram),
                        };
                    }
                }
                next => {
                    let wait = next.map_or(Duration::from_millis(50), |due| due - now);
                    flights = self.started.wait_timeout(flights, wait).unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
    }

    fn note(&self, datagram: &[u8], from_server: bool) {
        if let ([0x80, 0, ..], Some(kind)) = (datagram, datagram.get(36..40)) {
            let kind = u32::from_be_bytes([kind[0], kind[1], kind[2], kind[3]]);
            lock(&self.seen).push(Handshake { at: Instant::now(), from_server, kind });
        }
        if let (Some(carried), false, [n3 @ 0..0x80, n2, n1, n0, flags, ..], Some(payload)) =
            (&self.carried, from_server, datagram, datagram.get(16..))
        {
            let number = u32::from_be_bytes([*n3, *n2, *n1, *n0]);
            // What is sent again was kept when it was sent first.
            if flags & 0x04 == 0 {
                lock(carried).push(Carried { number, key: flags & 0x18, payload: payload.to_vec() });
            }
        }
    }

    /// A number below `sides`.
    fn roll(&self, sides: u64) -> u64 {
        let mut dice = lock(&self.dice);
        *dice ^= *dice << 13;
        *dice ^= *dice >> 7;
        *dice ^= *dice << 17;
        *dice % sides
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
