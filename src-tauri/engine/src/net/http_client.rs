//! Calling HTTP addresses: what hooks and the auth callback share.
//!
//! `reqwest` over rustls with the *ring* provider and the system's own certificates. Nothing is followed elsewhere and nothing
//! goes through a proxy, since what is sent may be secret; answers are read only as far as they are needed.

use std::sync::Arc;
use std::time::Duration;

use rustls_platform_verifier::BuilderVerifierExt as _;

/// How long a connection may take to open: beyond it the other side is not there.
const CONNECT: Duration = Duration::from_secs(5);
/// Most of an answer that is read, in bytes: a huge one must not fill the memory.
const MAX_ANSWER: usize = 16 * 1024;
/// Idle connections kept for each host.
const IDLE: usize = 4;

/// A client. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub(crate) struct Client(reqwest::Client);

/// A request with JSON.
#[derive(Debug)]
pub(crate) struct Post<'a> {
    pub(crate) url: &'a str,
    pub(crate) headers: &'a [(String, String)],
    pub(crate) body: String,
    /// How long all of it may take, the answer included.
    pub(crate) limit: Duration,
}

/// What the other side answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
}

impl Answer {
    /// 2xx.
    pub(crate) const fn is_success(&self) -> bool {
        matches!(self.status, 200..=299)
    }

    /// Whether the same request may succeed later: the other side is busy or broken, not offended.
    pub(crate) const fn is_passing(&self) -> bool {
        matches!(self.status, 408 | 425 | 429 | 500..=599)
    }
}

/// Why there is no answer. Holds neither the address nor what was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PostError {
    /// The request cannot be made at all.
    #[error("{0}")]
    Address(String),
    /// Nothing came in time.
    #[error("the other side did not answer in time")]
    TimedOut,
    /// There is no connection.
    #[error("the other side cannot be reached")]
    Unreachable,
    /// The connection ended without an answer, or with one that is no HTTP.
    #[error("the other side did not answer as HTTP does")]
    Broken,
}

/// The system gives no client, for instance because it has no certificates.
#[derive(Debug, thiserror::Error)]
#[error("HTTP addresses cannot be called on this system: {0}")]
pub(crate) struct ClientError(String);

impl Client {
    pub(crate) fn new() -> Result<Self, ClientError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_platform_verifier())
            .map_err(|error| ClientError(error.to_string()))?
            .with_no_client_auth();
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .user_agent(concat!("Weir/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .pool_max_idle_per_host(IDLE)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| ClientError(error.without_url().to_string()))?;
        Ok(Self(client))
    }

    /// Sends JSON and waits for the answer.
    pub(crate) async fn post_json(&self, post: Post<'_>) -> Result<Answer, PostError> {
        let mut request = self.0.post(post.url).timeout(post.limit).header("content-type", "application/json");
        for (name, value) in post.headers {
            request = request.header(name, value);
        }
        let mut response = request.body(post.body).send().await.map_err(of_reqwest)?;
        let status = response.status().as_u16();
        // Read to the end when it is short, so that the connection can be used again.
        let mut read = 0;
        while let Ok(Some(chunk)) = response.chunk().await {
            read += chunk.len();
            if read > MAX_ANSWER {
                break;
            }
        }
        Ok(Answer { status })
    }
}

fn of_reqwest(error: reqwest::Error) -> PostError {
    if error.is_builder() {
        PostError::Address("the address or a header cannot be sent; check both".to_owned())
    } else if error.is_timeout() {
        PostError::TimedOut
    } else if error.is_connect() {
        PostError::Unreachable
    } else {
        PostError::Broken
    }
}
