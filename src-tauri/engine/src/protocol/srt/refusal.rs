//! Why a caller is refused: a code for its program, a sentence for its owner and ours.

use std::net::SocketAddr;

use weir_hub::{PublishError, SubscribeError};
use weir_media::StreamPath;
use weir_srt::handshake::{Reject, StreamId};
use weir_srt::listener;

use super::listen::Shared;
use crate::auth;
use crate::limits::Full;
use crate::problem::Report;

/// Most characters of a stream id that are shown.
const MAX_SHOWN: usize = 120;

/// The fixed word for streams beyond `limits.streams`.
pub(super) const TOO_MANY_STREAMS: &str = "too_many_streams";

/// Why a caller is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// What the caller's program is told.
    pub(super) reject: Reject,
    /// A fixed word for programs.
    pub(super) code: &'static str,
    /// What is wrong, going on from "A caller was refused: ".
    pub(super) cause: String,
    /// What to do about it.
    pub(super) hint: &'static str,
    /// The stream, if it is known.
    pub(super) path: Option<StreamPath>,
    /// Whether people have been told elsewhere.
    pub(super) told: bool,
}

impl Refusal {
    /// Tells people who was refused and why.
    pub(super) fn tell(&self, shared: &Shared, peer: SocketAddr, stream_id: &StreamId) {
        let ip = peer.ip().to_canonical();
        tracing::debug!(%peer, code = self.code, reject = %self.reject, cause = self.cause, "SRT caller refused");
        if self.told {
            return;
        }
        let id = shown(stream_id);
        let id = if id.is_empty() { "no stream id".to_owned() } else { format!("stream id {id:?}") };
        shared.context.problems.report(Report {
            code: self.code,
            message: format!("An SRT caller with {id} was refused: {}.", self.cause),
            hint: self.hint.to_owned(),
            path: self.path.as_ref().map(|path| path.as_str().to_owned()),
            peer: Some(ip.to_string()),
        });
    }
}

/// A stream id without what may be secret in it: the query, the session and the password.
fn shown(id: &StreamId) -> String {
    let text = id.as_str();
    let hidden = match text.strip_prefix("#!::") {
        Some(list) => {
            let items = list.split(',').map(|item| match item.split_once('=') {
                Some(("s", _)) => "s=…".to_owned(),
                Some((key, value)) => format!("{key}={}", value.split('?').next().unwrap_or_default()),
                None => item.to_owned(),
            });
            format!("#!::{}", items.collect::<Vec<_>>().join(","))
        }
        None => {
            let plain = text.split('?').next().unwrap_or_default();
            // What follows the second colon is a query or a password.
            plain.splitn(3, ':').take(2).collect::<Vec<_>>().join(":")
        }
    };
    hidden.chars().filter(|letter| !letter.is_control()).take(MAX_SHOWN).collect()
}

const fn new(reject: Reject, code: &'static str, cause: String, hint: &'static str) -> Refusal {
    Refusal { reject, code, cause, hint, path: None, told: false }
}

fn of(path: &StreamPath, reject: Reject, code: &'static str, cause: String, hint: &'static str) -> Refusal {
    Refusal { path: Some(path.clone()), ..new(reject, code, cause, hint) }
}

/// What the protocol itself has refused.
pub(super) fn of_protocol(refused: &listener::Refusal) -> Refusal {
    let (code, hint) = match refused.reject {
        Reject::VERSION => {
            ("srt_too_old", "Update the encoder or player: its SRT library is older than version 1.3 of 2018.")
        }
        Reject::MESSAGE_API | Reject::CONGESTION => {
            ("srt_file_mode", "Set it to live mode: transtype=live, and no other congestion control.")
        }
        Reject::FILTER => {
            ("srt_fec", "Switch forward error correction (packetfilter) off; lost packets are sent again.")
        }
        Reject::GROUP => ("srt_bonding", "Switch bonding (groups) off and use a single connection."),
        Reject::CRYPTO => {
            ("srt_cipher", "Set the encryption to AES-CTR (cryptomode=1), which is what most programs use.")
        }
        _ => ("srt_malformed", "Check that the other program speaks SRT, and update it."),
    };
    new(refused.reject, code, refused.cause.trim_end_matches('.').to_owned(), hint)
}

pub(super) fn stream_id(why: &str) -> Refusal {
    new(
        Reject::BAD_REQUEST,
        "srt_stream_id",
        format!("its stream id cannot be used: {why}"),
        "Write the stream id as publish:live/stream or #!::r=live/stream,m=publish.",
    )
}

pub(super) fn both_ways() -> Refusal {
    new(
        Reject::BAD_MODE,
        "srt_stream_id",
        "its stream id asks to publish and to play at once (m=bidirectional)".to_owned(),
        "Use one connection for each: m=publish or m=request.",
    )
}

pub(super) fn file_mode() -> Refusal {
    new(
        Reject::BAD_MODE,
        "srt_file_mode",
        "its stream id asks for the transfer of a file (t=file)".to_owned(),
        "Leave t out of the stream id, or set it to stream.",
    )
}

pub(super) fn no_stream_id() -> Refusal {
    new(
        Reject::BAD_REQUEST,
        "srt_no_stream_id",
        "it did not say which stream it means".to_owned(),
        "Set a stream id in the encoder, or a default stream in Weir's SRT settings.",
    )
}

pub(super) fn passphrase_missing(path: &StreamPath) -> Refusal {
    of(
        path,
        Reject::UNSECURE,
        "srt_passphrase_missing",
        format!("{path} has a passphrase, and it gave none"),
        "Enter the stream's passphrase in the encoder or player.",
    )
}

