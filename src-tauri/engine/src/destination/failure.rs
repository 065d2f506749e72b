//! Why a connection to a destination failed, in words: what is wrong and what to do.

use std::io;
use std::time::Duration;

use weir_rtmp::session::client::{Refusal, RefusalKind, Stage};

use super::redact::redact;
use crate::net::dial::DialError;

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

    /// What a server's refusal means.
    pub(crate) fn of_refusal(refusal: &Refusal, key: &str) -> Self {
        let (status, description) = (redact(&refusal.code, key), redact(&refusal.description, key));
        let said = match (status.is_empty(), description.is_empty()) {
            (true, true) => "without a reason".to_owned(),
            (false, true) => status,
            (true, false) => description,
            (false, false) => format!("{status}, {description}"),
        };
        match refusal.kind {
            RefusalKind::NameTaken => Self::new(
                FailureCode::AlreadyPublishing,
                format!("The destination says that this key is already in use ({said})."),
                "If nothing else streams with this key, an old session is still open there: Weir tries again by itself.",
            ),
            RefusalKind::Unauthorized => Self::new(
                FailureCode::KeyRefused,
                format!("The destination refuses the stream key ({said})."),
                "Copy the key from the destination's page again and enter it here.",
            ),
            RefusalKind::UnknownApp => Self::new(
                FailureCode::AppRefused,
                format!("The destination does not know the path of this address ({said})."),
                "Compare the address with the one that the destination shows.",
            ),
            RefusalKind::AuthenticationNeeded => Self::new(
                FailureCode::KeyRefused,
                "The destination asks for a user name and a password, which Weir cannot send yet.",
                "Use an address with a stream key.",
            ),
            RefusalKind::Other if refusal.stage == Stage::Publishing => Self::new(
                FailureCode::ClosedByPeer,
                format!("The destination ended the stream ({said})."),
                "Look at the destination's page for a notice. Weir tries again by itself.",
            ),
            RefusalKind::Other => Self::new(
                FailureCode::Refused,
                format!("The destination refuses the stream ({said})."),
                "Check the address and the key, and look at the destination's page for a notice.",
            ),
        }
    }

    /// Why there is no connection.
    pub(crate) fn of_dial(error: &DialError) -> Self {
        let (code, hint) = match error {
            DialError::Dns(..) | DialError::DnsTimeout(_) => {
                (FailureCode::DnsFailed, "Check the address and the internet connection; Weir tries again by itself.")
            }
            DialError::Tcp(_, inner) if inner.kind() == io::ErrorKind::ConnectionRefused => {
                (FailureCode::ConnectionRefused, "Check the address and its port, and that the server runs.")
            }
            DialError::Tcp(..) => (FailureCode::Unreachable, "Check the network; Weir tries again by itself."),
            DialError::TcpTimeout(_) => (
                FailureCode::TimedOut,
                "Check the address, its port, and whether a firewall blocks it; Weir tries again by itself.",
            ),
        };
        let why = match error {
            DialError::Tcp(host, inner) => format!("{host} cannot be reached: {}", plain(inner)),
            other => other.to_string(),
        };
        Self::new(code, format!("No connection to the destination: {why}."), hint)
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

    /// The server asks for a new connection, again.
    pub(crate) fn asked_again() -> Self {
        Self::new(
            FailureCode::ClosedByPeer,
            "The destination asks for a new connection.",
            "Nothing needs to be done: Weir connects anew by itself.",
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

    fn refusal(kind: RefusalKind, stage: Stage, description: &str) -> Refusal {
        Refusal { stage, kind, code: "NetStream.Publish.X".into(), description: description.into() }
    }

    #[test]
    fn every_refusal_has_its_kind_and_a_remedy() {
        for (kind, stage, code) in [
            (RefusalKind::NameTaken, Stage::Publish, FailureCode::AlreadyPublishing),
            (RefusalKind::Unauthorized, Stage::Publish, FailureCode::KeyRefused),
            (RefusalKind::AuthenticationNeeded, Stage::Connect, FailureCode::KeyRefused),
            (RefusalKind::UnknownApp, Stage::Connect, FailureCode::AppRefused),
            (RefusalKind::Other, Stage::Connect, FailureCode::Refused),
            (RefusalKind::Other, Stage::Publishing, FailureCode::ClosedByPeer),
        ] {
            let failure = Failure::of_refusal(&refusal(kind, stage, "no: canary-token"), "key?auth=canary-token");
            assert_eq!(failure.code, code, "{kind:?}");
            assert!(failure.message.ends_with('.') && failure.hint.ends_with('.'), "{failure:?}");
            assert!(!format!("{failure:?}").contains("canary"), "{failure:?}");
        }
    }

    #[test]
    fn only_a_stale_session_asks_for_a_longer_wait() {
        let taken = Failure::of_refusal(&refusal(RefusalKind::NameTaken, Stage::Publish, ""), "k");
        assert_eq!(taken.at_least(), Duration::from_secs(10));
        assert_eq!(Failure::closed().at_least(), Duration::ZERO);
    }

    #[test]
    fn no_connection_says_how_far_it_got() {
        let tcp = |kind: io::ErrorKind| DialError::Tcp("h".into(), kind.into());
        for (error, code) in [
            (DialError::DnsTimeout("h".into()), FailureCode::DnsFailed),
            (tcp(io::ErrorKind::ConnectionRefused), FailureCode::ConnectionRefused),
            (tcp(io::ErrorKind::NetworkUnreachable), FailureCode::Unreachable),
            (DialError::TcpTimeout("h".into()), FailureCode::TimedOut),
        ] {
            let failure = Failure::of_dial(&error);
            assert_eq!(failure.code, code, "{error}");
            assert!(failure.message.contains('h') && failure.message.ends_with('.'), "{failure:?}");
        }
    }
}
