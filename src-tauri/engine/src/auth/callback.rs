//! Asking another program, over HTTP: it is sent what somebody wants to do, and any 2xx means yes.

use std::time::Duration;

use serde::Serialize;
use tokio::sync::Semaphore;
use weir_media::Secret;

use super::attempt::Attempt;
use super::config::Config;
use super::shares::Shares;
use crate::hook::config::public_part;
use crate::net::http_client::{Client, Post};
use crate::net::network;
use crate::secrets::Secrets;

/// Calls at a time, half of them for one address at most. More attempts wait for their turn within the time-out; a callback that
/// hangs must not collect sockets.
const MAX_CALLS: usize = 64;
/// Attempts that wait at a time, half of them of one address at most; beyond it the answer is no at once, so that a flood cannot fill the memory.
const MAX_WAITING: usize = 1024;

/// The other program.
#[derive(Debug)]
pub(super) struct Callback {
    client: Option<Client>,
    calls: Semaphore,
    places: Semaphore,
    shares: Shares,
}

/// What it is sent, in the words of the predecessor.
#[derive(Serialize)]
struct Question<'a> {
    action: &'static str,
    app: &'a str,
    stream_name: &'a str,
    stream_key: &'a str,
    token: &'a str,
    remote_addr: String,
    protocol: &'a str,
    agent: Option<&'a str>,
}

/// Why an address is no callback.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallbackError {
    /// It is no address.
    #[error("it is no address of the form http://host/path")]
    NoUrl,
    /// It is an address of something else.
    #[error("it begins neither with http:// nor with https://")]
    Scheme,
}

/// Checks the address of a callback.
pub fn check_callback(url: &str) -> Result<(), CallbackError> {
    let url = reqwest::Url::parse(url).map_err(|_| CallbackError::NoUrl)?;
    match url.scheme() {
        "http" | "https" if url.has_host() => Ok(()),
        "http" | "https" => Err(CallbackError::NoUrl),
        _ => Err(CallbackError::Scheme),
    }
}

/// The name under which the whole address of the callback is kept with the secrets, where the settings have its host alone.
pub const CALLBACK_SECRET: &str = "auth/callback";

/// The address of a callback as it belongs into the settings, and all of it where it has a user name, a password or a query:
/// then the settings have its host alone.
pub fn split_callback(url: &str) -> (String, Option<Secret<String>>) {
    let url = url.trim();
    let has_secret = reqwest::Url::parse(url).is_ok_and(|url| {
        !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some()
    });
    if has_secret { (public_part(url), Some(Secret::new(url.to_owned()))) } else { (url.to_owned(), None) }
}

/// The address that is asked, with everything that is kept of it.
pub(super) fn whole_callback(config: &Config, secrets: &Secrets) -> Option<Secret<String>> {
    let url = config.callback.as_ref()?;
    // Another address in the settings file, or of a flag, is not what was kept.
    let kept = secrets.find(CALLBACK_SECRET).filter(|kept| public_part(kept.expose()) == *url);
    Some(kept.unwrap_or_else(|| Secret::new(url.clone())))
}

/// The address of the callback as it may be shown: of one with a user name, a password or a query the host alone.
pub fn shown_callback(config: &Config, secrets: &Secrets) -> Option<String> {
    let whole = whole_callback(config, secrets)?;
    let (open, secret) = split_callback(whole.expose());
    Some(if secret.is_some() { format!("{open}/•••") } else { open })
}

/// Why there is no yes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NoAnswer {
    /// It said no.
    Refused(u16),
    /// It was not asked, did not answer, or said only that it is busy or broken; the words say why.
    Failed(String),
}

impl Callback {
    pub(super) fn new() -> Self {
        let client = Client::new().inspect_err(|error| tracing::error!(%error, "no callback can be called")).ok();
        let places = MAX_CALLS + MAX_WAITING;
        let shares = Shares::half_of(MAX_CALLS, places);
        Self { client, calls: Semaphore::new(MAX_CALLS), places: Semaphore::new(places), shares }
    }

    /// Asks. Takes no longer than the time-out, waiting for a turn included.
    pub(super) async fn ask(
        &self,
        url: Option<&Secret<String>>,
        limit: Duration,
        attempt: &Attempt,
    ) -> Result<(), NoAnswer> {
        let Some(url) = url else { return Err(failed("no callback is set; set auth.callback")) };
        let Some(client) = &self.client else { return Err(failed("this system lets no HTTP address be called")) };
        // Its own first: who waits for that holds up nobody else.
        let share = attempt.peer.map(|peer| self.shares.of(network(peer.ip())));
        let own_place = share.as_ref().map(|share| share.places.try_acquire()).transpose();
        let Ok(_own_place) = own_place else { return Err(failed("too many attempts from this address wait for it")) };
        let Ok(_place) = self.places.try_acquire() else { return Err(failed("too many attempts wait for it")) };
        let asking = async {
            let _own_turn = match &share {
                Some(share) => Some(share.calls.acquire().await.map_err(|_| failed("Weir is shutting down"))?),
                None => None,
            };
            let _turn = self.calls.acquire().await.map_err(|_| failed("Weir is shutting down"))?;
            let body = question(attempt).ok_or_else(|| failed("the question cannot be written"))?;
            let answer = client.post_json(Post { url: url.expose(), headers: &[], body, limit }).await;
            let answer = answer.map_err(|error| NoAnswer::Failed(error.to_string()))?;
            match answer.status {
                _ if answer.is_success() => Ok(()),
                status if answer.is_passing() => Err(NoAnswer::Failed(format!("it answered {status}"))),
                status => Err(NoAnswer::Refused(status)),
            }
        };
        tokio::time::timeout(limit, asking)
            .await
            .unwrap_or_else(|_| Err(failed("the other side did not answer in time")))
    }
}

fn failed(why: &str) -> NoAnswer {
    NoAnswer::Failed(why.to_owned())
}

fn question(attempt: &Attempt) -> Option<String> {
    let path = &attempt.path;
    serde_json::to_string(&Question {
        action: attempt.action.name(),
        app: path.app(),
        stream_name: path.name(),
        stream_key: path.as_str(),
        token: attempt.token.as_ref().map_or("", |token| token.expose().as_str()),
        remote_addr: attempt.peer.map(|peer| peer.to_string()).unwrap_or_default(),
        protocol: attempt.protocol,
        agent: attempt.agent.as_deref(),
    })
    .ok()
}
