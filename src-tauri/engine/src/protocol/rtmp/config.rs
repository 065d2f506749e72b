//! What can be set about the RTMP server.

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use weir_rtmp::session::server;

use crate::config::{Seconds, range};
use crate::net::ListenAddress;

/// The RTMP server: where encoders send to and players watch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whether the server runs. Default true.
    pub enabled: bool,
    /// Addresses to listen on, each `:1935` (every interface), `localhost:1935` or `192.168.1.5:1935`; IPv4 and IPv6 are
    /// both served. Default `localhost:1935` in the window, so that nobody else can publish or watch until the user lets
    /// other devices in; `:1935` for `weir serve`.
    pub listen: Vec<ListenAddress>,
    /// Size of the chunks Weir sends, in bytes, 1 to 65536. Default 60000: nearly every message fits into one chunk, which
    /// spares encoders that take our size for their own, and players with the chunk faults of old libraries.
    pub chunk_size: ChunkSize,
    /// How long a connection may take for the whole handshake, in seconds, 0.1 or more. Default 5: enough for any network,
    /// short enough that silent connections do not pile up.
    #[serde(deserialize_with = "range::some_time")]
    pub handshake_seconds: Seconds,
    /// How long a connection may stay silent, in seconds, 0.1 or more, before it counts as dead. Default 90: a healthy player
    /// answers our ping, which comes after two thirds of this.
    #[serde(deserialize_with = "range::some_time")]
    pub idle_seconds: Seconds,
    /// How long a player may refuse to take data, in seconds, 0.1 or more, before it is cut. Default 30.
    #[serde(deserialize_with = "range::some_time")]
    pub write_seconds: Seconds,
    /// Longest message that is taken, in bytes, 4096 to 16777215. Default 16777215, the longest there is: a key frame of a
    /// camera in 8K has some millions.
    #[serde(deserialize_with = "message_bytes")]
    pub max_message_bytes: u32,
    /// Bytes that a client may send before it says what it wants (`connect`), 4096 or more. Default 65536: it needs about 4000,
    /// with long tokens and lists of codecs.
    #[serde(deserialize_with = "bytes_before_connect")]
    pub max_bytes_before_connect: u32,
    /// Chunk streams of one connection, 4 to 65599. Default 64: encoders use fewer than ten, and each costs memory.
    #[serde(deserialize_with = "chunk_streams")]
    pub max_chunk_streams: u32,
    /// How deep objects in commands and data messages (metadata, captions) may be nested, 3 to 64; what is deeper is left out.
    /// Default 16: real ones have three levels, and each costs stack.
    #[serde(deserialize_with = "amf_depth")]
    pub max_amf_depth: u32,
}

impl Config {
    /// The port RTMP has (IANA: macromedia-fcs).
    pub const DEFAULT_PORT: u16 = 1935;

    /// The addresses to bind.
    pub fn addresses(&self) -> &[ListenAddress] {
        if self.enabled { &self.listen } else { &[] }
    }

    /// The port, of the first address.
    pub fn port(&self) -> u16 {
        self.listen.first().map_or(Self::DEFAULT_PORT, |address| address.port())
    }

    /// Moves every address to another port.
    pub fn set_port(&mut self, port: u16) {
        for address in &mut self.listen {
            *address = address.with_port(port);
        }
        self.dedup();
    }

    /// Whether other devices can reach any of the addresses.
    pub fn open_to_network(&self) -> bool {
        self.listen.iter().any(|address| !address.is_loopback())
    }

    /// The switch "let other devices on my network in": on, this computer's addresses become every interface; off, the
    /// other way round.
    pub fn set_open_to_network(&mut self, open: bool) {
        if open != self.open_to_network() {
            for address in &mut self.listen {
                let port = address.port();
                *address = if open { ListenAddress::All { port } } else { ListenAddress::Localhost { port } };
            }
            self.dedup();
        }
    }

    /// As the sessions take it.
    pub(crate) fn session(&self) -> server::Config {
        let (handshake, idle) = (self.handshake_seconds.duration(), self.idle_seconds.duration());
        let defaults = server::Config::default();
        server::Config {
            chunk_size: self.chunk_size.bytes(),
            limits: server::Limits {
                message: self.max_message_bytes as usize,
                before_connect: u64::from(self.max_bytes_before_connect),
                chunk_streams: self.max_chunk_streams as usize,
                amf_depth: self.max_amf_depth as usize,
            },
            timeouts: server::Timeouts {
                handshake,
                // A silent peer is asked in good time, so that a healthy one is never cut.
                ping_interval: idle * 2 / 3,
                ping_timeout: idle / 3,
                ..defaults.timeouts
            },
            ..defaults
        }
    }

    fn dedup(&mut self) {
        let mut seen = Vec::new();
        self.listen.retain(|address| {
            let new = !seen.contains(address);
            seen.push(*address);
            new
        });
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            enabled: true,
            listen: vec![ListenAddress::Localhost { port: Self::DEFAULT_PORT }],
            chunk_size: ChunkSize::default(),
            handshake_seconds: Seconds::new(5),
            idle_seconds: Seconds::new(90),
            write_seconds: Seconds::new(30),
            max_message_bytes: server::Limits::DEFAULT.message as u32,
            max_bytes_before_connect: server::Limits::DEFAULT.before_connect as u32,
            max_chunk_streams: server::Limits::DEFAULT.chunk_streams as u32,
            max_amf_depth: server::Limits::DEFAULT.amf_depth as u32,
        }
    }
}

