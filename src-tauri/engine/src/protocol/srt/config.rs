//! What can be set about the SRT server.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use weir_media::StreamPath;
use weir_srt::connection;
use weir_srt::handshake::{Latency, MAX_LATENCY};

use crate::config::range;
use crate::net::ListenAddress;

/// The SRT server: where phones and encoders send to over bad networks, and players watch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whether the server runs. Default false: who does not use SRT has no open UDP port.
    pub enabled: bool,
    /// Addresses to listen on, as for RTMP, but UDP. Default `localhost:10080` in the window, `:10080` for `weir serve`; both
    /// only once the server is switched on.
    pub listen: Vec<ListenAddress>,
    /// How long a lost packet may take to come again, in milliseconds, 20 to 8000; the larger wish of both ends holds.
    /// Default 120, as every SRT program has it; four times the round trip time is a good value.
    pub latency_ms: LatencyMillis,
    /// When what arrived is passed on. Default `in_order`: at once; a gap is waited for as long as the latency allows.
    pub delivery: Delivery,
    /// What a caller means whose stream id is a bare name. Default `auto`.
    pub bare_stream_id: BareStreamId,
    /// The stream of a caller without any stream id, which many devices cannot send. Default `live/stream`; empty refuses
    /// such callers.
    pub default_path: DefaultPath,
    /// Whose passphrase a caller needs. Default `off`.
    pub encryption: Encryption,
    /// Streams that have a passphrase of their own, for `encryption = "per_stream"`. The passphrases themselves are secrets and
    /// not part of the settings. Default: none.
    pub streams: Vec<StreamName>,
    /// The file for `encryption = "file"`: JSON, `{"live/show": "passphrase"}`. It is read again when it changes.
    #[serde(deserialize_with = "range::path")]
    pub passphrase_file: Option<PathBuf>,
    /// The key length, in bytes, that a caller must use: 16, 24 or 32. Default: whatever the caller has chosen.
    pub key_length: Option<KeyLength>,
}

impl Config {
    /// The port that the predecessor's users know; SRT itself has none.
    pub const DEFAULT_PORT: u16 = 10_080;

    /// The addresses to bind.
    pub fn addresses(&self) -> &[ListenAddress] {
        if self.enabled { &self.listen } else { &[] }
    }

    /// Whether other devices can reach any of the addresses.
    pub fn open_to_network(&self) -> bool {
        self.listen.iter().any(|address| !address.is_loopback())
    }

    /// As a connection takes it.
    pub(crate) fn connection(&self) -> connection::Config {
        let latency = Latency { receive: self.latency_ms.duration(), send: self.latency_ms.duration() };
        let delivery = match self.delivery {
            Delivery::InOrder => connection::Delivery::InOrder,
            Delivery::Exact => connection::Delivery::Exact,
        };
        connection::Config { latency, delivery, ..connection::Config::default() }
    }

    /// The key length that is required, as the protocol names it.
    pub(crate) const fn required_key(&self) -> Option<weir_srt::crypto::KeyLength> {
        match self.key_length {
            None => None,
            Some(length) => Some(length.protocol()),
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            enabled: false,
            listen: vec![ListenAddress::Localhost { port: Self::DEFAULT_PORT }],
            latency_ms: LatencyMillis::default(),
            delivery: Delivery::InOrder,
            bare_stream_id: BareStreamId::Auto,
            default_path: DefaultPath::default(),
            encryption: Encryption::Off,
            streams: Vec::new(),
            passphrase_file: None,
            key_length: None,
        }
    }
}

/// When what arrived is passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// As soon as everything before has come; a gap is skipped once its time is over. The least delay.
    #[default]
    InOrder,
    /// Everything exactly one latency after it was sent, in the sender's rhythm, as other SRT programs do.
    Exact,
}

/// What a caller means whose stream id is a bare name such as `live/show`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BareStreamId {
    /// Whoever sends publishes; whoever only listens plays.
    #[default]
    Auto,
    /// It publishes.
    Publish,
    /// It plays.
    Play,
}

/// Whose passphrase a caller needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Encryption {
    /// Nobody's: connections are not encrypted.
    #[default]
    Off,
    /// One passphrase for every stream.
    One,
    /// Each stream has its own, kept with the secrets; other streams are refused.
    PerStream,
    /// Each stream has its own, from the passphrase file; other streams are refused.
    File,
}

/// A latency in milliseconds, 20 to 8000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "u32", into = "u32")]
#[schemars(with = "u32")]
pub struct LatencyMillis(u32);

