//! What a destination is doing, for people and programs.

use std::fmt;

use super::failure::Failure;

/// The steps from a name to a stream that is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Looking the server's name up.
    Dns,
    /// Opening the connection.
    Tcp,
    /// Agreeing on the encryption.
    Tls,
    /// The handshake of RTMP or SRT.
    Handshake,
    /// The `connect` command.
    Connect,
    /// The `publish` command.
    Publish,
    /// The server takes the stream; nothing of it has been acknowledged yet.
    FirstData,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dns => "looking up the name",
            Self::Tcp => "opening the connection",
            Self::Tls => "agreeing on the encryption",
            Self::Handshake => "handshake",
            Self::Connect => "connect",
            Self::Publish => "publish",
            Self::FirstData => "first data",
        })
    }
}

/// What a destination is doing.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    /// Switched off.
    Off,
    /// Nobody has started it yet.
    WaitingForStart,
    /// No stream that it takes is live.
    WaitingForStream {
        /// The server is connected already.
        connected: bool,
    },
    /// On the way.
    Connecting {
        /// Where on the way.
        step: Step,
    },
    /// The server has acknowledged data of the stream in the last seconds.
    Live,
    /// The server takes the stream, but slower than it comes, or has stopped taking it.
    Behind {
        /// How far behind the publisher, in seconds.
        seconds: f64,
        /// Why, as far as it shows.
        reason: Failure,
    },
    /// The connection failed; the next attempt has a time.
    Retrying {
        /// Seconds until the next attempt.
        in_seconds: f64,
        /// Why it failed.
        reason: Failure,
    },
    /// It cannot work; a change of its settings is needed.
    Stopped {
        /// Why.
        reason: Failure,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_snake_case_on_the_wire() {
        let json = |state: &State| serde_json::to_string(state).unwrap();
        assert_eq!(
            json(&State::WaitingForStream { connected: false }),
            r#"{"state":"waiting_for_stream","connected":false}"#
        );
        assert_eq!(json(&State::Connecting { step: Step::Dns }), r#"{"state":"connecting","step":"dns"}"#);
    }
}
