//! Why a connection to a destination failed, in words: what is wrong, what to do, and what Weir does next.

use std::io;
use std::time::Duration;

use weir_rtmp::session::client::{Refusal, RefusalKind, Stage};

use super::redact::redact;
use crate::net::dial::DialError;
use crate::tls::{Distrust, Fingerprint, TlsError};

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
    /// The server's certificate is out of date, or not valid yet.
    CertificateExpired,
    /// The server's certificate is for another name.
    CertificateWrongName,
    /// Nobody that the operating system trusts vouches for the server's certificate.
    CertificateUntrusted,
    /// The server's certificate cannot be used for another reason.
    CertificateInvalid,
    /// The two sides could not agree on an encryption.
    TlsFailed,
    /// The stream key is refused.
    KeyRefused,
    /// The server asks for a user name and a password.
    LoginNeeded,
    /// The user name or the password is wrong.
    LoginRefused,
    /// The application (the path of the address) is refused.
    AppRefused,
    /// The server or the service does not take the codec.
    CodecRefused,
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
    /// The server, or the way there, takes less than the stream has.
    TooSlow,
    /// A bug in Weir ended the connection.
    Internal,
}

/// What follows a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// No attempt helps before something changes.
    Stop,
    /// An earlier session is still open there: it needs time to die.
    Stale,
    /// The server was not reached, or the way there broke. Trying often costs nobody anything.
    Network,
    /// The server was reached and does not want the stream now. Who comes too often is locked out.
    Server,
}

impl FailureCode {
    pub(super) const fn class(self) -> Class {
        match self {
            Self::InvalidUrl
            | Self::CertificateExpired
            | Self::CertificateWrongName
            | Self::CertificateUntrusted
            | Self::CertificateInvalid
            | Self::KeyRefused
            | Self::LoginNeeded
            | Self::LoginRefused
            | Self::AppRefused
            | Self::CodecRefused => Class::Stop,
            Self::AlreadyPublishing => Class::Stale,
            Self::DnsFailed
            | Self::Unreachable
            | Self::ConnectionRefused
            | Self::TimedOut
            | Self::NetworkError
            | Self::Stalled
            | Self::TooSlow => Class::Network,
            Self::NotRtmp | Self::TlsFailed | Self::Refused | Self::ClosedByPeer | Self::Internal => Class::Server,
        }
    }
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
    /// The certificate that the server showed, where it could be trusted by its fingerprint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Fingerprint>,
}

