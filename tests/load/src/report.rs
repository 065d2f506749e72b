//! The numbers of a run, as JSON for `npm run bench` and as lines for people.

use serde::Serialize;

use crate::histogram::Histogram;

/// A distribution in milliseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Spread {
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    pub(crate) max: f64,
}

impl From<&Histogram> for Spread {
    fn from(histogram: &Histogram) -> Self {
        let at = |share| histogram.quantile(share) as f64 / 1000.0;
        let max = histogram.max() as f64 / 1000.0;
        Self { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max }
    }
}

/// A player that does not read as fast as it could.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Special {
    pub(crate) pace: String,
    pub(crate) frames: u64,
    pub(crate) missing: u64,
    pub(crate) ended: Option<String>,
}

/// Publishers over SRT.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct SrtReport {
    pub(crate) publishers: u32,
    pub(crate) seconds: f64,
    /// Payloads, each counted once.
    pub(crate) delivered_gb: f64,
    pub(crate) server_cpu_seconds: f64,
    pub(crate) generator_cpu_seconds: f64,
    pub(crate) cpu_seconds_per_gb: f64,
    pub(crate) resident_before_kib: u64,
    pub(crate) resident_kib: u64,
    pub(crate) packets: u64,
    pub(crate) repeated: u64,
    /// Datagrams lost on purpose, both ways.
    pub(crate) thrown_away: u64,
    /// Packets that the server acknowledged although it never got them.
    pub(crate) given_up: u64,
    /// Packets that were not sent, because the server did not acknowledge those before.
    pub(crate) refused: u64,
    pub(crate) unacknowledged: u64,
    pub(crate) dropped_publishers: u32,
    /// By how much the generator itself was late at most: with seconds of this a run says nothing.
    pub(crate) latest_ms: f64,
    pub(crate) server_alive: bool,
}

/// Publishers and players on running streams.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct StreamReport {
    pub(crate) publishers: u32,
    pub(crate) players: u32,
    pub(crate) seconds: f64,
    /// From a frame's hand-over to the publisher's socket until its last byte was read.
    pub(crate) latency_ms: Spread,
    /// From the start of connecting until the last byte of a key frame was read.
    pub(crate) first_key_ms: Spread,
    pub(crate) server_cpu_seconds: f64,
    pub(crate) delivered_gb: f64,
    pub(crate) cpu_seconds_per_gb: f64,
    pub(crate) resident_before_kib: u64,
    pub(crate) resident_with_players_kib: u64,
    pub(crate) kib_per_player: f64,
    /// Frames sent within the window that a free player did not get.
    pub(crate) lost: u64,
    pub(crate) missing: u64,
    pub(crate) disordered: u64,
    pub(crate) corrupt: u64,
    pub(crate) timestamp_shifts: u64,
    /// Free players whose connection ended.
    pub(crate) dropped_players: u32,
    pub(crate) specials: Vec<Special>,
    pub(crate) generator_cpu_seconds: f64,
    pub(crate) server_alive: bool,
}

/// Many connections that say nothing, then clients.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct SilentReport {
    pub(crate) connections: usize,
    /// Seconds it took to open them.
    pub(crate) opened_in: f64,
    /// From the start of connecting, one value per probing client.
    pub(crate) greeted_ms: Spread,
    pub(crate) playing_ms: Spread,
    pub(crate) first_key_ms: Spread,
    pub(crate) unserved: usize,
    pub(crate) kib_per_connection: f64,
    pub(crate) server_alive: bool,
}

/// Connections that declare huge messages before `connect`.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct PreludeReport {
    pub(crate) connections: usize,
    /// Bytes each sent after the handshake.
    pub(crate) bytes_each: usize,
    /// Connections the server closed by itself.
    pub(crate) closed: usize,
    /// Peak growth of the server's resident memory.
    pub(crate) kib_per_connection: f64,
    pub(crate) server_alive: bool,
}
