//! Whoever has no access token, but a key for watching a stream: of the whole API the live picture of that stream opens, when the
//! gate says so, as it does for a player over RTMP or SRT.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::USER_AGENT;
use axum::http::{Method, Uri};
use weir_engine::Context;
use weir_engine::auth::{Action, Attempt, Grant, Refusal, Why};
use weir_engine::lifecycle::Connection;
use weir_engine::limits::{Full, Place};
use weir_engine::problem::Report;
use weir_hub::Origin;
use weir_media::{Secret, StreamPath};

use crate::error::{Code, Error};

/// The protocol as people write it.
const PROTOCOL: &str = "http";
/// Most characters of what a program calls itself.
const MAX_AGENT: usize = 100;

/// Somebody who may watch one stream. What it holds is given back when the last clone of it is dropped.
#[derive(Debug, Clone)]
pub(crate) struct Viewer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: StreamPath,
    origin: Origin,
    grant: Grant,
    /// The connection as hooks and numbers see it.
    _life: Connection,
    _place: Place,
}

/// Somebody who asks for a live picture and brings a key.
#[derive(Debug)]
pub(super) struct Knock {
    path: StreamPath,
    token: Secret<String>,
    agent: Option<String>,
}

impl Knock {
    /// What `request` asks for; `None` where it is anything else or brings no key.
    pub(super) fn of(request: &Request<Body>, bearer: Option<&str>) -> Option<Self> {
        let path = watched(request.method(), request.uri())?;
        let token = key(request.uri()).or_else(|| bearer.map(str::to_owned)).filter(|key| !key.is_empty())?;
        let agent = request.headers().get(USER_AGENT).and_then(|agent| agent.to_str().ok());
        let agent = agent.map(|agent| agent.chars().take(MAX_AGENT).collect());
        Some(Self { path, token: Secret::new(token), agent })
    }

    /// Asks the gate. `None` where nobody is asked for keys: the address of the page is no listener for players, and is never open to
    /// everybody.
    pub(super) async fn admit(self, context: &Context, peer: SocketAddr) -> Option<Result<Viewer, Error>> {
        if context.gate.is_open() {
            return None;
        }
        let place = match context.places.take(peer) {
            Ok(place) => place,
            Err(full) => return Some(Err(too_many(context, peer, full))),
        };
        let life = context.life.accept(PROTOCOL, Some(peer), false);
        life.handshake_complete();
        let Self { path, token, agent } = self;
        let origin = Origin { protocol: PROTOCOL, peer: Some(peer), agent: agent.clone(), connection: Some(life.id()) };
        let attempt = Attempt {
            action: Action::Play,
            path: path.clone(),
            token: Some(token),
            peer: Some(peer),
            protocol: PROTOCOL,
            agent,
        };
        match context.gate.check(attempt).await {
            Ok(grant) if grant.was_asked_for() => {
                life.auth_succeeded();
                Some(Ok(Viewer(Arc::new(Inner { path, origin, grant, _life: life, _place: place }))))
            }
            Ok(_) => None,
            Err(refusal) => {
                life.auth_failed(Action::Play, &path, &refusal);
                Some(Err(refused(refusal)))
            }
        }
    }
}

impl Viewer {
    /// Who watches, as the hub knows it; `None` for another stream than the gate was asked about.
    pub(crate) fn origin(&self, path: &StreamPath) -> Option<Origin> {
        (self.0.path == *path).then(|| self.0.origin.clone())
    }

    /// Resolves when it may watch no longer. Cancel-safe.
    pub(crate) async fn put_out(&self) {
        self.0.grant.revoked().await;
    }
}

fn too_many(context: &Context, peer: SocketAddr, full: Full) -> Error {
    let message = format!("A player over HTTP was refused: {full}.");
    let peer = Some(peer.ip().to_canonical().to_string());
    context.problems.report(Report { code: full.code(), message, hint: full.hint().to_owned(), path: None, peer });
    Error::new(Code::TooManyClients, "Too many programs are connected.", "Try again later.")
}

/// The gate's answer in the words of HTTP.
fn refused(refusal: Refusal) -> Error {
    let code = match refusal.why {
        Why::Unauthorized => Code::Unauthorized,
        Why::TooManyTries => Code::TooManyTries,
        Why::Unavailable => Code::AccessUnknown,
    };
    Error::new(code, refusal.message, refusal.hint)
}

/// The stream whose live picture is asked for. One part of the address is its name, so nothing else of the API is meant.
fn watched(method: &Method, uri: &Uri) -> Option<StreamPath> {
    let name = uri.path().strip_prefix("/api/v1/streams/")?.strip_suffix("/preview")?;
    let is_picture = *method == Method::GET && !name.contains('/');
    StreamPath::parse(&decoded(name.bytes())?).ok().filter(|_| is_picture)
}

/// The key in the address: a page has no other place for it when it opens a WebSocket.
fn key(uri: &Uri) -> Option<String> {
    let mut pairs = uri.query()?.split('&');
    pairs.find_map(|pair| decoded(pair.strip_prefix("token=")?.bytes()))
}

/// `%2F` is a slash (RFC 3986); `None` where that cannot be read.
fn decoded(mut text: impl Iterator<Item = u8>) -> Option<String> {
    let mut bytes = Vec::new();
    while let Some(byte) = text.next() {
        let mut digit = || char::from(text.next()?).to_digit(16);
        bytes.push(if byte == b'%' { u8::try_from(digit()? << 4 | digit()?).ok()? } else { byte });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_a_live_picture_is_meant() {
        let path = |method, uri: &str| watched(&method, &uri.parse().unwrap()).map(|path| path.as_str().to_owned());
        assert_eq!(path(Method::GET, "/api/v1/streams/live%2Fshow/preview?token=a").as_deref(), Some("live/show"));
        assert_eq!(path(Method::GET, "/api/v1/streams/show/preview").as_deref(), Some("show"));
        for uri in [
            "/api/v1/streams/preview",
            "/api/v1/streams//preview",
            "/api/v1/streams/live%2Fshow",
            "/api/v1/streams/live/show/preview",
            "/api/v1/streams/live%2Fshow/preview/",
            "/api/v1/streams/live%2/preview",
            "/api/v1/streams/live%FF/preview",
            "/api/v1/streams/..%2Fstatus/preview",
            "/api/v1/recordings/a/preview",
            "/api/v1/status",
        ] {
            assert_eq!(path(Method::GET, uri), None, "{uri}");
        }
        assert_eq!(path(Method::DELETE, "/api/v1/streams/live%2Fshow/preview"), None);
    }

    #[test]
    fn a_key_is_read_from_the_address() {
        let key = |uri: &str| key(&uri.parse().unwrap());
        assert_eq!(key("/p?mode=segments&token=a%2bb+c").as_deref(), Some("a+b+c"));
        assert_eq!((key("/p"), key("/p?atoken=a"), key("/p?token=%")), (None, None, None));
    }
}
