//! What went over the wire, for the words of a trial that failed, and what it says about libsrt's keys.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use weir_srt::packet::{Body, Control, KeyFlag, Packet};

/// Datagrams that are remembered.
const KEPT: usize = 60;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    In,
    Out,
    /// Thrown away on purpose, coming in or going out.
    Lost(&'static str),
}

/// The last datagrams of a connection, and every message about keys.
pub(crate) struct Trace {
    started: Instant,
    newest: VecDeque<(Duration, Way, Vec<u8>)>,
    keys: Vec<(Duration, Way, Vec<u8>)>,
    pub(crate) theirs: Keys,
    pub(crate) ours: Keys,
}

/// The keys that one end has used.
#[derive(Default)]
pub(crate) struct Keys {
    /// The one it used last for something new.
    used: Option<KeyFlag>,
    /// It has announced another since.
    announced: bool,
    /// How many.
    pub(crate) keys: u32,
    /// It has changed to a key that it had not announced.
    pub(crate) unannounced: bool,
}

impl Keys {
    fn data(&mut self, datagram: &[u8]) {
        let Ok(Packet { body: Body::Data(data), .. }) = Packet::parse(datagram) else { return };
        if data.retransmitted || Some(data.key) == self.used {
            return;
        }
        self.unannounced |= self.used.is_some() && !self.announced;
        (self.used, self.announced) = (Some(data.key), false);
        self.keys += 1;
    }
}

impl Trace {
    pub(crate) fn new() -> Self {
        let started = Instant::now();
        let (newest, keys) = (VecDeque::new(), Vec::new());
        Self { started, newest, keys, theirs: Keys::default(), ours: Keys::default() }
    }

    pub(crate) fn datagram(&mut self, way: Way, datagram: &[u8]) {
        let at = self.started.elapsed();
        if self.newest.len() >= KEPT {
            self.newest.pop_front();
        }
        self.newest.push_back((at, way, datagram.to_vec()));
        let incoming = matches!(way, Way::In | Way::Lost("in"));
        let keys = if incoming { &mut self.theirs } else { &mut self.ours };
        if datagram.first().is_some_and(|first| first & 0x80 == 0) {
            keys.data(datagram);
        } else if let Ok(Packet { body: Body::Control(control), .. }) = Packet::parse(datagram) {
            let request = matches!(control, Control::KeyRequest(_));
            keys.announced |= request;
            if request || matches!(control, Control::KeyResponse(_)) {
                self.keys.push((at, way, datagram.to_vec()));
            }
        }
    }

    /// All that is remembered, in words.
    pub(crate) fn story(&self) -> String {
        let mut out = String::from("messages about keys:\n");
        self.keys.iter().for_each(|line| tell(&mut out, line));
        out.push_str("last datagrams:\n");
        self.newest.iter().for_each(|line| tell(&mut out, line));
        out
    }
}

fn tell(out: &mut String, (at, way, datagram): &(Duration, Way, Vec<u8>)) {
    let way = match way {
        Way::In => "in",
        Way::Out => "out",
        Way::Lost("in") => "in, thrown away",
        Way::Lost(_) => "out, thrown away",
    };
    let what = match Packet::parse(datagram) {
        Ok(Packet { body: Body::Data(data), .. }) => {
            let again = if data.retransmitted { " again" } else { "" };
            format!("{:?} {:?} {} bytes{again}", data.seq, data.key, data.payload.len())
        }
        Ok(Packet { body: Body::Control(control), .. }) => format!("{control:?}"),
        Err(error) => error.to_string(),
    };
    let _ = writeln!(out, "  {:9.3} ms {way}: {what}", at.as_secs_f64() * 1e3);
}
