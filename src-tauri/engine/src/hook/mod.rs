//! Hooks: what happens is told to programs and addresses of the user.
//!
//! A script is run, a webhook is called, standard error is written to. Calls of one stream and of one connection keep their
//! order, a bounded number of each hook runs at once and a bounded number waits; what is left out is counted and said. A hook
//! that hangs costs its own places until its time is up, and nothing of the others'.

pub mod config;
mod dispatch;
mod payload;
mod queue;
mod result;
mod sample;
mod script;
mod stdio;
mod webhook;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use weir_media::Secret;

pub use config::{Concurrency, Config, Hook, HookError, StdioFormat, Target};
pub use result::{CallResult, Report};

use crate::engine::Context;
use crate::lifecycle::{Event, Kind};
use crate::net::http_client::Client;
use crate::problem::now_millis;
use crate::secrets::Secrets;
use crate::supervise::Supervisor;
use payload::Payload;
use result::{Outcome, Results};
use webhook::Webhook;

/// How long programs that are ended at a shutdown may take to vanish.
const BURIAL: Duration = Duration::from_millis(200);

/// The secrets of a hook: its whole address, its own headers as a JSON object, its signing key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretKind {
    /// The whole address of a webhook.
    Url,
    /// Headers that are sent along, a JSON object.
    Headers,
    /// What bodies are signed with.
    SigningKey,
}

impl SecretKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Url, Self::Headers, Self::SigningKey];
}

/// Under which name a secret of a hook is kept.
pub fn secret_name(hook: &str, kind: SecretKind) -> String {
    let kind = match kind {
        SecretKind::Url => "url",
        SecretKind::Headers => "headers",
        SecretKind::SigningKey => "signing_key",
    };
    format!("hook/{hook}/{kind}")
}

/// The hooks. Cheap to clone; clones share.
#[derive(Debug, Clone)]
pub struct Hooks(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    context: Context,
    secrets: Secrets,
    client: Option<Client>,
    plan: watch::Sender<Arc<Plan>>,
    results: Results,
    left_out: AtomicU64,
    deliveries: AtomicU64,
    tasks: Supervisor,
    /// Ends the calls that still run.
    cut: CancellationToken,
}

/// The hooks as they are called now.
#[derive(Debug, PartialEq)]
struct Plan {
    limit: Duration,
    concurrency: usize,
    stdio: StdioFormat,
    hooks: Vec<Arc<Ready>>,
}

/// A hook that can be called.
#[derive(Debug, PartialEq)]
struct Ready {
    id: String,
    name: String,
    enabled: bool,
    events: Vec<Kind>,
    call: Call,
}

#[derive(Debug, PartialEq)]
enum Call {
    Script { path: PathBuf, arguments: Vec<String> },
    Webhook(Webhook),
}

impl Hooks {
    /// Starts to tell what happens from now on.
    pub(crate) fn start(context: Context, config: &Config, secrets: Secrets) -> Self {
        let client = Client::new().inspect_err(|error| tracing::error!("{error}")).ok();
        let plan = watch::Sender::new(Arc::new(plan(config, &secrets)));
        let shared = Shared {
            client,
            secrets,
            plan,
            results: Results::default(),
            left_out: AtomicU64::new(0),
            deliveries: AtomicU64::new(1),
            // Not a child of the others: it has to tell how they ended.
            tasks: Supervisor::new(),
            cut: CancellationToken::new(),
            context,
        };
        let hooks = Self(Arc::new(shared));
        // Listened to before anybody can connect, not when the task gets its first turn.
        let life = hooks.0.context.life.listen();
        hooks.0.tasks.spawn("hooks", dispatch::run(hooks.clone(), life));
        hooks
    }

    /// Follows changed settings and secrets. Calls that run go on.
    pub(crate) fn apply(&self, config: &Config) {
        let new = plan(config, &self.0.secrets);
        self.0.results.keep_only(|id| new.hooks.iter().any(|hook| hook.id == id));
        self.0.plan.send_if_modified(|old| {
            let changed = **old != new;
            if changed {
                *old = Arc::new(new);
            }
            changed
        });
    }

    /// Tells what is still to be told, for as long as `patience`; what has not been told by then is dropped, and programs that
    /// still run are ended.
    pub(crate) async fn shutdown(&self, patience: Duration) {
        let left = self.0.tasks.shutdown(patience).await;
        if left > 0 {
            tracing::warn!("hooks did not end in time");
            self.0.cut.cancel();
            self.0.tasks.shutdown(BURIAL).await;
        }
    }

    /// What became of the calls of a hook.
    pub fn report(&self, hook: &str) -> Report {
        self.0.results.of(hook)
    }

    /// Calls that were left out since the start because too many waited.
    pub fn left_out(&self) -> u64 {
        self.0.left_out.load(Ordering::Relaxed)
    }

