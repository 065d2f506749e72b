//! What can be set.

use axum::extract::State;

use crate::error::Error;
use crate::extract::Json;
use crate::model::*;
use crate::router::Api;

/// The settings in force.
#[utoipa::path(get, path = "/settings", tag = "settings",
    responses((status = 200, body = Settings))
)]
pub(crate) async fn show(State(_api): State<Api>) -> Result<Json<Settings>, Error> {
    Err(Error::internal())
}

/// Change settings. They are checked, applied at once and saved.
#[utoipa::path(patch, path = "/settings", tag = "settings",
    request_body = SettingsPatch,
    responses((status = 200, body = Settings))
)]
pub(crate) async fn change(
    State(_api): State<Api>,
    Json(_patch): Json<SettingsPatch>,
) -> Result<Json<Settings>, Error> {
    Err(Error::internal())
}
