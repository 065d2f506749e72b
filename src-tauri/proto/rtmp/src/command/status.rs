//! The information object of `onStatus`, `_result` and `_error`.

use weir_amf0::Value;

use super::{Command, code};

/// How a status is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// All is well.
    Status,
    /// Something is odd.
    Warning,
    /// It failed.
    Error,
}

impl Level {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A status: a code programs read and a sentence people read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// How it is meant.
    pub level: Level,
    /// One of [`code`], or another server's own.
    pub code: String,
    /// A sentence; may be empty. May quote the stream name: not for logs as it is.
    pub description: String,
}

impl Status {
    /// A status of level `status`.
    pub fn ok(code: &str, description: &str) -> Self {
        Self { level: Level::Status, code: code.to_owned(), description: description.to_owned() }
    }

    /// A status of level `error`.
    pub fn error(code: &str, description: &str) -> Self {
        Self { level: Level::Error, code: code.to_owned(), description: description.to_owned() }
    }

    /// Reads an information object: object or ECMA array, the level guessed from the code where it is missing. `None`
    /// if there is neither code nor description.
    pub fn from_value(value: &Value) -> Option<Self> {
        let text = |key| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (code, description) = (text("code"), text("description"));
        if code.is_empty() && description.is_empty() {
            return None;
        }
        let level = match text("level").as_str() {
            "error" => Level::Error,
            "warning" => Level::Warning,
            "" if is_refusal(&code) => Level::Error,
            _ => Level::Status,
        };
        Some(Self { level, code, description })
    }

    /// The information object.
    pub fn to_value(&self) -> Value {
        Value::object([
            ("level", self.level.as_str()),
            ("code", self.code.as_str()),
            ("description", self.description.as_str()),
        ])
    }

    /// `onStatus` with this status. The status is the fourth value, where librtmp looks for it.
    pub fn to_command(&self) -> Command {
        Command::new("onStatus", 0.0, [self.to_value()])
    }

    /// Whether it says that what was asked for is over or will not happen.
    pub fn is_refusal(&self) -> bool {
        self.level == Level::Error || is_refusal(&self.code)
    }
}

/// Codes that end a client's work, whatever level they come with.
fn is_refusal(code: &str) -> bool {
    matches!(
        code,
        code::CONNECT_REJECTED
            | code::CONNECT_INVALID_APP
            | code::CONNECT_CLOSED
            | code::PUBLISH_BAD_NAME
            | code::PUBLISH_UNAUTHORIZED
            | code::PUBLISH_DENIED
            | code::PUBLISH_REJECTED
            | code::PLAY_FAILED
            | code::PLAY_STREAM_NOT_FOUND
            | "NetConnection.Connect.Failed"
            | "NetStream.Failed"
            | "NetStream.Publish.Failed"
    )
}
