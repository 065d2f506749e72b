//! What is known of every SRT connection, for those who look: filled by the connections, read by the API.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use weir_hub::SubscriberId;
use weir_media::StreamPath;
use weir_mpegts::Faults;
use weir_srt::connection::Statistics;
use weir_srt::handshake::Version;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The peer sends a stream.
    Publish,
    /// The peer watches a stream; its reader in the hub.
    Play(SubscriberId),
    /// We send a stream to the peer, a destination; its reader in the hub.
    Push(SubscriberId),
    /// The peer has not shown yet whether it sends.
    Undecided,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Publish => "publish",
            Self::Play(_) => "play",
            Self::Push(_) => "push",
            Self::Undecided => "not known yet",
        })
    }
}

/// One look at a connection.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// What it is for.
    pub role: Role,
    /// The stream.
    pub path: StreamPath,
    /// The other end.
    pub peer: SocketAddr,
    /// The other end's version of SRT.
    pub version: Version,
    /// Bytes of the encryption key; `None` without encryption.
    pub key_length: Option<usize>,
    /// libsrt's statistics, latencies in force included.
    pub statistics: Statistics,
    /// What was wrong with the transport stream that the peer sends; `None` where it sends none.
    pub faults: Option<Faults>,
}

/// What all connections received together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Received {
    /// Bytes, headers included.
    pub bytes: u64,
    /// Packets with data.
    pub packets: u64,
    /// Packets that the other end sent again.
    pub retransmitted: u64,
    /// Packets that came too late or never.
    pub dropped: u64,
}

impl Received {
    const fn add(&mut self, statistics: &Statistics) {
        self.bytes += statistics.byte_recv;
        self.packets += statistics.pkt_recv;
        self.retransmitted += statistics.pkt_rcv_retrans;
        self.dropped += statistics.pkt_rcv_drop;
    }
}

/// The connections that stand. Cheap to clone; clones share.
#[derive(Debug, Clone, Default)]
pub(crate) struct Links(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    last: u64,
    links: BTreeMap<u64, Link>,
    /// What those received that are gone.
    gone: Received,
}

/// A connection's place among them, given up when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    links: Links,
    id: u64,
}

impl Links {
    /// A place for a new connection.
    pub(crate) fn enter(&self, link: Link) -> Place {
        let mut known = self.lock();
        known.last += 1;
        let id = known.last;
        known.links.insert(id, link);
        drop(known);
        Place { links: self.clone(), id }
    }

    /// All of them.
    pub(crate) fn all(&self) -> Vec<Link> {
        self.lock().links.values().cloned().collect()
    }

    /// All of them with a number that none had before.
    pub(crate) fn numbered(&self) -> Vec<(u64, Link)> {
        self.lock().links.iter().map(|(id, link)| (*id, link.clone())).collect()
    }

    /// What they received, those that are gone too. Never falls.
    pub(crate) fn received(&self) -> Received {
        let known = self.lock();
        let mut all = known.gone;
        known.links.values().for_each(|link| all.add(&link.statistics));
        all
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Notes how the connection stands now.
    pub(crate) fn update(&self, change: impl FnOnce(&mut Link)) {
        if let Some(link) = self.links.lock().links.get_mut(&self.id) {
            change(link);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut known = self.links.lock();
        if let Some(link) = known.links.remove(&self.id) {
            known.gone.add(&link.statistics);
        }
    }
}
