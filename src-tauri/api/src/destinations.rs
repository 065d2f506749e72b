//! Where streams are sent on to.

use axum::extract::State;
use axum::http::StatusCode;
use weir_engine::config::Config;
use weir_engine::destination::{self, GivenError, Kept, Known, Selection, backup_secret_name, secret_name};
use weir_engine::preset::{Kind, Preset};
use weir_engine::secrets::Secrets;
use weir_engine::tls::{Fingerprint, FingerprintError};
use weir_media::{Secret, StreamPath};

use crate::addresses::{self, forget, read};
use crate::apply::{Change, SecretChange};
use crate::error::{Code, Error};
use crate::extract::{Json, Path};
use crate::model::{Destination, DestinationCreate, DestinationList, DestinationPatch, DestinationStart};
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
    let preset = preset(new.preset.as_deref())?;
    let first_server = preset.and_then(|preset| preset.servers.first());
    let url = new.url.or_else(|| first_server.map(|server| Secret::new(server.url.clone())));
    let Some(url) = url else {
        return Err(Error::invalid("The address is missing.", GivenError::Empty.hint()));
    };
    let given = read(&url, new.key.as_ref())?;
    let backup = new.backup_url.as_ref().filter(|url| url.is_set()).map(|url| read(url, None)).transpose()?;
    let service = preset.filter(|preset| preset.kind != Kind::Custom).map(|preset| preset.name.clone());
    let id = new_id()?;
    let config = destination::Config {
        name: name(new.name.as_deref())?.or(service).unwrap_or_else(|| given.host().to_owned()),
        preset: preset.map(|preset| preset.id.clone()),
        backup_url: backup.as_ref().map(|backup| backup.url.clone()),
        backup: new.backup.map(Into::into).unwrap_or_default(),
        streams: streams(new.streams.as_deref())?.unwrap_or_default(),
        start: new.start.map(Into::into).unwrap_or_default(),
        enabled: new.enabled,
        trusted_certificate: certificate(new.trusted_certificate.as_deref())?,
        ..destination::Config::new(id.as_str(), given.url)
    };
    let change = Change::begin(&api).await;
    if change.config.destinations.len() >= MAX_DESTINATIONS {
        return Err(Error::invalid(
            format!("There are {MAX_DESTINATIONS} destinations already."),
            "Remove one that you do not need.",
        ));
    }
    let mut secrets = Vec::new();
    secrets.extend(given.kept.stored().map(|kept| SecretChange { name: secret_name(&id), value: Some(kept) }));
    let backup = backup.and_then(|backup| backup.kept.stored());
    secrets.extend(backup.map(|kept| SecretChange { name: backup_secret_name(&id), value: Some(kept) }));
    change.finish(secrets, |settings| settings.destinations.push(config)).await?;
    one(&api, &id).map(|shown| (StatusCode::CREATED, Json(shown)))
}

/// Change a destination. What it sends is interrupted only when the change needs it.
/// A key belongs to its server: with an address of another host and no key, the kept one is forgotten. A query belongs to its
/// address: the same address without it keeps it. An address as it is shown stays as it is. Of the stream id and the passphrase of an
/// SRT server the one that is not named stays; `passphrase=` takes it away.
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
    let secrets = change_addresses(api.engine.secrets(), &mut changed, &patch)?;
    changed.backup = patch.backup.map_or(changed.backup, Into::into);
    changed.start = patch.start.map_or(changed.start, Into::into);
    if let Some(id) = patch.preset.as_deref() {
        changed.preset = preset(Some(id))?.map(|preset| preset.id.clone());
    }
    if let Some(text) = patch.trusted_certificate.as_deref() {
        changed.trusted_certificate = certificate(Some(text))?;
    }
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
    change.finish(secrets, replace).await?;
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
    change.finish(forget(&id), |settings| settings.destinations.retain(|known| known.id != id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Try again now instead of waiting for the next attempt.
#[utoipa::path(post, path = "/destinations/{id}/retry", tag = "destinations",
    params(("id" = String, Path, description = "The destination's `id`")),
    responses((status = 200, body = Destination))
)]
pub(crate) async fn retry(State(api): State<Api>, Path(id): Path<String>) -> Result<Json<Destination>, Error> {
    if !one(&api, &id)?.enabled {
        return Err(disabled());
    }
    if !api.engine.destinations().retry(&id) {
        return Err(unknown());
    }
    one(&api, &id).map(Json)
}

