//! Asking RTMP clients to connect anew, here or elsewhere.

use axum::extract::State;
use weir_engine::protocol::rtmp::{ReconnectUrl, Whom};
use weir_hub::SubscriberId;
use weir_media::StreamPath;

use crate::error::{Code, Error};
use crate::extract::{Json, Path};
use crate::model::{Reconnect, ReconnectCreate};
use crate::router::Api;
use crate::streams::{gone, parse, unknown};

/// Ask every RTMP client to connect anew.
#[utoipa::path(post, path = "/reconnect", tag = "reconnect",
    request_body = ReconnectCreate, responses((status = 200, body = Reconnect)))]
pub(crate) async fn everyone(
    State(api): State<Api>,
    Json(wish): Json<ReconnectCreate>,
) -> Result<Json<Reconnect>, Error> {
    ask(&api, &Whom::Everyone, &wish)
}

/// Ask the publisher of a stream to connect anew.
#[utoipa::path(post, path = "/streams/{path}/publisher/reconnect", tag = "reconnect",
    params(("path" = String, Path, description = "The stream, `app/name`, its slashes written as `%2F`")),
    request_body = ReconnectCreate, responses((status = 200, body = Reconnect)))]
pub(crate) async fn publisher(
    State(api): State<Api>,
    Path(path): Path<String>,
    Json(wish): Json<ReconnectCreate>,
) -> Result<Json<Reconnect>, Error> {
    let path = existing(&api, &path)?;
    ask(&api, &Whom::Publisher(path), &wish)
}

/// Ask a player to connect anew.
#[utoipa::path(post, path = "/streams/{path}/readers/{reader}/reconnect", tag = "reconnect",
    params(
        ("path" = String, Path, description = "The stream, `app/name`, its slashes written as `%2F`"),
        ("reader" = String, Path, description = "The reader's `id`")
    ),
    request_body = ReconnectCreate, responses((status = 200, body = Reconnect)))]
pub(crate) async fn reader(
    State(api): State<Api>,
    Path((path, reader)): Path<(String, String)>,
    Json(wish): Json<ReconnectCreate>,
) -> Result<Json<Reconnect>, Error> {
    let path = existing(&api, &path)?;
    let id = reader.parse().map(SubscriberId).map_err(|_| gone())?;
    let stream = api.engine.context().hub.stream(&path).ok_or_else(|| unknown(path.as_str()))?;
    if !stream.readers.iter().any(|reader| reader.id == id) {
        return Err(gone());
    }
    ask(&api, &Whom::Reader(id), &wish)
}

fn existing(api: &Api, path: &str) -> Result<StreamPath, Error> {
    let path = parse(path)?;
    if api.engine.context().hub.stream(&path).is_some() { Ok(path) } else { Err(unknown(path.as_str())) }
}

fn ask(api: &Api, whom: &Whom, wish: &ReconnectCreate) -> Result<Json<Reconnect>, Error> {
    let url = wish.url.as_deref().map(str::parse::<ReconnectUrl>).transpose().map_err(|error| {
        Error::new(
            Code::InvalidValue,
            format!("Nobody can be sent there: {error}."),
            "Write rtmp://host/app without a stream key, or leave the address out.",
        )
    })?;
    Ok(Json(Reconnect { asked: api.engine.request_reconnect(whom, url.as_ref()) }))
}