impl LatencyMillis {
    /// Less than this no lost packet comes back in time on any network.
    pub const MIN: u32 = 20;
    /// Longest latency that a connection keeps packets for.
    pub const MAX: u32 = MAX_LATENCY.as_millis() as u32;

    /// In milliseconds.
    pub const fn millis(self) -> u32 {
        self.0
    }

    /// As a duration.
    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.0 as u64)
    }
}

impl Default for LatencyMillis {
    fn default() -> Self {
        Self(120)
    }
}

impl TryFrom<u32> for LatencyMillis {
    type Error = LatencyError;
    fn try_from(millis: u32) -> Result<Self, LatencyError> {
        if (Self::MIN..=Self::MAX).contains(&millis) { Ok(Self(millis)) } else { Err(LatencyError(millis)) }
    }
}

impl From<LatencyMillis> for u32 {
    fn from(latency: LatencyMillis) -> Self {
        latency.0
    }
}

/// The latency is out of range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the latency must be between {min} and {max} milliseconds, not {0}", min = LatencyMillis::MIN, max = LatencyMillis::MAX)]
pub struct LatencyError(pub u32);

/// Bytes of an encryption key: 16, 24 or 32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "u32", into = "u32")]
#[schemars(with = "u32")]
pub struct KeyLength(weir_srt::crypto::KeyLength);

impl KeyLength {
    /// In bytes.
    pub const fn bytes(self) -> u32 {
        self.0.bytes() as u32
    }

    pub(crate) const fn protocol(self) -> weir_srt::crypto::KeyLength {
        self.0
    }
}

impl TryFrom<u32> for KeyLength {
    type Error = KeyLengthError;
    fn try_from(bytes: u32) -> Result<Self, KeyLengthError> {
        let length = usize::try_from(bytes).ok().and_then(weir_srt::crypto::KeyLength::from_bytes);
        length.map(Self).ok_or(KeyLengthError(bytes))
    }
}

impl From<KeyLength> for u32 {
    fn from(length: KeyLength) -> Self {
        length.bytes()
    }
}

/// No key has this length.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the key length must be 16, 24 or 32 bytes, not {0}")]
pub struct KeyLengthError(pub u32);

/// The name of a stream in the settings, `app/name`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct StreamName(StreamPath);

impl StreamName {
    /// The stream.
    pub const fn path(&self) -> &StreamPath {
        &self.0
    }
}

impl From<StreamPath> for StreamName {
    fn from(path: StreamPath) -> Self {
        Self(path)
    }
}

impl TryFrom<String> for StreamName {
    type Error = weir_media::PathError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        StreamPath::parse(&text).map(Self)
    }
}

impl From<StreamName> for String {
    fn from(name: StreamName) -> Self {
        name.0.as_str().to_owned()
    }
}

/// The stream of callers without a stream id; none when it is empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct DefaultPath(Option<StreamPath>);

impl DefaultPath {
    /// The stream, if such callers are let in.
    pub const fn path(&self) -> Option<&StreamPath> {
        self.0.as_ref()
    }
}

impl Default for DefaultPath {
    fn default() -> Self {
        Self(StreamPath::parse("live/stream").ok())
    }
}

impl TryFrom<String> for DefaultPath {
    type Error = weir_media::PathError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.is_empty() { Ok(Self(None)) } else { StreamPath::parse(&text).map(|path| Self(Some(path))) }
    }
}

impl From<DefaultPath> for String {
    fn from(path: DefaultPath) -> Self {
        path.0.map(|path| path.as_str().to_owned()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_to_their_ranges() {
        for (millis, good) in [(19, false), (20, true), (8000, true), (8001, false), (120_000, false)] {
            assert_eq!(LatencyMillis::try_from(millis).is_ok(), good, "{millis}");
        }
        for (bytes, good) in [(0, false), (16, true), (24, true), (32, true), (128, false)] {
            assert_eq!(KeyLength::try_from(bytes).is_ok(), good, "{bytes}");
        }
        assert_eq!(DefaultPath::default().path().unwrap().as_str(), "live/stream");
        assert_eq!(DefaultPath::try_from(String::new()).unwrap().path(), None);
        assert!(DefaultPath::try_from("..".to_owned()).is_err());
    }

    #[test]
    fn nothing_listens_until_it_is_switched_on() {
        let mut config = Config::default();
        assert!(config.addresses().is_empty() && !config.open_to_network());
        config.enabled = true;
        assert_eq!(config.addresses(), [ListenAddress::Localhost { port: 10_080 }]);
    }
}
