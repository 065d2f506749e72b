//! The whole at a glance.

use axum::extract::State;

use crate::error::Error;
use crate::extract::Json;
use crate::model::*;
use crate::router::Api;

/// The program, its totals and the addresses for an encoder.
#[utoipa::path(get, path = "/status", tag = "status",
    responses((status = 200, body = Status))
)]
pub(crate) async fn show(State(_api): State<Api>) -> Result<Json<Status>, Error> {
    Err(Error::internal())
}
