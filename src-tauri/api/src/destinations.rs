//! Where streams are sent on to.

use axum::extract::State;
use axum::http::StatusCode;
use weir_engine::config::Config;
use weir_engine::destination::{self, Given, GivenError};
use weir_engine::streams::StreamPattern;
use weir_media::Secret;

use crate::apply::{Change, SecretChange};
use crate::error::{Code, Error};
use crate::extract::{Json, Path};
use crate::model::{Destination, DestinationCreate, DestinationList, DestinationPatch, MASK};
use crate::router::Api;

/// Destinations at most: each is a task and a connection, and no encoder's upload feeds more.
const MAX_DESTINATIONS: usize = 64;
/// Longest name in characters: it stands in lists and logs.
const MAX_NAME: usize = 80;

/// Every destination and what it is doing.
#[utoipa::path(get, path = "/destinations", tag = "destinations", responses((status = 200, body = DestinationList)))]
pub(crate) async fn list(State(api): State<Api>) -> Json<DestinationList> {
    Json(DestinationList { destinations: all(&api) })
}

/// Add a destination. It is applied at once and saved.
#[utoipa::path(post, path = "/destinations", tag = "destinations", request_body = DestinationCreate,
    responses((status = 201, body = Destination)))]
pub(crate) async fn create(
    State(api): State<Api>,
    Json(new): Json<DestinationCreate>,
) -> Result<(StatusCode, Json<Destination>), Error> {
    let given = read(&new.url, new.key.as_ref())?;
    let config = destination::Config {
        id: new_id()?,
        name: name(new.name.as_deref())?.unwrap_or_else(|| given.host().to_owned()),
        url: given.url,
        streams: streams(new.streams.as_deref())?.unwrap_or_default(),
        enabled: new.enabled,
    };
    let id = config.id.clone();
    let change = Change::begin(&api).await;
    if change.config.destinations.len() >= MAX_DESTINATIONS {
        return Err(Error::invalid(
            format!("There are {MAX_DESTINATIONS} destinations already."),
            "Remove one that you do not need.",
        ));
    }
    let secret = given.key.map(|key| SecretChange { name: secret_name(&id), value: Some(key) });
    change.finish(secret, |settings| settings.destinations.push(config)).await?;
    one(&api, &id).map(|shown| (StatusCode::CREATED, Json(shown)))
}

/// Change a destination. What it sends is interrupted only when the change needs it.
/// A key belongs to its server: with an address of another host and no key, the kept one is forgotten.
#[utoipa::path(patch, path = "/destinations/{id}", tag = "destinations",
    params(("id" = String, Path, description = "The destination's `id`")),
    request_body = DestinationPatch, responses((status = 200, body = Destination))
)]
pub(crate) async fn change(
    State(api): State<Api>,
    Path(id): Path<String>,
    Json(patch): Json<DestinationPatch>,
) -> Result<Json<Destination>, Error> {
    let change = Change::begin(&api).await;
    let mut changed = find(&change.config, &id)?.clone();
    let secret = change_address(&api, &mut changed, &patch)?;
    if let Some(new) = patch.name.as_deref() {
        changed.name = name(Some(new))?.unwrap_or_default();
    }
    if let Some(taken) = streams(patch.streams.as_deref())? {
        changed.streams = taken;
    }
    changed.enabled = patch.enabled.unwrap_or(changed.enabled);
    let replace = |settings: &mut Config| {
        if let Some(slot) = settings.destinations.iter_mut().find(|known| known.id == changed.id) {
            *slot = changed;
        }
    };
    change.finish(secret, replace).await?;
    one(&api, &id).map(Json)
}

