//! What is told to programs and addresses when something happens.

use std::collections::BTreeMap;
use std::path::PathBuf;

use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use weir_engine::config::Config;
use weir_engine::hook::config::public_part;
use weir_engine::hook::{self, SecretKind, Target};
use weir_engine::lifecycle::Kind;
use weir_media::Secret;

use crate::addresses::real;
use crate::apply::{Change, SecretChange};
use crate::error::{Code, Error};
use crate::extract::{Json, Path};
use crate::model::{Hook, HookCreate, HookList, HookPatch, HookResult, HookTest};
use crate::router::Api;

/// Hooks at most: each event is held against each of them.
const MAX_HOOKS: usize = 64;
/// Longest name in characters.
const MAX_NAME: usize = 80;
/// Most headers of a webhook.
const MAX_HEADERS: usize = 32;

/// Every hook and what became of its last calls.
#[utoipa::path(get, path = "/hooks", tag = "hooks", responses((status = 200, body = HookList)))]
pub(crate) async fn list(State(api): State<Api>) -> Json<HookList> {
    Json(HookList::new(&api.engine))
}

/// Add a hook. It is called from now on.
#[utoipa::path(post, path = "/hooks", tag = "hooks", request_body = HookCreate,
    responses((status = 201, body = Hook)))]
pub(crate) async fn create(
    State(api): State<Api>,
    Json(new): Json<HookCreate>,
) -> Result<(StatusCode, Json<Hook>), Error> {
    let HookCreate { name, enabled, events, script, arguments, url, headers, signing_key } = new;
    let id = new_id()?;
    let mut secrets = Vec::new();
    let target = match (script, url) {
        (Some(path), None) => Target::Script { path: PathBuf::from(path), arguments },
        (None, Some(url)) => Target::Webhook { url: keep_url(&id, &url, &mut secrets)? },
        _ => return Err(neither_nor()),
    };
    keep_headers(&id, headers, &mut secrets)?;
    keep_key(&id, signing_key, &mut secrets);
    let name = match short(name)? {
        Some(name) => name,
        None => shown(&target),
    };
    let made = hook::Hook::new(id.clone(), name, enabled, kinds(&events)?, target).map_err(|error| wrong(&error))?;
    let change = Change::begin(&api).await;
    if change.config.hooks.list.len() >= MAX_HOOKS {
        let message = format!("There are {MAX_HOOKS} hooks already.");
        return Err(Error::invalid(message, "Remove one that you do not need."));
    }
    change.finish(secrets, |settings| settings.hooks.list.push(made)).await?;
    one(&api, &id).map(|shown| (StatusCode::CREATED, Json(shown)))
}

/// Change a hook. Calls that run go on.
#[utoipa::path(patch, path = "/hooks/{id}", tag = "hooks",
    params(("id" = String, Path, description = "The hook's `id`")),
    request_body = HookPatch, responses((status = 200, body = Hook)))]
pub(crate) async fn change(
    State(api): State<Api>,
    Path(id): Path<String>,
    Json(patch): Json<HookPatch>,
) -> Result<Json<Hook>, Error> {
    let change = Change::begin(&api).await;
    let known = find(&change.config, &id)?.clone();
    let mut secrets = Vec::new();
    let target = match (patch.script, patch.url, known.target) {
        (Some(_), Some(_), _) => return Err(neither_nor()),
        (Some(path), None, before) => {
            let kept = if let Target::Script { arguments, .. } = before { arguments } else { Vec::new() };
            secrets.push(secret(&id, SecretKind::Url, None));
            Target::Script { path: PathBuf::from(path), arguments: patch.arguments.unwrap_or(kept) }
        }
        (None, Some(url), _) => Target::Webhook { url: keep_url(&id, &url, &mut secrets)? },
        (None, None, Target::Script { path, arguments }) => {
            Target::Script { path, arguments: patch.arguments.unwrap_or(arguments) }
        }
        (None, None, webhook) => webhook,
    };
    keep_headers(&id, patch.headers, &mut secrets)?;
    keep_key(&id, patch.signing_key, &mut secrets);
    let name = short(patch.name)?.unwrap_or(known.name);
    let events = patch.events.map_or(Ok(known.events), |events| kinds(&events))?;
    let enabled = patch.enabled.unwrap_or(known.enabled);
    let changed = hook::Hook::new(id.clone(), name, enabled, events, target).map_err(|error| wrong(&error))?;
    let replace = |settings: &mut Config| {
        if let Some(slot) = settings.hooks.list.iter_mut().find(|hook| hook.id == changed.id) {
            *slot = changed;
        }
    };
    change.finish(secrets, replace).await?;
    one(&api, &id).map(Json)
}

/// Remove a hook and its secrets.
#[utoipa::path(delete, path = "/hooks/{id}", tag = "hooks",
    params(("id" = String, Path, description = "The hook's `id`")),
    responses((status = 204, description = "It is removed")))]