/// Start a destination by hand: with its own stream, or with the one that is named. It ends with the stream, or by `stop`.
#[utoipa::path(post, path = "/destinations/{id}/start", tag = "destinations",
    params(("id" = String, Path, description = "The destination's `id`")),
    request_body = DestinationStart, responses((status = 200, body = Destination))
)]
pub(crate) async fn start(
    State(api): State<Api>,
    Path(id): Path<String>,
    Json(wish): Json<DestinationStart>,
) -> Result<Json<Destination>, Error> {
    let known = one(&api, &id)?;
    if !known.enabled {
        return Err(disabled());
    }
    let path = wish.stream.as_deref().map(StreamPath::parse).transpose().map_err(|error| {
        Error::invalid(format!("This is not the name of a stream: {error}."), "Write it as in the list of streams.")
    })?;
    if path.is_none() && known.streams.is_empty() && known.chosen.is_none() {
        return Err(Error::new(
            Code::NoStreamChosen,
            "This destination sends a stream that is chosen by hand, and none is chosen.",
            "Say which stream it is to send.",
        ));
    }
    if !api.engine.destinations().start_by_hand(&id, path) {
        return Err(unknown());
    }
    one(&api, &id).map(Json)
}

/// Stop a destination by hand, until its stream is over or it is started again. Its connection ends politely.
#[utoipa::path(post, path = "/destinations/{id}/stop", tag = "destinations",
    params(("id" = String, Path, description = "The destination's `id`")),
    responses((status = 200, body = Destination))
)]
pub(crate) async fn stop(State(api): State<Api>, Path(id): Path<String>) -> Result<Json<Destination>, Error> {
    if !one(&api, &id)?.enabled {
        return Err(disabled());
    }
    if !api.engine.destinations().stop_by_hand(&id) {
        return Err(unknown());
    }
    one(&api, &id).map(Json)
}

/// Every destination, in the order of the settings.
pub(crate) fn all(api: &Api) -> Vec<Destination> {
    api.engine.destinations().status().into_iter().map(Destination::from).collect()
}

pub(crate) fn one(api: &Api, id: &str) -> Result<Destination, Error> {
    let found = api.engine.destinations().status().into_iter().find(|known| known.id == id);
    found.map(Destination::from).ok_or_else(unknown)
}

/// Both addresses after `patch`; what is to happen to what is kept for them.
fn change_addresses(
    secrets: &Secrets,
    changed: &mut destination::Config,
    patch: &DestinationPatch,
) -> Result<Vec<SecretChange>, Error> {
    let (name, backup_name) = (secret_name(&changed.id), backup_secret_name(&changed.id));
    let kept = |name: &str| Kept::read(secrets.find(name).as_ref());
    let (first, second) = (kept(&name), kept(&backup_name));
    let (shown, backup_shown) = destination::shown(changed, secrets);
    let before = changed.url.clone();
    let known = Known { url: &before, kept: &first, shown: &shown };
    let mut changes = Vec::new();
    changes.extend(addresses::change(&mut changed.url, known, name, patch.url.as_ref(), patch.key.as_ref())?);
    if let Some(url) = &patch.backup_url {
        let known = (&second, backup_shown.as_deref());
        changes.extend(addresses::change_backup(&mut changed.backup_url, known, backup_name, url)?);
    }
    Ok(changes)
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

fn streams(given: Option<&str>) -> Result<Option<Selection>, Error> {
    let Some(text) = given.map(str::trim) else { return Ok(None) };
    Selection::try_from(text.to_owned()).map(Some).map_err(|error| {
        Error::invalid(
            format!("This does not say which streams: {error}."),
            "Write one stream (live/stream), all of an application (live/*), * for any, or nothing to choose by hand.",
        )
    })
}

fn preset(id: Option<&str>) -> Result<Option<&'static Preset>, Error> {
    let Some(id) = id.filter(|id| !id.is_empty()) else { return Ok(None) };
    weir_engine::preset::find(id)
        .map(Some)
        .ok_or_else(|| Error::invalid("There is no such preset.", "The presets are listed at /api/v1/presets."))
}

fn certificate(text: Option<&str>) -> Result<Option<Fingerprint>, Error> {
    let Some(text) = text.filter(|text| !text.trim().is_empty()) else { return Ok(None) };
    text.parse().map(Some).map_err(|error: FingerprintError| {
        Error::invalid(format!("This is no fingerprint: {error}."), "Copy the one that the destination shows.")
    })
}

fn find<'a>(config: &'a Config, id: &str) -> Result<&'a destination::Config, Error> {
    config.destinations.iter().find(|known| known.id == id).ok_or_else(unknown)
}

fn new_id() -> Result<String, Error> {
    getrandom::u64().map(|random| format!("{random:016x}")).map_err(|_| Error::internal())
}

fn disabled() -> Error {
    Error::new(
        Code::DestinationDisabled,
        "This destination is switched off.",
        "Switch it on; it then connects by itself.",
    )
}

fn unknown() -> Error {
    Error::new(
        Code::DestinationNotFound,
        "There is no such destination.",
        "It may have been removed: look at the list of destinations again.",
    )
}
