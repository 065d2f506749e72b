//! Live streams: look, record, disconnect.

use std::time::Instant;

use axum::extract::State;
use axum::http::StatusCode;
use weir_engine::recording::RecordError;
use weir_hub::{Role, SubscriberId};
use weir_media::StreamPath;

use crate::error::{Code, Error};
use crate::extract::{Json, Path};
use crate::model::{Recorded, Stream, StreamList};
use crate::router::Api;

/// Every stream that exists now.
#[utoipa::path(get, path = "/streams", tag = "streams", responses((status = 200, body = StreamList)))]
pub(crate) async fn list(State(api): State<Api>) -> Json<StreamList> {
    Json(StreamList { streams: all(&api) })
}

/// One stream.
#[utoipa::path(get, path = "/streams/{path}", tag = "streams",
    params(("path" = String, Path, description = "The stream, `app/name`, its slashes written as `%2F`")),
    responses((status = 200, body = Stream))
)]
pub(crate) async fn show(State(api): State<Api>, Path(path): Path<String>) -> Result<Json<Stream>, Error> {
    one(&api, &parse(&path)?).map(Json)
}

/// Start a recording of this stream. It is no error when one runs.
#[utoipa::path(post, path = "/streams/{path}/record", tag = "streams",
    params(("path" = String, Path, description = "The stream, `app/name`, its slashes written as `%2F`")),
    responses((status = 200, body = Stream))
)]
pub(crate) async fn record(State(api): State<Api>, Path(path): Path<String>) -> Result<Json<Stream>, Error> {
    let path = parse(&path)?;
    if api.engine.context().hub.stream(&path).is_none() {
        return Err(unknown(path.as_str()));
    }
    match api.engine.recordings().record(&path) {
        Ok(()) => one(&api, &path).map(Json),
        Err(RecordError::NoStream(_)) => Err(Error::new(
            Code::StreamNotLive,
            format!("Nobody sends the stream {path} yet, so there is nothing to record."),
            "Start your encoder first, or switch on that every stream is recorded.",
        )),
    }
}

/// Stop the recording of this stream. It is no error when none runs.
#[utoipa::path(delete, path = "/streams/{path}/record", tag = "streams",
    params(("path" = String, Path, description = "The stream, `app/name`, its slashes written as `%2F`")),
    responses((status = 200, body = Stream))
)]
pub(crate) async fn stop_recording(State(api): State<Api>, Path(path): Path<String>) -> Result<Json<Stream>, Error> {
    let path = parse(&path)?;
    if api.engine.context().hub.stream(&path).is_none() {
        return Err(unknown(path.as_str()));
    }
    api.engine.recordings().stop(&path);
    one(&api, &path).map(Json)
}

/// Disconnect the publisher.
#[utoipa::path(delete, path = "/streams/{path}/publisher", tag = "streams",
    params(("path" = String, Path, description = "The stream, `app/name`, its slashes written as `%2F`")),
    responses((status = 204, description = "It is being disconnected"))
)]
pub(crate) async fn kick_publisher(State(api): State<Api>, Path(path): Path<String>) -> Result<StatusCode, Error> {
    let path = parse(&path)?;
    let hub = &api.engine.context().hub;
    if hub.stream(&path).is_none() {
        return Err(unknown(path.as_str()));
    }
    if hub.kick_publisher(&path) { Ok(StatusCode::NO_CONTENT) } else { Err(gone()) }
}

/// Disconnect a player. A recording is stopped and a destination switched off instead.
#[utoipa::path(delete, path = "/streams/{path}/readers/{reader}", tag = "streams",
    params(
        ("path" = String, Path, description = "The stream, `app/name`, its slashes written as `%2F`"),
        ("reader" = String, Path, description = "The reader's `id`")
    ),
    responses((status = 204, description = "It is being disconnected"))
)]
pub(crate) async fn kick_reader(
    State(api): State<Api>,
    Path((path, reader)): Path<(String, String)>,
) -> Result<StatusCode, Error> {
    let path = parse(&path)?;
    let hub = &api.engine.context().hub;
    let stream = hub.stream(&path).ok_or_else(|| unknown(path.as_str()))?;
    let id = reader.parse().map(SubscriberId).map_err(|_| gone())?;
    let reader = stream.readers.iter().find(|reader| reader.id == id).ok_or_else(gone)?;
    let hint = match reader.role {
        Role::Player | Role::Preview if hub.kick_reader(id) => return Ok(StatusCode::NO_CONTENT),
        Role::Player | Role::Preview => return Err(gone()),
        Role::Recording => "Stop the recording of this stream instead.",
        Role::Destination => "Switch the destination off instead.",
    };
    Err(Error::invalid("Only a player can be disconnected; this reader would come back by itself.", hint))
}

/// Every stream, ordered by path.
pub(crate) fn all(api: &Api) -> Vec<Stream> {
    let recordings = Recorded::of(api.engine.recordings(), &api.room);
    let now = Instant::now();
    let streams = api.engine.context().hub.streams();
    let links = api.engine.srt().links();
    let health = |path| api.engine.history().health(path);
    streams
        .iter()
        .map(|stream| Stream::new(stream, &recordings, &links, health(&stream.path), &api.rates, now))
        .collect()
}

fn one(api: &Api, path: &StreamPath) -> Result<Stream, Error> {
    let stream = api.engine.context().hub.stream(path).ok_or_else(|| unknown(path.as_str()))?;
    let recordings = Recorded::of(api.engine.recordings(), &api.room);
    let (links, health) = (api.engine.srt().links(), api.engine.history().health(path));
    Ok(Stream::new(&stream, &recordings, &links, health, &api.rates, Instant::now()))
}

pub(crate) fn parse(path: &str) -> Result<StreamPath, Error> {
    StreamPath::parse(path).map_err(|_| unknown(&path.chars().take(80).collect::<String>()))
}

pub(crate) fn unknown(path: &str) -> Error {
    Error::new(
        Code::StreamNotFound,
        format!("There is no stream {path}."),
        "Start your encoder, or look at the list of streams for the right name.",
    )
}

pub(crate) fn gone() -> Error {
    Error::new(Code::ConnectionNotFound, "This connection is gone already.", "Look at the stream again.")
}