fn message_bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    range::within(deserializer, "the longest message", "bytes", 4096..=server::Limits::DEFAULT.message as u32)
}

fn bytes_before_connect<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    range::within(deserializer, "what a client may send before it says what it wants", "bytes", 4096..=u32::MAX)
}

fn chunk_streams<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    range::within(deserializer, "the number of chunk streams", "chunk streams", 4..=65_599)
}

fn amf_depth<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    range::within(deserializer, "how deep objects may be nested", "levels", 3..=64)
}

/// RTMP over TLS. Everything but the addresses is set for both.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SecureConfig {
    /// Whether it listens. Default false: encoders refuse a certificate that they were not told to trust, so this needs a
    /// step of the user's.
    pub enabled: bool,
    /// Addresses to listen on, as for RTMP. Default `localhost:1936` in the window, `:1936` for `weir serve`.
    pub listen: Vec<ListenAddress>,
}

impl SecureConfig {
    /// The port that servers of the field use beside 1935; RTMPS has none of its own below 1024 but 443.
    pub const DEFAULT_PORT: u16 = 1936;

    /// The addresses to bind.
    pub fn addresses(&self) -> &[ListenAddress] {
        if self.enabled { &self.listen } else { &[] }
    }

    /// Whether other devices can reach any of the addresses.
    pub fn open_to_network(&self) -> bool {
        self.listen.iter().any(|address| !address.is_loopback())
    }

    /// Whether other devices reach it now.
    pub(crate) fn is_reached(&self) -> bool {
        self.enabled && self.open_to_network()
    }
}

impl Default for SecureConfig {
    fn default() -> Self {
        Self { enabled: false, listen: vec![ListenAddress::Localhost { port: Self::DEFAULT_PORT }] }
    }
}

/// Payload bytes of a chunk that Weir sends, 1 to 65536.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "u32", into = "u32")]
#[schemars(with = "u32")]
pub struct ChunkSize(NonZeroU32);

impl ChunkSize {
    /// Largest size that every known client takes.
    pub const MAX: u32 = 65_536;

    /// In bytes.
    pub const fn bytes(self) -> u32 {
        self.0.get()
    }
}

impl Default for ChunkSize {
    fn default() -> Self {
        Self(NonZeroU32::MIN.saturating_add(59_999))
    }
}

impl TryFrom<u32> for ChunkSize {
    type Error = ChunkSizeError;
    fn try_from(size: u32) -> Result<Self, ChunkSizeError> {
        NonZeroU32::new(size).filter(|size| size.get() <= Self::MAX).map(Self).ok_or(ChunkSizeError(size))
    }
}

impl From<ChunkSize> for u32 {
    fn from(size: ChunkSize) -> Self {
        size.bytes()
    }
}

/// The chunk size is out of range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the chunk size must be between 1 and 65536 bytes, not {0}")]
pub struct ChunkSizeError(pub u32);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_network_switch_keeps_the_port() {
        let mut config = Config::default();
        assert!(!config.open_to_network());
        config.set_open_to_network(true);
        assert_eq!(config.addresses(), [ListenAddress::All { port: 1935 }]);
        config.set_port(7);
        config.set_open_to_network(false);
        assert_eq!(config.addresses(), [ListenAddress::Localhost { port: 7 }]);
        config.enabled = false;
        assert!(config.addresses().is_empty());
    }

    #[test]
    fn chunk_sizes_keep_to_the_range() {
        assert_eq!(ChunkSize::default().bytes(), 60_000);
        for (size, good) in [(0, false), (1, true), (65_536, true), (65_537, false)] {
            assert_eq!(ChunkSize::try_from(size).is_ok(), good, "{size}");
        }
    }

    #[test]
    fn no_value_shuts_everybody_out_spins_or_takes_the_stack() {
        for (name, refused, taken) in [
            ("handshake_seconds", &["0", "0.05"][..], &["0.1", "60"][..]),
            ("idle_seconds", &["0", "0.0"], &["0.4", "3600"]),
            ("write_seconds", &["0"], &["0.4"]),
            ("max_message_bytes", &["0", "4095", "16777216"], &["4096", "16777215"]),
            ("max_bytes_before_connect", &["0"], &["4096"]),
            ("max_chunk_streams", &["0", "3", "65600"], &["4", "65599"]),
            ("max_amf_depth", &["0", "2", "65", "4000000000"], &["3", "64"]),
        ] {
            for value in refused {
                let error = toml::from_str::<Config>(&format!("{name} = {value}")).unwrap_err();
                assert!(error.message().contains(" must be "), "{name} = {value}: {error}");
            }
            for value in taken {
                toml::from_str::<Config>(&format!("{name} = {value}")).unwrap();
            }
        }
        assert_eq!(toml::from_str::<Config>("").unwrap(), Config::default());
    }
}
