//! What can be set about recordings.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::pattern::Pattern;
use super::rule::Rule;
use crate::config::{Seconds, range};

/// Writing streams to files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Record every stream from its start. Default false: a disk fills up quickly.
    pub record_all: bool,
    /// Folder for recordings. Default: `Weir` in the videos folder of the user; for `weir serve` the folder `recordings`
    /// where it was started.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "range::path")]
    pub dir: Option<PathBuf>,
    /// File format. Default `auto`: FLV for H.264 with AAC or MP3, MP4 for everything else. A crash costs neither.
    pub container: Container,
    /// Begin a new file after this many seconds, at the next key frame. Default 0: one file for the whole recording.
    pub segment_seconds: Seconds,
    /// Names of files when `segment_seconds` is set. `%s` stream, `%d` number (`%03d` with leading zeros), `%T` date and
    /// time, `%Y %m %D %H %M %S` their parts, `%%` a percent sign. Default `%s_%T_seg%03d`.
    pub segment_pattern: Pattern,
    /// What happens when a publisher comes back within the grace time. Default `continue`: the same file, the gap marked.
    pub on_return: OnReturn,
    /// Other settings for some streams; the first rule that fits a stream counts. Default none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
    /// Space in bytes that recordings leave free on their disk. Default 2 GB: a full disk breaks more than recordings.
    pub reserve_bytes: u64,
    /// What happens when no more than the reserve is free. Default `stop`: nothing is ever deleted unasked.
    pub when_full: WhenFull,
    /// Delete recordings that are older than this many days. Default 0: keep them.
    pub keep_days: u32,
    /// Delete the oldest recordings while all together are larger than this, in bytes. Default 0: no limit.
    pub keep_bytes: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            record_all: false,
            dir: None,
            container: Container::default(),
            segment_seconds: Seconds::new(0),
            segment_pattern: Pattern::default(),
            on_return: OnReturn::default(),
            rules: Vec::new(),
            reserve_bytes: 2_000_000_000,
            when_full: WhenFull::default(),
            keep_days: 0,
            keep_bytes: 0,
        }
    }
}

/// A file format for recordings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Container {
    /// By the codecs: FLV for H.264 with AAC or MP3, MP4 for everything else.
    #[default]
    Auto,
    /// Flash video.
    Flv,
    /// MP4, written in fragments and closed as a plain file.
    Mp4,
}

/// What happens to a recording when its publisher comes back within the grace time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnReturn {
    /// It goes on in the same file.
    #[default]
    Continue,
    /// It goes on in a new file.
    NewFile,
}

/// What happens when the disk is full but for the reserve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhenFull {
    /// Recording stops, and says so.
    #[default]
    Stop,
    /// The oldest recordings are deleted to make room.
    DeleteOldest,
}
