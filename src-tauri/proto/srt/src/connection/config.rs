//! How a connection behaves.

use std::time::Duration;

use crate::crypto::KeyRefresh;
use crate::handshake::Latency;

/// When payloads are handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Delivery {
    /// As soon as all before have come; a gap is skipped when the packet behind it is due.
    #[default]
    InOrder,
    /// Exactly when they are due, in the sender's rhythm, as the reference implementation does.
    Exact,
}

/// How much is kept. Protects memory from peers that send without order, or do not acknowledge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Packets between the oldest that is missing and the newest that is taken.
    pub receive_buffer: usize,
    /// Packets that wait for an acknowledgement.
    pub send_buffer: usize,
}

impl Limits {
    /// The reference implementation's default: 8192 packets, 4.3 seconds at 20 Mbit/s.
    const DEFAULT: usize = 8192;
}

impl Default for Limits {
    fn default() -> Self {
        Self { receive_buffer: Self::DEFAULT, send_buffer: Self::DEFAULT }
    }
}

/// How a connection behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// The latencies this end wants; the larger wish of both ends holds.
    pub latency: Latency,
    /// When payloads are handed over.
    pub delivery: Delivery,
    /// How much is kept.
    pub limits: Limits,
    /// Time without a datagram after which the peer is taken for dead.
    pub idle_timeout: Duration,
    /// Most bytes a second that are sent, headers included.
    pub max_bandwidth: u64,
    /// Most bytes a second that are sent again; `None` for no limit of its own.
    pub max_retransmit_bandwidth: Option<u64>,
    /// When keys change.
    pub key_refresh: KeyRefresh,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            latency: Latency::default(),
            delivery: Delivery::default(),
            limits: Limits::default(),
            idle_timeout: Duration::from_secs(5),
            // 1 Gbit/s: the reference implementation's idea of no limit.
            max_bandwidth: 125_000_000,
            max_retransmit_bandwidth: None,
            key_refresh: KeyRefresh::default(),
        }
    }
}
