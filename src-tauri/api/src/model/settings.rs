//! What can be set, apart from listeners and destinations, which have routes of their own.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use weir_engine::{Engine, streams};

use super::LogLevel;
use super::time::seconds;

/// What happens when a second publisher comes for a stream that has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DuplicatePublisher {
    /// The newcomer is refused.
    Refuse,
    /// The newcomer takes over.
    Replace,
}

/// The settings in force.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Settings {
    /// Record every stream by itself.
    pub record_all: bool,
    /// Folder of the recordings, full path.
    pub record_dir: String,
    /// RTMP chunk size to send with, bytes, 1 to 65536.
    pub chunk_size: u32,
    /// What happens when a second publisher comes.
    pub duplicate_publisher: DuplicatePublisher,
    /// How long readers are kept after a publisher went, seconds.
    pub grace_seconds: f64,
    /// How long a player waits for a stream that is not there, seconds.
    pub play_wait_seconds: f64,
    /// How much is written to the log.
    pub log_level: LogLevel,
    /// Where the settings are kept; null when they are not kept in a file.
    pub config_file: Option<String>,
}

/// Settings to change. What is left out stays.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SettingsPatch {
    /// Record every stream by itself.
    pub record_all: Option<bool>,
    /// Folder of the recordings, full path.
    pub record_dir: Option<String>,
    /// RTMP chunk size to send with, bytes, 1 to 65536.
    #[schema(minimum = 1, maximum = 65536)]
    pub chunk_size: Option<u32>,
    /// What happens when a second publisher comes.
    pub duplicate_publisher: Option<DuplicatePublisher>,
    /// How long readers are kept after a publisher went, seconds, 0 to 3600.
    #[schema(minimum = 0, maximum = 3600)]
    pub grace_seconds: Option<f64>,
    /// How long a player waits for a stream that is not there, seconds, 0 to 300.
    #[schema(minimum = 0, maximum = 300)]
    pub play_wait_seconds: Option<f64>,
    /// How much is written to the log.
    pub log_level: Option<LogLevel>,
}

impl Settings {
    pub(crate) fn new(engine: &Engine) -> Self {
        let config = engine.config();
        let folder = engine.recordings().folder();
        Self {
            record_all: config.recording.record_all,
            record_dir: std::path::absolute(&folder).unwrap_or(folder).display().to_string(),
            chunk_size: config.rtmp.chunk_size.bytes(),
            duplicate_publisher: match config.streams.duplicate_publisher {
                streams::DuplicatePublisher::Refuse => DuplicatePublisher::Refuse,
                streams::DuplicatePublisher::Replace => DuplicatePublisher::Replace,
            },
            grace_seconds: seconds(config.streams.grace_seconds.duration()),
            play_wait_seconds: seconds(config.streams.play_wait_seconds.duration()),
            log_level: config.log.level.into(),
            config_file: Some(engine.paths().config_file.display().to_string()),
        }
    }
}
