//! Who may use the API over HTTP.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, COOKIE, HOST, HeaderMap, HeaderValue, ORIGIN, SET_COOKIE, WWW_AUTHENTICATE};
use axum::http::uri::Authority;
use axum::http::{Method, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use weir_engine::Context;

use super::viewer::Knock;
use super::{Token, headers, page, ui};
use crate::error::{Code, Error};

/// What a request must show.
#[derive(Debug, Clone)]
pub struct Guard {
    /// The token it carries as a cookie, as `Authorization: Bearer`, or once in the start address.
    pub token: Token,
    /// Addresses the server is bound to. An unspecified one (`0.0.0.0`) admits every address as a `Host`: a page of
    /// somebody else reaches us under a name of theirs, never under a bare address.
    pub bound: Vec<IpAddr>,
    /// Names that are admitted as a `Host` beside the loopback ones.
    pub names: Names,
    /// Where wrong tokens are listed, addresses that guess are shut out, and keys for watching are known; `None` in tests of other
    /// things.
    pub context: Option<Context>,
}

/// Names of this computer, without port. They can be changed while they are in use; clones share.
#[derive(Debug, Clone, Default)]
pub struct Names(Arc<RwLock<Vec<String>>>);

impl From<Vec<String>> for Names {
    fn from(names: Vec<String>) -> Self {
        Self(Arc::new(RwLock::new(names)))
    }
}

impl Names {
    /// These and no others from now on.
    pub fn set(&self, names: Vec<String>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = names;
    }

    fn have(&self, host: &str) -> bool {
        let names = self.0.read().unwrap_or_else(PoisonError::into_inner);
        names.iter().any(|name| host.eq_ignore_ascii_case(name))
    }
}

/// Where a request comes from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) SocketAddr);

/// `router` with the UI's files beside it, everything behind `guard`, and the headers that keep other pages away.
pub fn guarded(router: Router, guard: Guard) -> Router {
    let guarded = router.fallback(ui::file).layer(middleware::from_fn_with_state(Arc::new(guard), check));
    headers::secured(guarded)
}

async fn check(State(guard): State<Arc<Guard>>, mut request: Request<Body>, next: Next) -> Response {
    let host = match host(&request, &guard.bound, &guard.names) {
        Ok(host) => host,
        Err(error) => return error.into_response(),
    };
    let api = request.uri().path().starts_with("/api/");
    if let Err(error) = same_origin(request.headers(), request.method(), &host, api) {
        return error.into_response();
    }
    let cookie = cookie_name(&host);
    if guard.is_open(request.headers(), &cookie) {
        return next.run(request).await;
    }
    if api {
        let viewer = match (Knock::of(&request, bearer(request.headers())), &guard.context, peer(&request)) {
            (Some(knock), Some(context), Some(peer)) => knock.admit(context, peer).await,
            _ => None,
        };
        return match viewer {
            Some(Ok(viewer)) => {
                request.extensions_mut().insert(viewer);
                next.run(request).await
            }
            Some(Err(refused)) if refused.code == Code::Unauthorized => challenge(refused),
            Some(Err(refused)) => refused.into_response(),
            None => guard.refuse(&request),
        };
    }
    // The page itself is no secret: it asks for the token where it needs one.
    if request.method() == Method::GET && guard.is_start_address(request.uri()) {
        return guard.hand_out(&cookie);
    }
    next.run(request).await
}

/// What a server is known by, where no token is asked for: the addresses it is bound to, and names.
#[derive(Debug, Clone, Default)]
pub struct Own {
    /// As of [`Guard::bound`].
    pub bound: Vec<IpAddr>,
    /// As of [`Guard::names`].
    pub names: Names,
}

/// `router` for whoever calls this computer by a name of its own and comes from no other page.
pub(super) fn own_only(router: Router, own: Own) -> Router {
    router.layer(middleware::from_fn_with_state(Arc::new(own), check_own))
}

async fn check_own(State(own): State<Arc<Own>>, request: Request<Body>, next: Next) -> Response {
    let checked = host(&request, &own.bound, &own.names)
        .and_then(|host| same_origin(request.headers(), request.method(), &host, true));
    match checked {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

/// The authority the client believes to talk to, when it is one of ours.
fn host(request: &Request<Body>, bound: &[IpAddr], names: &Names) -> Result<Authority, Error> {
    let mut named = request.headers().get_all(HOST).iter();
    let host = match (request.uri().authority(), named.next(), named.next()) {
        (Some(target), _, None) => Some(target.clone()),
        (None, Some(host), None) => host.to_str().ok().and_then(|host| host.parse::<Authority>().ok()),
        _ => None,
    };
    host.filter(|host| is_plain(host) && is_ours(host.host(), bound, names)).ok_or_else(|| {
        Error::new(
            Code::WrongHost,
            "This name is not known as a name of this computer.",
            "Use the address that weir serve printed, or add the name to http.names in the settings file.",
        )
    })
}

fn is_ours(host: &str, bound: &[IpAddr], names: &Names) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse::<IpAddr>() {
        let address = address.to_canonical();
        return address.is_loopback()
            || bound.iter().any(|bound| bound.is_unspecified() || bound.to_canonical() == address);
    }
    host.eq_ignore_ascii_case("localhost") || names.have(host)
}

impl Guard {
    fn is_open(&self, headers: &HeaderMap, cookie: &str) -> bool {
        bearer(headers).is_some_and(|offered| self.token.is(offered.as_bytes()))
            || cookies(headers).any(|(name, value)| name == cookie && self.token.is(value.as_bytes()))
    }

    /// Tells the client that its token is missing or wrong. Only a token that was typed in is a guess: a browser goes on
    /// sending an old cookie by itself.
    fn refuse(&self, request: &Request<Body>) -> Response {
        let peer = peer(request).map(|peer| peer.ip());
        if let (Some(context), Some(peer), true) = (&self.context, peer, bearer(request.headers()).is_some()) {
            let gate = &context.gate;
            if gate.is_shut_out(peer) {
                return Error::new(
                    Code::TooManyTries,
                    "Too many wrong access tokens came from this address.",
                    "Wait a minute, then open the address that weir serve printed.",
                )
                .into_response();
            }
            gate.wrong_key(peer, "the API");
        }
        unauthorized()
    }

    fn is_start_address(&self, uri: &Uri) -> bool {
        let pairs = uri.query().unwrap_or_default().split('&');
        pairs.filter_map(|pair| pair.strip_prefix("token=")).any(|offered| self.token.is(offered.as_bytes()))
    }

    /// Exchanges the token in the address, which stays in histories and logs, for a cookie that scripts cannot read.
    fn hand_out(&self, cookie: &str) -> Response {
        let token = self.token.expose();
        let mut response = page::unlocked();
        let cookie = format!("{cookie}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age=31536000");
        if let Ok(mut value) = HeaderValue::try_from(cookie) {
            value.set_sensitive(true);
            response.headers_mut().insert(SET_COOKIE, value);
        }
        response
    }
}

fn peer(request: &Request<Body>) -> Option<SocketAddr> {
    request.extensions().get::<Peer>().map(|peer| peer.0)
}

/// Nothing but a name and perhaps a port.
fn is_plain(host: &Authority) -> bool {
    let after = host.as_str().strip_prefix(host.host());
    after.is_some_and(|after| {
        after.is_empty() || after.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())
    })
}

/// A browser keeps cookies by host, not by port: two programs on one computer need two names.
fn cookie_name(host: &Authority) -> String {
    format!("weir_{}", host.port_u16().unwrap_or(80))
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

fn cookies(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='))
}

/// Refuses what another page makes the browser send. A program that is no browser sends neither header.
fn same_origin(headers: &HeaderMap, method: &Method, host: &Authority, api: bool) -> Result<(), Error> {
    let foreign_origin = headers.get(ORIGIN).is_some_and(|origin| !is_origin_of(origin, host));
    let site = headers.get("sec-fetch-site").and_then(|site| site.to_str().ok());
    // A person may well follow a link to the page from elsewhere, to the API never.
    let may_be_link = !api && method == Method::GET;
    let foreign_site = matches!(site, Some("cross-site" | "same-site")) && !may_be_link;
    if foreign_origin || foreign_site {
        return Err(Error::new(
            Code::WrongOrigin,
            "Another web page tried to use Weir.",
            "Use Weir's own page; other pages have no access.",
        ));
    }
    Ok(())
}

fn is_origin_of(origin: &HeaderValue, host: &Authority) -> bool {
    let Some((scheme, authority)) = origin.to_str().ok().and_then(|origin| origin.split_once("://")) else {
        return false;
    };
    matches!(scheme, "http" | "https") && authority.eq_ignore_ascii_case(host.as_str())
}

fn unauthorized() -> Response {
    challenge(Error::new(
        Code::Unauthorized,
        "The access token is missing or wrong.",
        "Open the address that weir serve printed, or send the token as Authorization: Bearer.",
    ))
}

/// A refusal that says what would open (RFC 9110, 11.6.1).
fn challenge(refused: Error) -> Response {
    let mut response = refused.into_response();
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"Weir\""));
    response
}
