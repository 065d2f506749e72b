//! How streams are recorded.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use weir_engine::recording;

use super::time::seconds;

/// A file format for recordings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ContainerChoice {
    /// By the codecs: FLV for H.264 with AAC or MP3, MP4 for everything else.
    Auto,
    /// Flash video.
    Flv,
    /// MP4.
    Mp4,
}

/// What happens to a recording when its publisher comes back within the grace time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnReturn {
    /// It goes on in the same file, the gap marked.
    Continue,
    /// It goes on in a new file.
    NewFile,
}

/// What happens when no more than the reserve is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhenFull {
    /// Recording stops, and says so.
    Stop,
    /// The oldest recordings are deleted, for good, to make room.
    DeleteOldest,
}

/// Other settings for some streams. What is null is as for all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordingRule {
    /// The streams: a path in which `*` stands for anything.
    #[schema(example = "live/*")]
    pub streams: String,
    /// Record them from their start, or not.
    #[serde(default)]
    pub record: Option<bool>,
    /// File format.
    #[serde(default)]
    pub container: Option<ContainerChoice>,
    /// Folder below the recordings folder.
    #[serde(default)]
    #[schema(example = "shows")]
    pub folder: Option<String>,
    /// Begin a new file after this many seconds; 0: one file.
    #[serde(default)]
    pub segment_seconds: Option<f64>,
}

/// How streams are recorded.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RecordingSettings {
    /// Record every stream from its start.
    pub record_all: bool,
    /// Folder of the recordings, full path.
    pub folder: String,
    /// File format.
    pub container: ContainerChoice,
    /// Begin a new file after this many seconds, at the next key frame; 0: one file.
    pub segment_seconds: f64,
    /// Names of files when `segment_seconds` is set: `%s` stream, `%d` number (`%03d` with leading zeros), `%T` date and time,
    /// `%Y %m %D %H %M %S` their parts, `%%` a percent sign.
    pub segment_pattern: String,
    /// What the pattern makes of the first segment of `live/stream` that begins now.
    #[schema(example = "live_stream_20261122_140450_seg001")]
    pub segment_example: String,
    /// What happens when a publisher comes back within the grace time.
    pub on_return: OnReturn,
    /// Bytes that recordings leave free on their disk.
    pub reserve_bytes: u64,
    /// What happens when no more than the reserve is free.
    pub when_full: WhenFull,
    /// Delete recordings that are older than this many days, for good; 0: keep them.
    pub keep_days: u32,
    /// Delete the oldest recordings, for good, while all together are larger than this, in bytes; 0: no limit.
    pub keep_bytes: u64,
    /// Other settings for some streams; the first rule that fits a stream counts.
    pub rules: Vec<RecordingRule>,
}

/// Settings to change. What is left out stays.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordingSettingsPatch {
    /// Record every stream from its start.
    pub record_all: Option<bool>,
    /// Folder of the recordings, full path.
    pub folder: Option<String>,
    /// File format.
    pub container: Option<ContainerChoice>,
    /// Begin a new file after this many seconds; 0: one file, else 1 to 2073600 (24 days).
    pub segment_seconds: Option<f64>,
    /// Names of files when `segment_seconds` is set.
    pub segment_pattern: Option<String>,
    /// What happens when a publisher comes back within the grace time.
    pub on_return: Option<OnReturn>,
    /// Bytes that recordings leave free on their disk.
    pub reserve_bytes: Option<u64>,
    /// What happens when no more than the reserve is free.
    pub when_full: Option<WhenFull>,
    /// Delete recordings that are older than this many days; 0: keep them.
    pub keep_days: Option<u32>,
    /// Delete the oldest recordings while all together are larger than this, in bytes; 0: no limit.
    pub keep_bytes: Option<u64>,
    /// Other settings for some streams: the whole list.
    pub rules: Option<Vec<RecordingRule>>,
}

impl RecordingSettings {
    pub(crate) fn new(engine: &weir_engine::Engine) -> Self {
        let config = engine.config().recording;
        let folder = engine.recordings().folder();
        Self {
            record_all: config.record_all,
            folder: std::path::absolute(&folder).unwrap_or(folder).display().to_string(),
            container: config.container.into(),
            segment_seconds: seconds(config.segment_seconds.duration()),
            segment_pattern: config.segment_pattern.to_string(),
            segment_example: config.segment_pattern.example(),
            on_return: match config.on_return {
                recording::OnReturn::Continue => OnReturn::Continue,
                recording::OnReturn::NewFile => OnReturn::NewFile,
            },
            reserve_bytes: config.reserve_bytes,
            when_full: match config.when_full {
                recording::WhenFull::Stop => WhenFull::Stop,
                recording::WhenFull::DeleteOldest => WhenFull::DeleteOldest,
            },
            keep_days: config.keep_days,
            keep_bytes: config.keep_bytes,
            rules: config.rules.into_iter().map(RecordingRule::from).collect(),
        }
    }
}

impl From<recording::Rule> for RecordingRule {
    fn from(rule: recording::Rule) -> Self {
        Self {
            streams: rule.streams,
            record: rule.record,
            container: rule.container.map(ContainerChoice::from),
            folder: rule.folder.map(|folder| PathBuf::from(folder).display().to_string()),
            segment_seconds: rule.segment_seconds.map(|span| seconds(span.duration())),
        }
    }
}

impl From<recording::Container> for ContainerChoice {
    fn from(container: recording::Container) -> Self {
        match container {
            recording::Container::Auto => Self::Auto,
            recording::Container::Flv => Self::Flv,
            recording::Container::Mp4 => Self::Mp4,
        }
    }
}

impl From<ContainerChoice> for recording::Container {
    fn from(container: ContainerChoice) -> Self {
        match container {
            ContainerChoice::Auto => Self::Auto,
            ContainerChoice::Flv => Self::Flv,
            ContainerChoice::Mp4 => Self::Mp4,
        }
    }
}
