//! An SRT caller that only sends, written from the draft and from what libsrt does: handshake version 5, data, repetition on
//! demand. It throws datagrams away on purpose, both ways, and knows of each packet whether it ever got out.

use std::collections::VecDeque;
use std::time::Instant;

/// Bytes of a payload: seven packets of a transport stream.
pub(crate) const PAYLOAD: usize = 7 * super::ts::PACKET;
const HEADER: usize = 16;
/// Most packets that wait for an acknowledgement; a receiver that takes none is not fed without end.
const WINDOW: usize = 8192;

/// Decides which datagrams get lost.
#[derive(Debug, Clone)]
pub(crate) struct Dice {
    state: u64,
    /// In a thousand.
    loss: u64,
}

impl Dice {
    pub(crate) fn new(seed: u64, loss: u64) -> Self {
        Self { state: seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15), loss }
    }

    fn lost(&mut self) -> bool {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 33) % 1000 < self.loss
    }
}

/// Where a caller stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stage {
    Asking,
    Concluding { cookie: u32 },
    Live { peer: u32 },
    Ended(String),
}

#[derive(Debug)]
struct Packet {
    datagram: Vec<u8>,
    got_out: bool,
}

/// What a caller has seen.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) packets: u64,
    pub(crate) repeated: u64,
    /// Thrown away on purpose, both ways.
    pub(crate) thrown_away: u64,
    /// Acknowledged although every copy was thrown away: the receiver gave them up.
    pub(crate) given_up: u64,
    /// Not sent, since too much was waiting.
    pub(crate) refused: u64,
}

/// One caller.
#[derive(Debug)]
pub(crate) struct Caller {
    id: u32,
    first: u32,
    started: Instant,
    stream_id: String,
    latency_ms: u16,
    dice: Dice,
    pub(crate) stage: Stage,
    waiting: VecDeque<Packet>,
    /// How many packets have left the window.
    base: u64,
    pub(crate) counts: Counts,
}

impl Caller {
    pub(crate) fn new(number: u32, stream_id: String, latency_ms: u16, dice: Dice) -> Self {
        let (id, first) = (0x0100_0000 + number * 7919, 0x1000_0000 + number * 104_729);
        let (started, stage) = (Instant::now(), Stage::Asking);
        let (waiting, counts) = (VecDeque::new(), Counts::default());
        Self { id, first, started, stream_id, latency_ms, dice, stage, waiting, base: 0, counts }
    }

    /// The question of this stage, to be repeated until it is answered.
    pub(crate) fn question(&self) -> Option<Vec<u8>> {
        let (version, extension, kind, cookie) = match self.stage {
            Stage::Asking => (4, 2, 1, 0),
            Stage::Concluding { cookie } => (5, 5, u32::MAX, cookie),
            Stage::Live { .. } | Stage::Ended(_) => return None,
        };
        let mut out = self.header(0x8000_0000, 0, 0);
        for word in [version, extension, self.first, 1500, WINDOW as u32, kind, self.id, cookie, 0x0100_007F, 0, 0, 0] {
            out.extend(word.to_be_bytes());
        }
        if kind == u32::MAX {
            let latency = u32::from(self.latency_ms) << 16 | u32::from(self.latency_ms);
            for word in [0x0001_0003, 0x0001_0501, 0xBF, latency] {
                out.extend(u32::to_be_bytes(word));
            }
            let words = self.stream_id.as_bytes().chunks(4);
            out.extend((0x0005_0000 | words.len() as u32).to_be_bytes());
            // Each word backwards, filled up with zeros.
            for word in words {
                out.extend((0..4).rev().map(|at| word.get(at).copied().unwrap_or(0)));
            }
        }
        Some(out)
    }

    fn header(&self, w0: u32, w1: u32, to: u32) -> Vec<u8> {
        let time = self.started.elapsed().as_micros() as u32;
        [w0, w1, time, to].into_iter().flat_map(u32::to_be_bytes).collect()
    }

    /// Sends a payload through `wire`, unless it is to be lost.
    pub(crate) fn send(&mut self, payload: &[u8], wire: &mut impl FnMut(&[u8])) {
        let Stage::Live { peer } = self.stage else { return };
        if self.waiting.len() >= WINDOW {
            self.counts.refused += 1;
            return;
        }
        let number = self.base + self.waiting.len() as u64;
        let message = (number % 0x3FF_FFFF) as u32 + 1;
        let mut datagram = self.header(self.seq(number), 0xC000_0000 | message, peer);
        datagram.extend_from_slice(payload);
        self.counts.packets += 1;
        let got_out = self.transmit(&datagram, wire);
        datagram[4] |= 0x04;
        self.waiting.push_back(Packet { datagram, got_out });
    }

