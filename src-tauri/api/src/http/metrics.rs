//! Numbers for monitoring, on an address of their own.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::header::{ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use weir_engine::Engine;
use weir_engine::metrics::{self, Form, PROFILE_SECONDS, ProfileError};

use super::guard::own_only;
use super::{Own, Token};
use crate::extract::Query;

/// Seconds of a profile when nothing is said, as `go tool pprof` expects.
const USUAL_SECONDS: u64 = 30;

#[derive(Debug, Clone)]
struct Shared {
    engine: Engine,
    /// What a profile needs; none on an address that only this computer reaches.
    token: Option<Token>,
}

/// `/metrics`, `/debug/vars` and `/debug/pprof/profile`. The numbers hold no secrets; a profile costs computing time, so it needs
/// `token` when there is one. Only for whoever calls this computer by a name that is its `own`: a page of somebody else must not
/// read them through a browser.
pub fn numbers(engine: Engine, token: Option<Token>, own: Own) -> Router {
    let router = Router::new()
        .route("/metrics", get(prometheus))
        .route("/debug/vars", get(vars))
        .route("/debug/pprof/profile", get(profile))
        .fallback(async || {
            let text = "Weir's numbers are at /metrics, /debug/vars and /debug/pprof/profile?seconds=30\n";
            (StatusCode::NOT_FOUND, text)
        })
        .with_state(Shared { engine, token });
    own_only(router, own)
}

async fn prometheus(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    let form = Form::of_accept(headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()));
    let text = metrics::prometheus(metrics::gather(&shared.engine), form);
    let about = [(CONTENT_TYPE, form.media_type()), (CACHE_CONTROL, "no-store")];
    (about, [(VARY, "accept")], text).into_response()
}

async fn vars(State(shared): State<Shared>) -> Response {
    let json = metrics::vars(&metrics::gather(&shared.engine)).to_string();
    ([(CONTENT_TYPE, "application/json; charset=utf-8"), (CACHE_CONTROL, "no-store")], json).into_response()
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Wanted {
    seconds: Option<u64>,
    token: Option<String>,
}

async fn profile(State(shared): State<Shared>, headers: HeaderMap, Query(wanted): Query<Wanted>) -> Response {
    let offered =
        headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|value| value.split_once(' '));
    let offered = offered.map(|(_, token)| token.trim().to_owned()).or(wanted.token);
    if let Some(token) = &shared.token
        && !offered.is_some_and(|offered| token.is(offered.as_bytes()))
    {
        let text = "A profile needs the access token: ?token=... or Authorization: Bearer. weir serve prints it.\n";
        return (StatusCode::UNAUTHORIZED, text).into_response();
    }
    let seconds = wanted.seconds.unwrap_or(USUAL_SECONDS);
    if !PROFILE_SECONDS.contains(&seconds) {
        let (least, most) = (PROFILE_SECONDS.start(), PROFILE_SECONDS.end());
        return (StatusCode::BAD_REQUEST, format!("seconds must be between {least} and {most}\n")).into_response();
    }
    match metrics::profile(Duration::from_secs(seconds)).await {
        Ok(bytes) => {
            let name = "attachment; filename=\"weir.pb\"";
            ([(CONTENT_TYPE, "application/octet-stream"), (CONTENT_DISPOSITION, name)], bytes).into_response()
        }
        Err(error) => {
            let status = match error {
                ProfileError::Unsupported => StatusCode::NOT_IMPLEMENTED,
                ProfileError::Busy => StatusCode::TOO_MANY_REQUESTS,
                ProfileError::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
            };
            (status, format!("{error}\n")).into_response()
        }
    }
}
