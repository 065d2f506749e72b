//! Why a connection is over, and what people are told of it.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use weir_hub::EndReason;
use weir_media::StreamPath;
use weir_rtmp::{handshake, session};

use crate::problem::Report;

/// Why a connection is over.
#[derive(Debug, thiserror::Error)]
pub(super) enum Over {
    /// The peer closed it.
    #[error("the peer left")]
    PeerLeft,
    /// The network failed.
    #[error("the network failed: {0}")]
    Network(io::Error),
    /// The peer broke the protocol.
    #[error(transparent)]
    Session(session::Error),
    /// The peer left before TLS was set up.
    #[error("the other program left before the encrypted connection was set up")]
    LeftTls,
    /// TLS failed.
    #[error("the encrypted connection failed: {0}")]
    Tls(#[from] rustls::Error),
    /// The peer speaks RTMP without TLS where TLS is expected.
    #[error("a program speaks plain RTMP on the port for RTMPS")]
    NotTls,
    /// The peer took nothing for too long.
    #[error("the peer took nothing for {} s", .0.as_secs_f64())]
    Stuck(Duration),
    /// The peer asks but does not read.
    #[error("the peer does not read what it asks for")]
    DoesNotRead,
    /// What it asked for was refused; the report has been made.
    #[error("refused: {0}")]
    Refused(String),
    /// What the encoder sends cannot be read.
    #[error("what the encoder sends cannot be read: {0}")]
    Unreadable(weir_flv::Error),
    /// The hub ended it.
    #[error("{0}")]
    Ended(EndReason),
}

impl Over {
    /// A failed system call: most ways for a peer to vanish are none of our faults.
    pub(super) fn of_io(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionAborted => {
                Self::PeerLeft
            }
            _ => Self::Network(error),
        }
    }

    /// What to tell people, if anything: of what they can do something about, and of who was turned away.
    pub(super) fn report(&self, peer: SocketAddr, path: Option<&StreamPath>) -> Option<Report> {
        let (code, hint) = match self {
            Self::Ended(EndReason::TooFast) => (
                "publisher_too_fast",
                "Lower the encoder's bitrate, or raise limits.publisher_megabits in the settings.",
            ),
            Self::PeerLeft | Self::Network(_) | Self::Refused(_) | Self::Ended(_) => return None,
            Self::Session(error) => of_session(error)?,
            Self::LeftTls => ("certificate_refused", NOT_TRUSTED),
            Self::Tls(error) if is_about_trust(error) => ("certificate_refused", NOT_TRUSTED),
            Self::Tls(_) => ("tls_failed", "Update the other program; TLS 1.2 or 1.3 is needed."),
            Self::NotTls => ("rtmp_on_rtmps_port", "Write rtmps:// instead of rtmp:// in the other program."),
            Self::Stuck(_) => ("player_stalled", "Its network is too slow or its program hangs; it can connect again."),
            Self::DoesNotRead => ("peer_does_not_read", "The other program is broken; nothing is to be done here."),
            Self::Unreadable(_) => {
                ("unreadable_media", "Check the encoder's output format: RTMP carries FLV, such as H.264 with AAC.")
            }
        };
        Some(Report {
            code,
            message: sentence(&self.to_string()),
            hint: hint.to_owned(),
            path: path.map(|path| path.as_str().to_owned()),
            peer: Some(peer.ip().to_canonical().to_string()),
        })
    }

    /// Whether the peer did not get through the handshake, TLS's being a part of it. `opened`: something has come through TLS.
    pub(super) const fn is_failed_handshake(&self, opened: bool) -> bool {
        match self {
            Self::Session(session::Error::Handshake(_) | session::Error::HandshakeTimeout(_)) => true,
            Self::LeftTls | Self::NotTls => true,
            Self::Tls(_) => !opened,
            _ => false,
        }
    }

    /// Whether the peer was cut because it was silent or took nothing.
    pub(super) const fn is_of_the_dead(&self) -> bool {
        matches!(self, Self::Session(session::Error::Silent(_)) | Self::Stuck(_))
    }

    /// Whether the peer is still there to hear why.
    pub(super) const fn has_last_words(&self) -> bool {
        matches!(
            self,
            Self::Session(_) | Self::Tls(_) | Self::NotTls | Self::Refused(_) | Self::Unreadable(_) | Self::Ended(_)
        )
    }
}

/// What to do where a certificate is refused.
const NOT_TRUSTED: &str = "Most programs refuse a certificate that they were not told to trust, OBS always: on this computer use \
                           rtmp://, elsewhere trust Weir's certificate there or import one of a known authority.";

/// Whether the peer says that it does not like our certificate.
const fn is_about_trust(error: &rustls::Error) -> bool {
    use rustls::AlertDescription as Alert;
    matches!(
        error,
        rustls::Error::AlertReceived(
            Alert::UnknownCA
                | Alert::BadCertificate
                | Alert::CertificateUnknown
                | Alert::UnsupportedCertificate
                | Alert::CertificateExpired
                | Alert::CertificateRevoked
                | Alert::AccessDenied
        )
    )
}

fn of_session(error: &session::Error) -> Option<(&'static str, &'static str)> {
    use session::Error as Session;
    Some(match error {
        Session::Handshake(handshake::Error::Http) => {
            ("http_on_rtmp_port", "Open Weir's own page in the browser, and give rtmp:// addresses to players.")
        }
        Session::Handshake(handshake::Error::Tls) => {
            ("tls_on_rtmp_port", "Write rtmp:// instead of rtmps:// in the other program.")
        }
        Session::Handshake(_) => ("not_rtmp", "Check which program connects to this port."),
        Session::HandshakeTimeout(_) => {
            ("handshake_timeout", "If this is your encoder, check firewalls and proxies on the way.")
        }
        Session::SetupTimeout(_) => ("no_request", "If this is your encoder, check its settings and start it again."),
        Session::Silent(_) => (
            "peer_silent",
            "The other program crashed, lost its network or does not answer pings, as RTMP wants it; it can connect again.",
        ),
        Session::Chunk { .. }
        | Session::Command { .. }
        | Session::TooMuchEarlyMedia(_)
        | Session::TooMuchBeforeConnect(_) => {
            ("protocol_error", "The other program does not follow RTMP; update it, or report this with its name.")
        }
        Session::Closed => return None,
    })
}

/// An error's words as a sentence.
fn sentence(words: &str) -> String {
    let mut chars = words.chars();
    chars.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), chars.as_str()))
}