pub(super) fn passphrase_unexpected(path: &StreamPath) -> Refusal {
    of(
        path,
        Reject::UNSECURE,
        "srt_passphrase_unexpected",
        format!("it encrypts, and {path} has no passphrase"),
        "Set the same passphrase in Weir's SRT settings, or remove it from the encoder or player.",
    )
}

pub(super) fn passphrase_not_set(path: &StreamPath) -> Refusal {
    of(
        path,
        Reject::UNAVAILABLE,
        "srt_passphrase_not_set",
        "encryption is switched on, and no passphrase is set".to_owned(),
        "Set the passphrase in Weir's SRT settings, or switch encryption off.",
    )
}

pub(super) fn no_passphrase_file(path: &StreamPath) -> Refusal {
    of(
        path,
        Reject::UNAVAILABLE,
        "srt_passphrase_not_set",
        "the passphrase file cannot be read".to_owned(),
        "Correct the passphrase file; it is read again when it changes.",
    )
}

pub(super) fn unknown_stream(path: &StreamPath) -> Refusal {
    of(
        path,
        Reject::NOT_FOUND,
        "srt_unknown_stream",
        format!("{path} has no passphrase, and every stream needs one"),
        "Give the stream a passphrase in Weir's SRT settings or the passphrase file, or correct the stream id.",
    )
}

pub(super) fn key_length(path: &StreamPath, required: usize, used: usize) -> Refusal {
    of(
        path,
        Reject::UNACCEPTABLE,
        "srt_key_length",
        format!("its key has {used} bytes (AES-{}), {required} (AES-{}) are required", used * 8, required * 8),
        "Set the same key length (pbkeylen) in the encoder, or require none in Weir's SRT settings.",
    )
}

/// What trying the passphrase has shown.
pub(super) fn wrong(reject: Reject, path: &StreamPath) -> Refusal {
    match reject {
        Reject::BAD_SECRET => of(
            path,
            reject,
            "srt_passphrase_wrong",
            format!("its passphrase is not the one of {path}"),
            "Enter the stream's passphrase in the encoder or player again; capitals matter.",
        ),
        _ => of(path, reject, "srt_encryption", reject.to_string(), "Compare the encryption settings of both ends."),
    }
}

/// Too many wrong passphrases, or keys, came from its address. Of whatever streams: one line for all of them.
pub(super) fn shut_out(refusal: &auth::Refusal) -> Refusal {
    Refusal {
        told: refusal.repeated,
        ..new(
            Reject::FORBIDDEN,
            refusal.code,
            "too many wrong passphrases or keys came from its address, which is not listened to for a while".to_owned(),
            "If this is your program, correct its passphrase and wait a minute; if not, keep the address out.",
        )
    }
}

pub(super) fn publish(error: &PublishError, path: &StreamPath) -> Refusal {
    let (reject, code, hint) = match error {
        PublishError::AlreadyLive { .. } => (
            Reject::CONFLICT,
            "stream_in_use",
            "Stop the other encoder, use another stream id, or let a newcomer take over in the settings.",
        ),
        PublishError::TooManyStreams(_) => {
            (Reject::RESOURCE, TOO_MANY_STREAMS, "Stop streams that are no longer needed.")
        }
        PublishError::Shutdown => (Reject::CLOSED, "shutting_down", ""),
    };
    let by = match error {
        PublishError::AlreadyLive { by, .. } => by.as_ref().and_then(|by| by.peer),
        _ => None,
    };
    let from = by.map(|peer| format!(" from {peer}")).unwrap_or_default();
    Refusal { told: matches!(error, PublishError::Shutdown), ..of(path, reject, code, format!("{error}{from}"), hint) }
}

pub(super) fn subscribe(error: &SubscribeError, path: &StreamPath) -> Refusal {
    match error {
        SubscribeError::TooManyStreams(_) => {
            of(path, Reject::RESOURCE, TOO_MANY_STREAMS, error.to_string(), "Stop streams that are no longer needed.")
        }
        SubscribeError::TooManyPlayers(_) => {
            let hint = "Raise limits.players_per_stream in the settings if this audience is expected.";
            of(path, Reject::RESOURCE, "too_many_players", error.to_string(), hint)
        }
        SubscribeError::Shutdown => {
            Refusal { told: true, ..of(path, Reject::CLOSED, "shutting_down", error.to_string(), "") }
        }
    }
}

pub(super) fn not_found(path: &StreamPath) -> Refusal {
    of(
        path,
        Reject::NOT_FOUND,
        "stream_not_found",
        format!("it wants to play {path}, which nobody publishes"),
        "Start the encoder, or correct the stream id in the player.",
    )
}

/// No place among all connections, whatever their protocol.
pub(super) fn full(full: Full) -> Refusal {
    new(Reject::RESOURCE, full.code(), full.to_string(), full.hint())
}

pub(super) fn too_many(limit: usize) -> Refusal {
    new(
        Reject::RESOURCE,
        "too_many_connections",
        format!("there are already {limit} SRT connections"),
        "Stop what is not needed, or use a second listener.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_secret_in_a_stream_id_is_not_shown() {
        for (id, expected) in [
            ("#!::r=live/a?token=canary,m=publish,s=canary", "#!::r=live/a,m=publish,s=…"),
            ("publish:live/a?token=canary", "publish:live/a"),
            ("publish:live/a:joe:canary", "publish:live/a"),
            ("publish:live/a:token=canary", "publish:live/a"),
            ("live/a?canary", "live/a"),
            ("live/\u{1b}[31ma", "live/[31ma"),
            ("", ""),
        ] {
            assert_eq!(shown(&StreamId::new(id.to_owned())), expected, "{id}");
        }
    }
}
