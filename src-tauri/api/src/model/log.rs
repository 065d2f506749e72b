//! Lines of the log.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use weir_engine::log;

use super::time::from_millis;

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// Somebody must act on it.
    Error,
    /// Something is degraded.
    Warn,
    /// Something began or ended.
    Info,
    /// Everything else.
    Debug,
}

/// Which lines are wanted.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LogQuery {
    /// Only lines after the one with this `id`.
    pub since: Option<u64>,
    /// Only lines that matter at least this much.
    #[param(inline)]
    pub level: Option<LogLevel>,
    /// Only lines about this stream.
    pub stream: Option<String>,
    /// Only lines about the destination with this `id`.
    pub leg: Option<String>,
    /// Only lines about the connection with this number.
    pub connection: Option<u64>,
    /// Only lines with this text in them.
    pub text: Option<String>,
    /// At most this many, the newest; 500 when left out, 2000 at most.
    pub limit: Option<usize>,
}

/// Lines of the log.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LogList {
    /// The oldest first.
    pub lines: Vec<LogLine>,
    /// The `id` of the newest line of all: ask for lines since it.
    pub last: u64,
    /// How much is written now.
    pub level: LogLevel,
    /// The folder of the files; null when none is written.
    pub folder: Option<String>,
}

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct LogLine {
    /// Counts all lines since the start.
    pub id: u64,
    /// When, RFC 3339.
    #[schema(format = DateTime)]
    pub at: String,
    /// How much it matters.
    pub level: LogLevel,
    /// Which part of Weir says it.
    pub target: String,
    /// What it says.
    pub message: String,
    /// The stream it is about.
    pub stream: Option<String>,
    /// The destination it is about.
    pub leg: Option<String>,
    /// The connection it is about.
    pub connection: Option<u64>,
    /// Everything else, by name.
    pub fields: BTreeMap<String, String>,
}

impl From<log::Level> for LogLevel {
    fn from(level: log::Level) -> Self {
        match level {
            log::Level::Error => Self::Error,
            log::Level::Warn => Self::Warn,
            log::Level::Info => Self::Info,
            log::Level::Debug => Self::Debug,
        }
    }
}

impl From<LogLevel> for log::Level {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::Error,
            LogLevel::Warn => Self::Warn,
            LogLevel::Info => Self::Info,
            LogLevel::Debug => Self::Debug,
        }
    }
}

impl From<log::Line> for LogLine {
    fn from(line: log::Line) -> Self {
        Self {
            id: line.id,
            at: from_millis(line.at),
            level: line.level.into(),
            target: line.target,
            message: line.message,
            stream: line.stream,
            leg: line.leg,
            connection: line.connection,
            fields: line.fields,
        }
    }
}