impl Failure {
    /// With words for this case.
    pub(crate) fn new(code: FailureCode, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: hint.into(), certificate: None }
    }

    /// What a server's refusal means. It may repeat the `secrets`.
    pub(crate) fn of_refusal(refusal: &Refusal, secrets: &[&str]) -> Self {
        let (status, description) = (redact(&refusal.code, secrets), redact(&refusal.description, secrets));
        let said = match (status.is_empty(), description.is_empty()) {
            (true, true) => "without a reason".to_owned(),
            (false, true) => status,
            (true, false) => description,
            (false, false) => format!("{status}, {description}"),
        };
        // It stands in the middle of a sentence.
        let said = said.trim_end_matches('.');
        match refusal.kind {
            RefusalKind::Other | RefusalKind::Unauthorized if is_about_codec(said) => Self::new(
                FailureCode::CodecRefused,
                format!("The destination does not take this codec ({said})."),
                "Choose another codec in the encoder: every service takes H.264 with AAC.",
            ),
            RefusalKind::NameTaken => Self::new(
                FailureCode::AlreadyPublishing,
                format!("The destination says that this key is already in use ({said})."),
                "If nothing else streams with this key, an old session is still open there: Weir tries again by itself.",
            ),
            RefusalKind::Unauthorized if refusal.stage == Stage::Publishing => Self::new(
                FailureCode::KeyRefused,
                format!("The destination ended the stream and does not want it any more ({said})."),
                "Look at the destination's page for a notice, then try again.",
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
            RefusalKind::LoginNeeded => Self::new(
                FailureCode::LoginNeeded,
                "The destination asks for a user name and a password.",
                "Write them into the address: rtmp://user:password@host/app.",
            ),
            RefusalKind::LoginRefused => Self::login_refused(),
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

    /// The server was told who comes, and does not believe it.
    pub(crate) fn login_refused() -> Self {
        Self::new(
            FailureCode::LoginRefused,
            "The destination does not accept the user name or the password.",
            "Enter the address again with the right ones: rtmp://user:password@host/app.",
        )
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

    /// Why there is no encryption.
    pub(crate) fn of_tls(error: &TlsError, host: &str) -> Self {
        let again = "Weir tries again by itself.";
        let (distrust, shown) = match error {
            TlsError::Certificate(distrust, shown) => (distrust, *shown),
            TlsError::Protocol(said) => {
                return Self::new(
                    FailureCode::TlsFailed,
                    format!("There is no encrypted connection to {host}: {said}."),
                    format!("Check the address and its port: rtmps:// needs a server that speaks TLS. {again}"),
                );
            }
            TlsError::Socket(error) => {
                return Self::new(
                    FailureCode::NetworkError,
                    format!("The connection to {host} broke while the encryption was agreed on: {}.", plain(error)),
                    format!("Check the address and its port: rtmps:// needs a server that speaks TLS. {again}"),
                );
            }
        };
        let trust = format!("If this server is yours, compare its certificate's fingerprint and trust it: {shown}.");
        let (code, message, hint) = match distrust {
            Distrust::Expired => (
                FailureCode::CertificateExpired,
                format!("The certificate of {host} is out of date."),
                format!("Check the clock of this computer; if it is right, the destination has to renew it. {trust}"),
            ),
            Distrust::NotYet => (
                FailureCode::CertificateExpired,
                format!("The certificate of {host} is not valid yet."),
                format!("Check the clock of this computer. {trust}"),
            ),
            Distrust::WrongName => (
                FailureCode::CertificateWrongName,
                format!("The certificate that {host} shows is for another name."),
                format!(
                    "Use the name that the service prints in its address; a wrong one may lead to somebody else. {trust}"
                ),
            ),
            Distrust::Unknown => (
                FailureCode::CertificateUntrusted,
                format!("Nobody whom this computer trusts vouches for the certificate of {host}."),
                trust,
            ),
            Distrust::Another => (
                FailureCode::CertificateUntrusted,
                format!("The certificate of {host} is not the one that was trusted."),
                trust,
            ),
            Distrust::Invalid(said) => (
                FailureCode::CertificateInvalid,
                format!("The certificate of {host} cannot be used: {said}."),
                "Only whoever runs the destination can correct it.".to_owned(),
            ),
        };
        // What cannot be used at all, trust does not mend.
        let offered = (code != FailureCode::CertificateInvalid).then_some(shown);
        Self { certificate: offered, ..Self::new(code, message, hint) }
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

    /// A bug ended the task that cares for the connection.
    pub(crate) fn bug() -> Self {
        Self::new(
            FailureCode::Internal,
            "A bug in Weir ended the connection to the destination.",
            "Please report it, with the log. Weir connects anew by itself.",
        )
    }

    /// The peer has taken nothing for a while; the connection is not given up yet.
    pub(crate) fn takes_nothing(since: Duration) -> Self {
        Self::new(
            FailureCode::Stalled,
            format!("The destination has taken no data for {} s.", since.as_secs()),
            "Check the internet connection; Weir connects anew by itself if this goes on.",
        )
    }

    /// The peer takes less than the stream has.
    pub(crate) fn too_slow(behind: Duration, skipped: u64) -> Self {
        Self::new(
            FailureCode::TooSlow,
            format!(
                "The destination takes less than the stream has: it is {:.1} s behind, {skipped} frames were left out so far.",
                behind.as_secs_f64()
            ),
            "Lower the encoder's bitrate, or check the upload speed.",
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
}

/// Whether a server's words are about a codec.
fn is_about_codec(said: &str) -> bool {
    let said = said.to_ascii_lowercase();
    ["codec", "hevc", "h.265", "h265", "unsupported video", "unsupported audio"].iter().any(|word| said.contains(word))
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
            (RefusalKind::LoginNeeded, Stage::Connect, FailureCode::LoginNeeded),
            (RefusalKind::LoginRefused, Stage::Connect, FailureCode::LoginRefused),
            (RefusalKind::UnknownApp, Stage::Connect, FailureCode::AppRefused),
            (RefusalKind::Other, Stage::Connect, FailureCode::Refused),
            (RefusalKind::Other, Stage::Publishing, FailureCode::ClosedByPeer),
        ] {
            let failure = Failure::of_refusal(&refusal(kind, stage, "no: canary-token"), &["key?auth=canary-token"]);
            assert_eq!(failure.code, code, "{kind:?}");
            assert!(failure.message.ends_with('.') && failure.hint.ends_with('.'), "{failure:?}");
            assert!(!format!("{failure:?}").contains("canary"), "{failure:?}");
        }
    }

    #[test]
    fn a_refusal_for_the_codec_is_known_by_its_words() {
        let said = refusal(RefusalKind::Other, Stage::Publish, "Unsupported video codec hvc1");
        assert_eq!(Failure::of_refusal(&said, &["k"]).code, FailureCode::CodecRefused);
    }

    #[test]
    fn a_certificate_that_is_not_believed_is_explained_and_offered_where_trust_may_help() {
        let shown: Fingerprint = "ab".repeat(32).parse().unwrap();
        for (distrust, code, offered) in [
            (Distrust::Expired, FailureCode::CertificateExpired, true),
            (Distrust::NotYet, FailureCode::CertificateExpired, true),
            (Distrust::WrongName, FailureCode::CertificateWrongName, true),
            (Distrust::Unknown, FailureCode::CertificateUntrusted, true),
            (Distrust::Another, FailureCode::CertificateUntrusted, true),
            (Distrust::Invalid("x".into()), FailureCode::CertificateInvalid, false),
        ] {
            let failure = Failure::of_tls(&TlsError::Certificate(distrust, shown), "host");
            assert_eq!((failure.code, failure.certificate), (code, offered.then_some(shown)));
            assert_eq!(failure.code.class(), Class::Stop);
            assert_eq!(failure.hint.contains(&shown.to_string()), offered, "{failure:?}");
            assert!(failure.message.contains("host") && failure.message.ends_with('.') && failure.hint.ends_with('.'));
        }
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
