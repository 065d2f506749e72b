//! The question a protocol asks the gate, and the two answers.

use std::fmt;
use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use weir_media::{Secret, StreamPath};

use super::guests::Guest;

/// What somebody wants to do with a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Send it.
    Publish,
    /// Watch it.
    Play,
}

impl Action {
    /// As it stands in settings and on every wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Play => "play",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Somebody wants to publish or to play.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// What for.
    pub action: Action,
    /// The stream.
    pub path: StreamPath,
    /// The token that came along, if any.
    pub token: Option<Secret<String>>,
    /// Where it comes from, where that is known.
    pub peer: Option<SocketAddr>,
    /// The protocol as people write it: `rtmp`, `rtmps`, `srt`, `http`.
    pub protocol: &'static str,
    /// What the other program calls itself.
    pub agent: Option<String>,
}

/// Leave to publish or to play. Keep it for as long as that goes on, and end when it is revoked.
#[derive(Debug, Clone)]
pub struct Grant {
    asked: bool,
    revoked: Option<CancellationToken>,
    /// The entry among those who are in.
    _guest: Option<Arc<Guest>>,
}

impl Grant {
    /// For everybody: nobody was asked for a key.
    pub const fn open() -> Self {
        Self { asked: false, revoked: None, _guest: None }
    }

    /// For somebody whom another program let in: it does not say when that is over.
    pub(crate) const fn for_good() -> Self {
        Self { asked: true, revoked: None, _guest: None }
    }

    /// For somebody who showed that he may, until `revoked` is cancelled.
    pub(crate) const fn until(revoked: CancellationToken) -> Self {
        Self { asked: true, revoked: Some(revoked), _guest: None }
    }

    /// What ends it when somebody is put out; a key that is revoked does so too.
    pub(super) fn end(&self) -> CancellationToken {
        self.revoked.as_ref().map_or_else(CancellationToken::new, CancellationToken::child_token)
    }

    /// The same for somebody who is written down as `guest`, until `end` is cancelled.
    pub(super) fn held(self, guest: Arc<Guest>, end: CancellationToken) -> Self {
        Self { revoked: Some(end), _guest: Some(guest), ..self }
    }

    /// Whether somebody had to show that he may.
    pub const fn was_asked_for(&self) -> bool {
        self.asked
    }

    /// Whether it holds no more.
    pub fn is_revoked(&self) -> bool {
        self.revoked.as_ref().is_some_and(CancellationToken::is_cancelled)
    }

    /// Resolves when it holds no more. Cancel-safe.
    pub async fn revoked(&self) {
        match &self.revoked {
            Some(revoked) => revoked.cancelled().await,
            None => pending().await,
        }
    }
}

/// Why somebody is not let in, as far as a protocol must know to choose its own code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The key is missing, wrong or not for this: RTMP `Denied`, HTTP 401.
    Unauthorized,
    /// Too many wrong tries from this address: HTTP 429.
    TooManyTries,
    /// Who may enter cannot be found out now: HTTP 503.
    Unavailable,
}

/// A refusal in words for the peer. The operator has been told already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What kind.
    pub why: Why,
    /// A fixed word for programs, e.g. `wrong_key`.
    pub code: &'static str,
    /// One sentence for the peer: what is wrong. Tells nothing that helps to guess.
    pub message: String,
    /// One sentence for the peer: what to do.
    pub hint: String,
    /// Whether the same was told of this address a moment ago, so that nobody needs to hear it again.
    pub repeated: bool,
}
