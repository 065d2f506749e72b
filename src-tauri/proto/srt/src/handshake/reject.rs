//! Why a caller is refused ("Handshake Rejection Reasons", and the reference implementation's access control codes).

use std::fmt;

/// A reason, as its number in programs: 0 to 17 of the protocol, from 1000 on those of servers, which follow HTTP, from
/// 2000 on those of applications. On the wire each is 1000 more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Reject(pub u32);

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $word:literal, $text:literal;)*) => {
        impl Reject {
            $(#[doc = concat!($text, ".")] pub const $name: Self = Self($code);)*

            const TABLE: &'static [(u32, &'static str, &'static str)] = &[$(($code, $word, $text)),*];
        }
    };
}

reasons! {
    UNKNOWN = 0, "unknown", "the other end refused and did not say why";
    SYSTEM = 1, "system", "the other end's operating system failed";
    PEER = 2, "peer", "the other end's application refused the connection";
    RESOURCE = 3, "resource", "the other end is out of memory or other resources";
    ROGUE = 4, "rogue", "the handshake was malformed";
    BACKLOG = 5, "backlog", "too many callers are waiting to be let in";
    INTERNAL = 6, "internal", "the other end had an internal error";
    CLOSED = 7, "closed", "the listener is being closed";
    VERSION = 8, "version", "the caller's SRT version is too old or too new";
    COOKIE = 9, "cookie", "the cookies of a rendezvous collided";
    BAD_SECRET = 10, "bad_secret", "the passphrase is wrong";
    UNSECURE = 11, "unsecure", "one end has a passphrase and the other has none";
    MESSAGE_API = 12, "message_api", "one end is in live mode and the other in file mode";
    CONGESTION = 13, "congestion", "the ends want different congestion control";
    FILTER = 14, "filter", "the ends want different packet filters (FEC)";
    GROUP = 15, "group", "bonded connections are not taken";
    TIMEOUT = 16, "timeout", "the other end took too long";
    CRYPTO = 17, "crypto", "the ends want different ciphers (AES-CTR is offered)";
    BAD_REQUEST = 1400, "bad_request", "the stream id cannot be read";
    UNAUTHORIZED = 1401, "unauthorized", "the stream needs a user and a password or a token";
    OVERLOAD = 1402, "overload", "the server is too busy";
    FORBIDDEN = 1403, "forbidden", "access to the stream is not allowed";
    NOT_FOUND = 1404, "not_found", "there is no such stream";
    BAD_MODE = 1405, "bad_mode", "the stream cannot be used in this mode";
    UNACCEPTABLE = 1406, "unacceptable", "the wishes for the stream cannot be met";
    CONFLICT = 1409, "conflict", "the stream is already being published";
    MEDIA_TYPE = 1415, "media_type", "the kind of media is not supported";
    LOCKED = 1423, "locked", "the stream is locked";
    SERVER_ERROR = 1500, "server_error", "the server failed";
    NOT_IMPLEMENTED = 1501, "not_implemented", "the server cannot do that";
    UNAVAILABLE = 1503, "unavailable", "the service is down";
    KEY_UNSUPPORTED = 1001, "key_unsupported", "the stream id has a key that is not supported";
}

impl Reject {
    pub(super) const fn from_wire(value: u32) -> Self {
        Self(value.saturating_sub(1000))
    }

    pub(super) const fn to_wire(self) -> u32 {
        self.0.saturating_add(1000)
    }

    /// The reason as one word, for logs and programs; `None` for a code without a name.
    pub fn name(self) -> Option<&'static str> {
        Self::TABLE.iter().find(|(code, ..)| *code == self.0).map(|(_, name, _)| *name)
    }
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Self::TABLE.iter().find(|(code, ..)| *code == self.0) {
            Some((.., text)) => write!(f, "{text} (code {})", self.to_wire()),
            None => write!(f, "the other end refused with code {}", self.to_wire()),
        }
    }
}