pub(crate) async fn remove(State(api): State<Api>, Path(id): Path<String>) -> Result<StatusCode, Error> {
    let change = Change::begin(&api).await;
    find(&change.config, &id)?;
    let secrets = SecretKind::ALL.map(|kind| secret(&id, kind, None));
    change.finish(secrets, |settings| settings.hooks.list.retain(|hook| hook.id != id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Fire a sample: call the hook now, whether it is switched on or not, and say what became of it.
#[utoipa::path(post, path = "/hooks/{id}/test", tag = "hooks",
    params(("id" = String, Path, description = "The hook's `id`")),
    request_body = HookTest, responses((status = 200, body = HookResult)))]
pub(crate) async fn test(
    State(api): State<Api>,
    Path(id): Path<String>,
    Json(test): Json<HookTest>,
) -> Result<Json<HookResult>, Error> {
    let kind = test.event.map(|event| kinds(&[event])).transpose()?.and_then(|kinds| kinds.first().copied());
    let result = api.engine.hooks().fire_sample(&id, kind).await.ok_or_else(unknown)?;
    Ok(Json(HookResult::from(result)))
}

fn one(api: &Api, id: &str) -> Result<Hook, Error> {
    let config = api.engine.config();
    find(&config, id).map(|hook| Hook::new(&api.engine, hook))
}

fn find<'a>(config: &'a Config, id: &str) -> Result<&'a hook::Hook, Error> {
    config.hooks.list.iter().find(|hook| hook.id == id).ok_or_else(unknown)
}

fn kinds(events: &[String]) -> Result<Vec<Kind>, Error> {
    let mut kinds = Vec::new();
    for event in events {
        let kind: Kind = event.parse().map_err(|error: weir_engine::lifecycle::UnknownKind| {
            Error::invalid(sentence(&error.to_string()), "Choose among the events in the list.")
        })?;
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    Ok(kinds)
}

/// What of an address is shown; all of it goes to the secrets when there is more.
pub(crate) fn keep_url(id: &str, url: &Secret<String>, secrets: &mut Vec<SecretChange>) -> Result<String, Error> {
    real(url)?;
    let text = url.expose().trim();
    if !hook::config::is_web_address(text) {
        return Err(Error::invalid(
            "This is no address that can be called.",
            "Write it from the beginning, for example https://example.com/hook.",
        ));
    }
    let shown = public_part(text);
    let more = shown != text.trim_end_matches('/');
    secrets.push(secret(id, SecretKind::Url, more.then(|| Secret::new(text.to_owned()))));
    Ok(shown)
}

fn keep_headers(
    id: &str,
    headers: Option<Secret<BTreeMap<String, String>>>,
    secrets: &mut Vec<SecretChange>,
) -> Result<(), Error> {
    let Some(headers) = headers else { return Ok(()) };
    let all = headers.expose();
    // How long the message is and where it goes is not theirs to say: the receiver would read half of it.
    let ours = [header::CONTENT_LENGTH, header::HOST, header::TRANSFER_ENCODING, header::CONNECTION];
    let good = |(name, value): (&String, &String)| {
        HeaderName::try_from(name.as_str()).is_ok_and(|name| !ours.contains(&name))
            && HeaderValue::try_from(value.as_str()).is_ok()
    };
    if all.len() > MAX_HEADERS || !all.iter().all(good) {
        return Err(Error::invalid(
            "These headers cannot be sent.",
            format!(
                "Choose at most {MAX_HEADERS}, with names like X-Api-Key (not Content-Length, Host, Transfer-Encoding or Connection) and values without line breaks."
            ),
        ));
    }
    let json = serde_json::to_string(all).map_err(|_| Error::internal())?;
    secrets.push(secret(id, SecretKind::Headers, (!all.is_empty()).then(|| Secret::new(json))));
    Ok(())
}

fn keep_key(id: &str, key: Option<Secret<String>>, secrets: &mut Vec<SecretChange>) {
    if let Some(key) = key {
        secrets.push(secret(id, SecretKind::SigningKey, Some(key).filter(|key| !key.expose().is_empty())));
    }
}

fn secret(id: &str, kind: SecretKind, value: Option<Secret<String>>) -> SecretChange {
    SecretChange { name: hook::secret_name(id, kind), value }
}

fn shown(target: &Target) -> String {
    match target {
        Target::Script { path, .. } => {
            path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().chars().take(MAX_NAME).collect()
        }
        Target::Webhook { url } => url.chars().take(MAX_NAME).collect(),
    }
}

fn short(name: Option<String>) -> Result<Option<String>, Error> {
    let Some(name) = name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()) else { return Ok(None) };
    if name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
        return Err(Error::invalid(
            format!("The name is longer than {MAX_NAME} characters or has an invisible one in it."),
            "Choose a short name.",
        ));
    }
    Ok(Some(name))
}

fn new_id() -> Result<String, Error> {
    getrandom::u64().map(|random| format!("{random:016x}")).map_err(|_| Error::internal())
}

fn wrong(error: &hook::HookError) -> Error {
    Error::invalid(sentence(&error.to_string()), "A hook has events, and either a program or an address.")
}

fn sentence(words: &str) -> String {
    let mut chars = words.chars();
    chars.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), chars.as_str()))
}

fn neither_nor() -> Error {
    Error::invalid("A hook calls either a program or an address.", "Give either script or url, and not both.")
}

fn unknown() -> Error {
    Error::new(
        Code::HookNotFound,
        "There is no such hook.",
        "It may have been removed: look at the list of hooks again.",
    )
}