    /// Calls a hook with a sample of `kind`, or of its first event, whether it is enabled or not, and says what became of it.
    /// `None` when there is no such hook.
    pub async fn fire_sample(&self, hook: &str, kind: Option<Kind>) -> Option<CallResult> {
        let plan = Arc::clone(&self.0.plan.borrow());
        let ready = plan.hooks.iter().find(|ready| ready.id == hook)?;
        let kind = kind.or_else(|| ready.events.first().copied())?;
        let payload = Payload::new(&sample::sample(kind)).into_sample();
        Some(self.call(ready, &payload, plan.limit, true).await)
    }

    /// Makes a call and keeps what became of it.
    async fn call(&self, hook: &Ready, payload: &Payload, limit: Duration, sample: bool) -> CallResult {
        let (at, began) = (now_millis(), Instant::now());
        let (outcome, tries) = match (&hook.call, &self.0.client) {
            (Call::Script { path, arguments }, _) => (script::run(path, arguments, payload, limit).await, 1),
            (Call::Webhook(webhook), Some(client)) => {
                let id = format!("{at}-{}", self.0.deliveries.fetch_add(1, Ordering::Relaxed));
                webhook::send(client, webhook, payload, &id, limit).await
            }
            (Call::Webhook(_), None) => {
                let error = "addresses cannot be called on this system; see the log".to_owned();
                (Outcome::Failed { error, output: String::new() }, 0)
            }
        };
        let (ok, error, output) = match outcome {
            Outcome::Ok { output } => (true, None, output),
            Outcome::Failed { error, output } => (false, Some(error), output),
        };
        let event = payload.kind();
        if let Some(error) = &error {
            tracing::warn!(hook = hook.id, %event, path = payload.stream(), "a hook failed: {error}");
        }
        let took_ms = result::millis(began.elapsed());
        let stream = payload.stream().map(str::to_owned);
        let result = CallResult { at, event, stream, sample, ok, error, output, took_ms, tries };
        self.0.results.keep(&hook.id, result.clone());
        result
    }
}

impl Shared {
    /// Counts an event that a hook will never hear of, and says so.
    fn leave_out(&self, hook: &Ready) {
        self.left_out.fetch_add(1, Ordering::Relaxed);
        self.results.left_out(&hook.id);
        self.say_left_out(format!(
            "The hook {} is too slow: more events happen than it can take, and some were left out.",
            hook.name
        ));
    }

    fn lost(&self, events: u64) {
        self.left_out.fetch_add(events, Ordering::Relaxed);
        self.say_left_out("So much happened at once that some events were left out of the hooks.".to_owned());
    }

    fn say_left_out(&self, message: String) {
        self.context.problems.report(crate::problem::Report {
            code: "hooks_left_out",
            message,
            hint: "Make the hook faster, give it fewer events, or raise the number of hooks that run at once."
                .to_owned(),
            path: None,
            peer: None,
        });
    }
}

fn plan(config: &Config, secrets: &Secrets) -> Plan {
    Plan {
        limit: config.timeout_seconds.duration(),
        concurrency: config.concurrency.calls(),
        stdio: config.stdio,
        hooks: config.list.iter().map(|hook| Arc::new(ready(hook, secrets))).collect(),
    }
}

fn ready(hook: &Hook, secrets: &Secrets) -> Ready {
    let secret = |kind| secrets.find(&secret_name(&hook.id, kind));
    let call = match &hook.target {
        Target::Script { path, arguments } => Call::Script { path: path.clone(), arguments: arguments.clone() },
        Target::Webhook { url } => Call::Webhook(Webhook {
            // Another address in the settings file is not what was kept.
            url: secret(SecretKind::Url)
                .filter(|kept| config::public_part(kept.expose()) == *url)
                .unwrap_or_else(|| Secret::new(url.clone())),
            headers: Secret::new(secret(SecretKind::Headers).map(|json| headers(&json)).unwrap_or_default()),
            key: secret(SecretKind::SigningKey),
        }),
    };
    let Hook { id, name, enabled, events, .. } = hook.clone();
    Ready { id, name, enabled, events, call }
}

/// The names of the headers that are kept for a hook.
pub fn header_names(json: &Secret<String>) -> Vec<String> {
    headers(json).into_keys().collect()
}

/// Headers as they are kept: a JSON object of texts.
fn headers(json: &Secret<String>) -> BTreeMap<String, String> {
    serde_json::from_str(json.expose()).unwrap_or_default()
}

/// The order that a call keeps: with its stream, and with its connection.
fn keys(event: &Event) -> Vec<queue::Key> {
    let stream = event.path.as_ref().map(|path| queue::Key::Stream(path.as_str().to_owned()));
    let connection = event.connection.map(|connection| queue::Key::Connection(connection.0));
    stream.into_iter().chain(connection).collect()
}
