//! What can be set about the desktop program.

use axum::extract::State;

use crate::apply::apply;
use crate::error::Error;
use crate::extract::Json;
use crate::model::{Desktop, DesktopPatch};
use crate::router::Api;

/// The settings of the desktop program.
#[utoipa::path(get, path = "/desktop", tag = "desktop", responses((status = 200, body = Desktop)))]
pub(crate) async fn show(State(api): State<Api>) -> Json<Desktop> {
    Json(api.engine.config().desktop.into())
}

/// Change settings of the desktop program. They are saved, and followed by the program at once.
#[utoipa::path(patch, path = "/desktop", tag = "desktop", request_body = DesktopPatch,
    responses((status = 200, body = Desktop)))]
pub(crate) async fn change(State(api): State<Api>, Json(patch): Json<DesktopPatch>) -> Result<Json<Desktop>, Error> {
    apply(&api, |config| {
        patch.merge(&mut config.desktop);
        Ok(())
    })
    .await?;
    Ok(show(State(api)).await)
}
