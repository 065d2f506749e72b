//! Why a server does not take a stream, in its words and in ours.

use std::fmt;

use crate::command::{Status, code};
use crate::login::Demand;
use crate::url::PublishUrl;

/// What we had asked for when the server refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// `connect`.
    Connect,
    /// `createStream`.
    CreateStream,
    /// `publish`.
    Publish,
    /// Nothing: the stream was running.
    Publishing,
}

/// What a refusal means for the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalKind {
    /// Somebody publishes with this key already, or an earlier connection of ours still counts. Waiting helps.
    NameTaken,
    /// The key or password is wrong, or the account may not stream.
    Unauthorized,
    /// The server has no such application: the address is wrong.
    UnknownApp,
    /// The server wants a user name and a password, and the address has none.
    LoginNeeded,
    /// The user name or the password of the address is wrong.
    LoginRefused,
    /// Any other reason.
    Other,
}

/// A server's refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What had been asked.
    pub stage: Stage,
    /// What it means.
    pub kind: RefusalKind,
    /// The server's code, e.g. `NetStream.Publish.BadName`; may be empty.
    pub code: String,
    /// The server's sentence with the stream key blotted out; may be empty.
    pub description: String,
}

impl Refusal {
    pub(super) fn new(stage: Stage, status: Status, demand: Option<&Demand>, url: &PublishUrl) -> Self {
        let kind = match (demand, &url.credentials) {
            (Some(_), None) => RefusalKind::LoginNeeded,
            (Some(_), Some(_)) => RefusalKind::LoginRefused,
            (None, _) => classify(&status),
        };
        Self { stage, kind, code: url.mask(&status.code), description: url.mask(&status.description) }
    }
}

fn classify(status: &Status) -> RefusalKind {
    match status.code.as_str() {
        code::PUBLISH_BAD_NAME => RefusalKind::NameTaken,
        code::PUBLISH_UNAUTHORIZED | code::PUBLISH_DENIED => RefusalKind::Unauthorized,
        code::CONNECT_INVALID_APP => RefusalKind::UnknownApp,
        _ => RefusalKind::Other,
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            RefusalKind::NameTaken => "somebody is already streaming with this key",
            RefusalKind::Unauthorized => "the server does not accept the stream key",
            RefusalKind::UnknownApp => "the server does not know the application in the address",
            RefusalKind::LoginNeeded => "the server asks for a user name and a password",
            RefusalKind::LoginRefused => "the server does not accept the user name or the password",
            RefusalKind::Other => "the server refused the stream",
        })?;
        match (self.code.as_str(), self.description.as_str()) {
            ("", "") => Ok(()),
            ("", description) => write!(f, " ({description})"),
            (code, "") => write!(f, " ({code})"),
            (code, description) => write!(f, " ({code}: {description})"),
        }
    }
}
