//! Keys for publishing and for watching.

use axum::extract::State;
use axum::http::StatusCode;
use weir_engine::auth::{KeysError, MAX_NAME};
use weir_engine::streams::StreamPattern;

use crate::error::{Code, Error};
use crate::extract::{Json, Path};
use crate::model::{StreamKey, StreamKeyCreate, StreamKeyList, StreamKeySecret, Topic};
use crate::router::Api;

/// The name that is shown for a key that opens more than one stream.
const ANY_NAME: &str = "stream";

/// Every stream key. They hold in mode `token`.
#[utoipa::path(get, path = "/stream-keys", tag = "stream_keys", responses((status = 200, body = StreamKeyList)))]
pub(crate) async fn list(State(api): State<Api>) -> Json<StreamKeyList> {
    Json(StreamKeyList { stream_keys: api.engine.context().gate.keys().iter().map(StreamKey::from).collect() })
}

/// Make a stream key. Its secret is in this answer and never again.
#[utoipa::path(post, path = "/stream-keys", tag = "stream_keys", request_body = StreamKeyCreate,
    responses((status = 201, body = StreamKeySecret)))]
pub(crate) async fn create(
    State(api): State<Api>,
    Json(new): Json<StreamKeyCreate>,
) -> Result<(StatusCode, Json<StreamKeySecret>), Error> {
    let name = new.name.trim().to_owned();
    if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
        return Err(Error::invalid(
            "A key needs a name by which it is known.",
            format!("Choose 1 to {MAX_NAME} characters, such as the program that will use it."),
        ));
    }
    let streams = new.streams.unwrap_or_else(|| "*".to_owned());
    let pattern = StreamPattern::try_from(streams).map_err(|error| {
        Error::invalid(format!("That is no set of streams: {error}."), "Write live/show, live/* or *.")
    })?;
    if !pattern.is_meant() {
        return Err(Error::invalid(
            "A key is for one stream, for those of one application, or for all.",
            "Write live/show, live/* or *, and make a key for each of several.",
        ));
    }
    let gate = api.engine.context().gate.clone();
    let made = tokio::task::spawn_blocking(move || gate.create_key(&name, pattern, new.action.into())).await;
    let (key, secret) = made.map_err(|_| Error::internal())?.map_err(|error| failed(&error))?;
    let _ = api.changed.send(Topic::StreamKeys);
    let shown = StreamKey::from(&key);
    let stream = Some(shown.streams.rsplit('/').next().unwrap_or_default()).filter(|name| *name != "*");
    Ok((
        StatusCode::CREATED,
        Json(StreamKeySecret {
            name_with_secret: format!("{}?token={}", stream.unwrap_or(ANY_NAME), secret.expose()),
            secret: secret.into_exposed(),
            stream_key: shown,
        }),
    ))
}

/// Revoke a stream key. Whoever publishes or watches by it is cut off at once.
#[utoipa::path(delete, path = "/stream-keys/{id}", tag = "stream_keys",
    params(("id" = String, Path, description = "The key's `id`")),
    responses((status = 204, description = "It is revoked"))
)]
pub(crate) async fn revoke(State(api): State<Api>, Path(id): Path<String>) -> Result<StatusCode, Error> {
    let gate = api.engine.context().gate.clone();
    let revoked = tokio::task::spawn_blocking(move || gate.revoke_key(&id)).await;
    if !revoked.map_err(|_| Error::internal())?.map_err(|error| failed(&error))? {
        let hint = "Look at the list of stream keys.";
        return Err(Error::new(Code::StreamKeyNotFound, "There is no such stream key.", hint));
    }
    let _ = api.changed.send(Topic::StreamKeys);
    Ok(StatusCode::NO_CONTENT)
}

fn failed(error: &KeysError) -> Error {
    match error {
        KeysError::TooMany => Error::invalid(format!("{error}."), "Revoke keys that are no longer used."),
        _ => Error::new(
            Code::SettingsNotSaved,
            format!("The change could not be saved: {error}."),
            "Check that the disk has room and that you may write to the data folder, then try again.",
        ),
    }
}
