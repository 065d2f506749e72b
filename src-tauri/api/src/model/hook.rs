//! Programs that are run and addresses that are called when something happens.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use weir_engine::hook::{self, Target};
use weir_engine::lifecycle::Kind;
use weir_media::Secret;

use super::secret::{optional_secret, optional_secrets};
use super::time::from_millis;

/// Every hook.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct HookList {
    /// In the order of the settings.
    pub hooks: Vec<Hook>,
    /// The names of all events there are.
    pub events: Vec<String>,
    /// Calls that were left out since the start because too many waited.
    pub left_out: u64,
}

/// What a hook calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HookKind {
    /// A program is run.
    Script,
    /// An address is sent JSON.
    Webhook,
}

/// One hook. Its secrets are not shown.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Hook {
    /// Identity.
    pub id: String,
    /// What the user calls it.
    pub name: String,
    /// Whether it is called.
    pub enabled: bool,
    /// The events it is called for.
    pub events: Vec<String>,
    /// What it calls.
    pub kind: HookKind,
    /// The program; null for a webhook.
    pub script: Option<String>,
    /// Arguments of the program.
    pub arguments: Vec<String>,
    /// The address without what may be secret of it: scheme, host and port; null for a script.
    pub url: Option<String>,
    /// Whether more of the address than is shown is kept with the secrets.
    pub url_hidden: bool,
    /// The names of the headers that are sent along; their values are not shown.
    pub headers: Vec<String>,
    /// Whether bodies are signed.
    pub signing_key_set: bool,
    /// Calls that ended as they should, since the start.
    pub succeeded: u64,
    /// Calls that did not.
    pub failed: u64,
    /// Calls that were left out because too many waited.
    pub left_out: u64,
    /// The last calls, the newest first.
    pub results: Vec<HookResult>,
}

/// What became of one call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct HookResult {
    /// When it began, RFC 3339.
    #[schema(format = DateTime)]
    pub at: String,
    /// The event it was for.
    pub event: String,
    /// The stream it was about.
    pub stream: Option<String>,
    /// Whether it was fired by hand.
    pub sample: bool,
    /// Whether it ended as it should.
    pub ok: bool,
    /// What went wrong, one sentence.
    pub error: Option<String>,
    /// The end of what a script said.
    pub output: String,
    /// How long it took, milliseconds.
    pub took_ms: u64,
    /// How often it was tried.
    pub tries: u32,
}

/// A new hook: either `script` or `url`.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HookCreate {
    /// What to call it; made from what it calls when left out.
    #[serde(default)]
    pub name: Option<String>,
    /// Whether it starts switched on; it does when left out.
    #[serde(default = "on")]
    pub enabled: bool,
    /// The events it is called for.
    pub events: Vec<String>,
    /// A program: a full path, or a name that is found in `PATH`.
    #[serde(default)]
    pub script: Option<String>,
    /// Arguments of the program, one each.
    #[serde(default)]
    pub arguments: Vec<String>,
    /// An address, `https://` or `http://`. What of it is more than the host is kept with the secrets.
    #[schema(value_type = Option<String>, write_only)]
    #[serde(default, deserialize_with = "optional_secret")]
    pub url: Option<Secret<String>>,
    /// Headers to send along.
    #[schema(value_type = Option<BTreeMap<String, String>>, write_only)]
    #[serde(default, deserialize_with = "optional_secrets")]
    pub headers: Option<Secret<BTreeMap<String, String>>>,
    /// What to sign bodies with (HMAC-SHA256, header `X-Weir-Signature-256`).
    #[schema(value_type = Option<String>, write_only)]
    #[serde(default, deserialize_with = "optional_secret")]
    pub signing_key: Option<Secret<String>>,
}

/// What can be changed about a hook. What is left out stays.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HookPatch {
    /// What to call it.
    pub name: Option<String>,
    /// Switch it on or off.
    pub enabled: Option<bool>,
    /// The events it is called for.
    pub events: Option<Vec<String>>,
    /// A program.
    pub script: Option<String>,
    /// Arguments of the program.
    pub arguments: Option<Vec<String>>,
    /// An address.
    #[schema(value_type = Option<String>, write_only)]
    #[serde(default, deserialize_with = "optional_secret")]
    pub url: Option<Secret<String>>,
    /// Headers to send along, in place of the kept ones; none (`{}`) takes them away.
    #[schema(value_type = Option<BTreeMap<String, String>>, write_only)]
    #[serde(default, deserialize_with = "optional_secrets")]
    pub headers: Option<Secret<BTreeMap<String, String>>>,
    /// What to sign bodies with; an empty one takes the kept one away.
    #[schema(value_type = Option<String>, write_only)]
    #[serde(default, deserialize_with = "optional_secret")]
    pub signing_key: Option<Secret<String>>,
}

/// Which sample to fire.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HookTest {
    /// The event; the hook's first when left out.
    pub event: Option<String>,
}

const fn on() -> bool {
    true
}

impl HookList {
    pub(crate) fn new(engine: &weir_engine::Engine) -> Self {
        let config = engine.config();
        let hooks = config.hooks.list.iter().map(|hook| Hook::new(engine, hook)).collect();
        let events = Kind::ALL.iter().map(|kind| kind.name().to_owned()).collect();
        Self { hooks, events, left_out: engine.hooks().left_out() }
    }
}

impl Hook {
    pub(crate) fn new(engine: &weir_engine::Engine, hook: &hook::Hook) -> Self {
        let secret = |kind| engine.secrets().find(&hook::secret_name(&hook.id, kind));
        let report = engine.hooks().report(&hook.id);
        let (kind, script, arguments, url) = match &hook.target {
            Target::Script { path, arguments } => {
                (HookKind::Script, Some(path.display().to_string()), arguments.clone(), None)
            }
            Target::Webhook { url } => (HookKind::Webhook, None, Vec::new(), Some(hook::config::public_part(url))),
        };
        let whole = secret(hook::SecretKind::Url);
        let hidden = match &hook.target {
            Target::Webhook { url: shown } => {
                whole.is_some() || hook::config::public_part(shown) != shown.trim_end_matches('/')
            }
            Target::Script { .. } => false,
        };
        Self {
            id: hook.id.clone(),
            name: hook.name.clone(),
            enabled: hook.enabled,
            events: hook.events.iter().map(|kind| kind.name().to_owned()).collect(),
            kind,
            script,
            arguments,
            url,
            url_hidden: hidden,
            headers: secret(hook::SecretKind::Headers).map(|json| hook::header_names(&json)).unwrap_or_default(),
            signing_key_set: secret(hook::SecretKind::SigningKey).is_some(),
            succeeded: report.succeeded,
            failed: report.failed,
            left_out: report.left_out,
            results: report.results.into_iter().map(HookResult::from).collect(),
        }
    }
}

impl From<hook::CallResult> for HookResult {
    fn from(result: hook::CallResult) -> Self {
        Self {
            at: from_millis(result.at),
            event: result.event.name().to_owned(),
            stream: result.stream,
            sample: result.sample,
            ok: result.ok,
            error: result.error,
            output: result.output,
            took_ms: result.took_ms,
            tries: result.tries,
        }
    }
}