    fn transmit(&mut self, datagram: &[u8], wire: &mut impl FnMut(&[u8])) -> bool {
        let lost = self.dice.lost();
        if lost {
            self.counts.thrown_away += 1;
        } else {
            wire(datagram);
        }
        !lost
    }

    fn seq(&self, number: u64) -> u32 {
        (u64::from(self.first) + number) as u32 & 0x7FFF_FFFF
    }

    /// How far from the first packet a sequence number is.
    fn number(&self, seq: u32) -> u64 {
        let ahead = seq.wrapping_sub(self.seq(self.base)) & 0x7FFF_FFFF;
        if ahead < 0x4000_0000 { self.base + u64::from(ahead) } else { 0 }
    }

    /// Takes a datagram and answers through `wire`.
    pub(crate) fn receive(&mut self, datagram: &[u8], wire: &mut impl FnMut(&[u8])) {
        let word = |at: usize| {
            let bytes = datagram.get(at * 4..).and_then(|bytes| bytes.first_chunk::<4>());
            bytes.map(|bytes| u32::from_be_bytes(*bytes))
        };
        let (Some(head), Some(about)) = (word(0), word(1)) else { return };
        let live = matches!(self.stage, Stage::Live { .. });
        if live && self.dice.lost() {
            self.counts.thrown_away += 1;
            return;
        }
        match head >> 16 {
            0x8000 => {
                if let (Some(kind), Some(socket), Some(cookie)) = (word(9), word(10), word(11)) {
                    self.answered(kind, socket, cookie);
                }
            }
            0x8002 => {
                if let Some(next) = word(4) {
                    self.acknowledged(next);
                    if let Stage::Live { peer } = self.stage
                        && about != 0
                    {
                        let mut answer = self.header(0x8006_0000, about, peer);
                        answer.extend([0; 4]);
                        self.transmit(&answer, wire);
                    }
                }
            }
            0x8003 => {
                let mut at = 4;
                while let Some(first) = word(at) {
                    let last = if first & 0x8000_0000 == 0 { Some(first) } else { word(at + 1) };
                    at += if first & 0x8000_0000 == 0 { 1 } else { 2 };
                    let Some(last) = last else { break };
                    self.repeat(first & 0x7FFF_FFFF, last & 0x7FFF_FFFF, wire);
                }
            }
            0x8005 => self.stage = Stage::Ended("the server closed the connection".into()),
            _ => {}
        }
    }

    fn answered(&mut self, kind: u32, socket: u32, cookie: u32) {
        match (&self.stage, kind) {
            (Stage::Live { .. } | Stage::Ended(_), _) => {}
            (_, 1000..=0x7FFF_FFFF) => self.stage = Stage::Ended(format!("refused with code {kind}")),
            (Stage::Asking, 1) => self.stage = Stage::Concluding { cookie },
            (Stage::Concluding { .. }, u32::MAX) => self.stage = Stage::Live { peer: socket },
            _ => {}
        }
    }

    fn acknowledged(&mut self, next: u32) {
        let number = self.number(next);
        while self.base < number {
            let Some(packet) = self.waiting.pop_front() else { break };
            self.base += 1;
            self.counts.given_up += u64::from(!packet.got_out);
        }
    }

    fn repeat(&mut self, first: u32, last: u32, wire: &mut impl FnMut(&[u8])) {
        let (first, last) = (self.number(first).max(self.base), self.number(last));
        for number in first..=last {
            let index = (number - self.base) as usize;
            let Some(packet) = self.waiting.get_mut(index) else { break };
            let datagram = std::mem::take(&mut packet.datagram);
            let got_out = self.transmit(&datagram, wire);
            self.counts.repeated += 1;
            if let Some(packet) = self.waiting.get_mut(index) {
                packet.datagram = datagram;
                packet.got_out |= got_out;
            }
        }
    }

    /// Packets that the receiver has not acknowledged.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Says that it is over.
    pub(crate) fn goodbye(&self) -> Option<Vec<u8>> {
        let Stage::Live { peer } = self.stage else { return None };
        let mut out = self.header(0x8005_0000, 0, peer);
        out.extend([0; 4]);
        Some(out)
    }
}

/// Bytes of a payload on the wire with SRT's header.
pub(crate) const DATAGRAM: usize = HEADER + PAYLOAD;
