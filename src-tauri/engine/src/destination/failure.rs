//! Why a connection to a destination failed, in words: what is wrong and what to do.

use std::io;
use std::time::Duration;

/// What kind of trouble it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureCode {
    /// The address is not one that Weir can send to.
    InvalidUrl,
    /// The name of the server cannot be found.
    DnsFailed,
    /// Nobody answers there, or the network does not lead there.
    Unreachable,
    /// The server takes no connection.
    ConnectionRefused,
    /// It does not answer in time.
    TimedOut,
    /// What answers does not speak RTMP.
    NotRtmp,
    /// The stream key is refused.
    KeyRefused,
    /// The application (the path of the address) is refused.
    AppRefused,
    /// A session with this key is still open there.
    AlreadyPublishing,
    /// Refused in other words.
    Refused,
    /// The server closed the connection.
    ClosedByPeer,
    /// The network broke.
    NetworkError,
    /// The server takes no more data.
    Stalled,
    /// The stream holds something that cannot be sent there.
    Unsupported,
    /// The program itself went wrong: a bug.
    Internal,
}

/// Why a connection to a destination failed. Never holds the key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, serde::Serialize, serde::Deserialize)]
#[error("{message}")]
pub struct Failure {
    /// The kind, for programs.
    pub code: FailureCode,
    /// What happened, one sentence.
    pub message: String,
    /// What to do, one sentence.
    pub hint: String,
}

impl Failure {
    /// With words for this case.
    pub(crate) fn new(code: FailureCode, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: hint.into() }
    }

    /// What a server's `onStatus` or `_error` means. `description` must be redacted.
    pub(crate) fn of_status(status: &str, description: &str) -> Self {
        let said = match (status.is_empty(), description.is_empty()) {
            (true, true) => "without a reason".to_owned(),
            (false, true) => status.to_owned(),
            (true, false) => description.to_owned(),
            (false, false) => format!("{status}, {description}"),
        };
        let about_login = {
            let words = description.to_ascii_lowercase();
            ["auth", "key", "token", "permission", "forbidden", "403", "401"].iter().any(|word| words.contains(word))
        };
        match status {
            "NetStream.Publish.BadName" => Self::new(
                FailureCode::AlreadyPublishing,
                format!("The destination says that this key is already in use ({said})."),
                "If nothing else streams with this key, an old session is still open there: Weir tries again by itself.",
            ),
            "NetStream.Publish.Unauthorized" | "NetStream.Publish.Denied" | "NetStream.Publish.Rejected" => Self::new(
                FailureCode::KeyRefused,
                format!("The destination refuses the stream key ({said})."),
                "Copy the key from the destination's page again and enter it here.",
            ),
            "NetConnection.Connect.InvalidApp" => Self::new(
                FailureCode::AppRefused,
                format!("The destination does not know the path of this address ({said})."),
                "Compare the address with the one that the destination shows.",
            ),
            "NetConnection.Connect.Rejected" if about_login => Self::new(
                FailureCode::KeyRefused,
                format!("The destination refuses the login ({said})."),
                "Check user name, password or key at the destination's page.",
            ),
            "NetConnection.Connect.Closed" | "NetConnection.Connect.AppShutdown" => Self::new(
                FailureCode::ClosedByPeer,
                format!("The destination ended the connection ({said})."),
                "Weir tries again by itself.",
            ),
            _ => Self::new(
                FailureCode::Refused,
                format!("The destination refuses the stream ({said})."),
                "Check the address and the key, and look at the destination's page for a notice.",
            ),
        }
    }

    /// What an error of the socket means once connected.
    pub(crate) fn of_socket(error: &io::Error) -> Self {
        Self::new(
            FailureCode::NetworkError,
            format!("The connection to the destination broke: {}.", plain(error)),
            "Check the network; Weir tries again by itself.",
        )
    }

    /// The peer closed the connection without a word.
    pub(crate) fn closed() -> Self {
        Self::new(
            FailureCode::ClosedByPeer,
            "The destination closed the connection without a reason.",
            "A wrong key often looks like this: check it when it goes on. Weir tries again by itself.",
        )
    }

    /// The peer takes no more data.
    pub(crate) fn stalled(after: Duration) -> Self {
        Self::new(
            FailureCode::Stalled,
            format!("The destination took no data for {} s.", after.as_secs()),
            "Check the upload speed; Weir connects anew by itself.",
        )
    }

    /// A step of connecting was not done in time.
    pub(crate) fn slow_step(step: super::Step, after: Duration) -> Self {
        Self::new(
            FailureCode::TimedOut,
            format!("The destination did not answer within {} s ({step}).", after.as_secs()),
            "Check the address and the network; Weir tries again by itself.",
        )
    }

    /// The shortest wait before the next attempt that this kind of trouble allows.
    pub(crate) const fn at_least(&self) -> Duration {
        match self.code {
            // A dead session lives on at most platforms until a time-out of its own.
            FailureCode::AlreadyPublishing => Duration::from_secs(10),
            _ => Duration::ZERO,
        }
    }
}

/// An OS error without its number.
pub(crate) fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_its_kind_and_a_remedy() {
        for (status, description, code) in [
            ("NetStream.Publish.BadName", "Stream already publishing", FailureCode::AlreadyPublishing),
            ("NetStream.Publish.Unauthorized", "", FailureCode::KeyRefused),
            ("NetStream.Publish.Denied", "no", FailureCode::KeyRefused),
            ("NetConnection.Connect.Rejected", "authmod=adobe need auth", FailureCode::KeyRefused),
            ("NetConnection.Connect.Rejected", "server full", FailureCode::Refused),
            ("NetConnection.Connect.InvalidApp", "", FailureCode::AppRefused),
            ("NetStream.Failed", "", FailureCode::Refused),
            ("", "", FailureCode::Refused),
        ] {
            let failure = Failure::of_status(status, description);
            assert_eq!(failure.code, code, "{status} {description}");
            assert!(failure.message.ends_with('.') && failure.hint.ends_with('.'), "{failure:?}");
        }
    }

    #[test]
    fn only_a_stale_session_asks_for_a_longer_wait() {
        assert_eq!(Failure::of_status("NetStream.Publish.BadName", "").at_least(), Duration::from_secs(10));
        assert_eq!(Failure::closed().at_least(), Duration::ZERO);
    }
}
