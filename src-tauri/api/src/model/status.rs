//! The whole at a glance.

use serde::Serialize;
use utoipa::ToSchema;
use weir_engine::secrets::Storage;

use super::notice::word;

/// The program, its totals and the addresses for an encoder.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Status {
    /// Always `Weir`.
    #[schema(example = "Weir")]
    pub product: String,
    /// Version of the program.
    #[schema(example = "0.1.0")]
    pub version: String,
    /// Operating system: `linux`, `macos`, `windows`, ….
    #[schema(example = "linux")]
    pub os: String,
    /// When the engine started, RFC 3339.
    #[schema(format = DateTime)]
    pub started_at: String,
    /// The engine's clock now, RFC 3339, to tell a page how far its own clock is off.
    #[schema(format = DateTime)]
    pub now: String,
    /// Seconds since the engine started.
    pub uptime_seconds: f64,
    /// Counts and rates over all streams.
    pub totals: Totals,
    /// Where an encoder sends to, one for each listener that is up; the first is the one to show.
    pub ingest: Vec<IngestAddress>,
    /// Whether every stream is recorded by itself.
    pub record_all: bool,
    /// Free space in the recordings folder in bytes; null when the system does not tell.
    pub disk_free_bytes: Option<u64>,
    /// Seconds until no more than the reserve is free there, at the rate of what is being recorded; null when nothing is.
    pub recording_time_left_seconds: Option<f64>,
    /// How stream keys and other secrets are kept.
    pub secrets: SecretStorage,
    /// How many problems are kept.
    pub problems: usize,
    /// What the user should know or do, e.g. `open_without_keys`: every device may publish and watch. New codes may appear.
    pub notices: Vec<super::Notice>,
}

/// Counts and rates over all streams.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct Totals {
    /// Streams with a publisher.
    pub streams_live: usize,
    /// Readers of every kind.
    pub readers: usize,
    /// Recordings that are being written.
    pub recordings_active: usize,
    /// Destinations that are being sent to.
    pub destinations_live: usize,
    /// Media received, bits a second over the last second.
    pub bitrate_in: u64,
    /// Media sent, bits a second over the last second.
    pub bitrate_out: u64,
}

/// What to type into an encoder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct IngestAddress {
    /// The listener behind it.
    pub listener_id: String,
    /// `rtmp` or `srt`.
    pub protocol: String,
    /// The server field, e.g. `rtmp://127.0.0.1:1935/live` or `srt://127.0.0.1:10080`.
    #[schema(example = "rtmp://127.0.0.1:1935/live")]
    pub server: String,
    /// A stream key to begin with; for SRT the stream id, e.g. `publish:live/stream`. Not a secret: any name works, it becomes
    /// the stream's name.
    #[schema(example = "stream")]
    pub key: String,
    /// Who can use this address.
    pub reach: super::Reach,
}

/// How stream keys and other secrets are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SecretStorage {
    /// `keychain`: the key to them is in the keychain of the operating system. `key_file`: it is in a file that the user alone
    /// may read.
    #[schema(example = "keychain")]
    pub kind: String,
    /// What that protects from and what it does not, in plain sentences in English.
    pub message: String,
}

impl From<Storage> for SecretStorage {
    fn from(storage: Storage) -> Self {
        Self { kind: word(&storage), message: storage.words().to_owned() }
    }
}
