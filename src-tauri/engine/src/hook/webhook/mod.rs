//! Calling an address for an event: JSON by POST, three tries, signed when there is a key.

use std::collections::BTreeMap;
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tokio::time::Instant;
use weir_media::Secret;

use super::payload::Payload;
use super::result::Outcome;
use crate::hex;
use crate::net::http_client::{Client, Post, PostError};

/// How often an event is sent before it is given up.
pub(super) const TRIES: u32 = 3;
/// Wait before the second try; before the third it is twice that.
const BACK_OFF: Duration = Duration::from_millis(500);

/// Where to send events and how. The address may hold a secret as well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Webhook {
    pub(super) url: Secret<String>,
    /// What is sent beside our own headers.
    pub(super) headers: Secret<BTreeMap<String, String>>,
    /// What bodies are signed with.
    pub(super) key: Option<Secret<String>>,
}

/// Sends the event. `id` is the same in each try, so that the other side can tell a repetition. Returns how often it tried.
pub(super) async fn send(
    client: &Client,
    webhook: &Webhook,
    payload: &Payload,
    id: &str,
    limit: Duration,
) -> (Outcome, u32) {
    let deadline = Instant::now() + limit;
    let body = payload.json();
    let mut headers: Vec<(String, String)> = webhook.headers.expose().clone().into_iter().collect();
    headers.push(("x-weir-event".to_owned(), payload.kind().name().to_owned()));
    headers.push(("x-weir-delivery".to_owned(), id.to_owned()));
    if let Some(key) = &webhook.key {
        headers.push(("x-weir-signature-256".to_owned(), format!("sha256={}", sign(key, body.as_bytes()))));
    }
    let mut error = String::new();
    for attempt in 1..=TRIES {
        // An address that does not answer must not use the time of all tries.
        let left = deadline.saturating_duration_since(Instant::now());
        let share = left / (TRIES - attempt + 1);
        let post = Post { url: webhook.url.expose(), headers: &headers, body: body.clone(), limit: share };
        match client.post_json(post).await {
            Ok(answer) if answer.is_success() => return (Outcome::Ok { output: String::new() }, attempt),
            Ok(answer) => {
                error = format!("the other side answered {}", answer.status);
                if !answer.is_passing() {
                    return (failed(error), attempt);
                }
            }
            Err(PostError::Address(reason)) => return (failed(reason), attempt),
            Err(failure) => error = failure.to_string(),
        }
        let pause = BACK_OFF * 2_u32.pow(attempt - 1);
        if attempt < TRIES && Instant::now() + pause < deadline {
            tokio::time::sleep(pause).await;
        }
    }
    (failed(format!("{error}, {TRIES} times")), TRIES)
}

fn failed(error: String) -> Outcome {
    Outcome::Failed { error, output: String::new() }
}

/// HMAC-SHA256 of the body in hexadecimal digits (RFC 2104).
pub(super) fn sign(key: &Secret<String>, body: &[u8]) -> String {
    // HMAC takes keys of every length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes()) else { return String::new() };
    mac.update(body);
    hex::write(&mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_rfc_4231() {
        let key = Secret::new("Jefe".to_owned());
        assert_eq!(
            sign(&key, b"what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }
}