/// Remove a destination and its key.
#[utoipa::path(delete, path = "/destinations/{id}", tag = "destinations",
    params(("id" = String, Path, description = "The destination's `id`")),
    responses((status = 204, description = "It is removed"))
)]
pub(crate) async fn remove(State(api): State<Api>, Path(id): Path<String>) -> Result<StatusCode, Error> {
    let change = Change::begin(&api).await;
    find(&change.config, &id)?;
    let secret = Some(SecretChange { name: secret_name(&id), value: None });
    change.finish(secret, |settings| settings.destinations.retain(|known| known.id != id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Try again now instead of waiting for the next attempt.
#[utoipa::path(post, path = "/destinations/{id}/retry", tag = "destinations",
    params(("id" = String, Path, description = "The destination's `id`")),
    responses((status = 200, body = Destination))
)]
pub(crate) async fn retry(State(api): State<Api>, Path(id): Path<String>) -> Result<Json<Destination>, Error> {
    if !one(&api, &id)?.enabled {
        return Err(Error::new(
            Code::DestinationDisabled,
            "This destination is switched off.",
            "Switch it on; it then connects by itself.",
        ));
    }
    if !api.engine.destinations().retry(&id) {
        return Err(unknown());
    }
    one(&api, &id).map(Json)
}

/// Every destination, in the order of the settings.
pub(crate) fn all(api: &Api) -> Vec<Destination> {
    api.engine.destinations().status().into_iter().map(Destination::from).collect()
}

fn one(api: &Api, id: &str) -> Result<Destination, Error> {
    let found = api.engine.destinations().status().into_iter().find(|known| known.id == id);
    found.map(Destination::from).ok_or_else(unknown)
}

/// Address and key after `patch`; what is to happen to the kept key, if anything.
fn change_address(
    api: &Api,
    changed: &mut destination::Config,
    patch: &DestinationPatch,
) -> Result<Option<SecretChange>, Error> {
    let name = secret_name(&changed.id);
    let kept = api.engine.secrets().find(&name);
    let Some(url) = &patch.url else {
        let Some(key) = &patch.key else { return Ok(None) };
        if !key.is_set() {
            return Ok(Some(SecretChange { name, value: None }));
        }
        let given = read(&Secret::new(changed.url.clone()), Some(key))?;
        return Ok(Some(SecretChange { name, value: given.key }));
    };
    let before = Given::read(&changed.url, None).ok();
    let given = read(url, patch.key.as_ref())?;
    let same_host = before.is_some_and(|before| before.host().eq_ignore_ascii_case(given.host()));
    if patch.key.is_none() && given.key.is_none() && kept.is_some() && same_host {
        changed.url = given.url;
        return Ok(None);
    }
    changed.url = given.url;
    Ok(Some(SecretChange { name, value: given.key }))
}

fn read(url: &Secret<String>, key: Option<&Secret<String>>) -> Result<Given, Error> {
    let shown = |text: &Secret<String>| text.expose().contains(MASK);
    if shown(url) || key.is_some_and(shown) {
        return Err(Error::invalid(
            "This is the address or key as it is shown, with its secret parts hidden.",
            "Enter the real one, or leave it out to keep it.",
        ));
    }
    Given::read(url.expose(), key).map_err(|error: GivenError| {
        let mut message = format!("{error}.");
        message.get_mut(..1).map(str::make_ascii_uppercase);
        Error::invalid(message, error.hint())
    })
}

fn name(given: Option<&str>) -> Result<Option<String>, Error> {
    let Some(name) = given.map(str::trim).filter(|name| !name.is_empty()) else { return Ok(None) };
    if name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
        return Err(Error::invalid(
            format!("The name is longer than {MAX_NAME} characters or has an invisible one in it."),
            "Choose a short name.",
        ));
    }
    Ok(Some(name.to_owned()))
}

fn streams(given: Option<&str>) -> Result<Option<StreamPattern>, Error> {
    let Some(text) = given.map(str::trim) else { return Ok(None) };
    StreamPattern::try_from(text.to_owned()).map(Some).map_err(|error| {
        Error::invalid(
            format!("This does not say which streams: {error}."),
            "Write one stream (live/stream), all of an application (live/*), or * for any.",
        )
    })
}

fn find<'a>(config: &'a Config, id: &str) -> Result<&'a destination::Config, Error> {
    config.destinations.iter().find(|known| known.id == id).ok_or_else(unknown)
}

fn secret_name(id: &str) -> String {
    format!("destination/{id}")
}

fn new_id() -> Result<String, Error> {
    getrandom::u64().map(|random| format!("{random:016x}")).map_err(|_| Error::internal())
}

fn unknown() -> Error {
    Error::new(
        Code::DestinationNotFound,
        "There is no such destination.",
        "It may have been removed: look at the list of destinations again.",
    )
}
