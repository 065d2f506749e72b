//! What can be set about the log.

use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::file::LEAST;
use crate::config::range;

/// What is written about what happens: to standard error, to a file in the data folder, and kept for the log page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How much: `error`, `warn`, `info` or `debug`. Default `info`: what begins and ends.
    pub level: Level,
    /// `text` for people or `json` for programs, one object a line. Default `text`.
    pub format: Format,
    /// Whether it is also written to `log/weir.log` in the data folder. Default true: what went wrong last night is there in
    /// the morning.
    pub file: bool,
    /// Bytes after which a new file is begun, 4096 or more. Default 10000000.
    #[serde(deserialize_with = "file_bytes")]
    pub file_bytes: u64,
    /// How many files are kept, the one being written among them, 1 or more. Default 5: about a week of a busy server.
    #[serde(deserialize_with = "range::some")]
    pub files: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { level: Level::Info, format: Format::Text, file: true, file_bytes: 10_000_000, files: 5 }
    }
}

/// Less would hardly hold the line that is being written.
fn file_bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    match u64::deserialize(deserializer)? {
        few if few < LEAST => {
            Err(D::Error::custom(format!("a file of the log must have {LEAST} bytes or more, not {few}")))
        }
        bytes => Ok(bytes),
    }
}

/// How much is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// What somebody must act on.
    Error,
    /// What is degraded.
    Warn,
    /// What begins and ends.
    #[default]
    Info,
    /// Also each message.
    Debug,
}

/// How a line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// A JSON object, for programs.
    Json,
}
