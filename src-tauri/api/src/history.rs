//! The past of a stream, and of a destination.

use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::error::Error;
use crate::extract::{Json, Path, Query};
use crate::model::{DestinationHistory, StreamHistory};
use crate::router::Api;
use crate::streams::{parse, unknown};

/// From when on.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[derive(Default)]
pub(crate) struct Since {
    /// Seconds since 1970: only what is not older is told. Default 0, which is everything.
    since: f64,
}

impl Since {
    fn millis(&self) -> u64 {
        (self.since.clamp(0.0, 1e12) * 1000.0).ceil() as u64
    }
}

/// The past of a stream: numbers of the last ten minutes and of the whole session, and what happened. Kept for half an hour
/// after the stream is over.
#[utoipa::path(get, path = "/streams/{path}/history", tag = "streams",
    params(("path" = String, Path, description = "The stream, `app/name`, its slashes written as `%2F`"), Since),
    responses((status = 200, body = StreamHistory))
)]
pub(crate) async fn history(
    State(api): State<Api>,
    Path(path): Path<String>,
    Query(since): Query<Since>,
) -> Result<Json<StreamHistory>, Error> {
    let path = parse(&path)?;
    let view = api.engine.history().of(&path, since.millis()).ok_or_else(|| unknown(path.as_str()))?;
    Ok(Json(view.into()))
}

/// The past of a destination: numbers of the last ten minutes and of the whole session. Empty until it has run.
#[utoipa::path(get, path = "/destinations/{id}/history", tag = "destinations", operation_id = "history",
    params(("id" = String, Path, description = "The destination's `id`"), Since),
    responses((status = 200, body = DestinationHistory))
)]
pub(crate) async fn destination(
    State(api): State<Api>,
    Path(id): Path<String>,
    Query(since): Query<Since>,
) -> Result<Json<DestinationHistory>, Error> {
    crate::destinations::one(&api, &id)?;
    Ok(Json(api.engine.history().leg(&id, since.millis()).into()))
}
