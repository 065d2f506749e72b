//! What services want.

use axum::extract::State;
use weir_engine::preset;

use crate::error::{Code, Error};
use crate::extract::{Json, Path, Query};
use crate::model::{Preset, PresetCheckQuery, PresetFindings, PresetList};
use crate::router::Api;
use crate::streams;

/// Every service that Weir knows: its addresses, where its key stands, and what it takes. It never changes while Weir runs.
#[utoipa::path(get, path = "/presets", tag = "presets", responses((status = 200, body = PresetList)))]
pub(crate) async fn list() -> Json<PresetList> {
    Json(PresetList { presets: preset::all().iter().map(Preset::from).collect() })
}

/// What a service will not like about a live stream, before anything is sent there.
#[utoipa::path(get, path = "/presets/{id}/check", tag = "presets",
    params(("id" = String, Path, description = "The preset's `id`"), PresetCheckQuery),
    responses((status = 200, body = PresetFindings)))]
pub(crate) async fn check(
    State(api): State<Api>,
    Path(id): Path<String>,
    Query(query): Query<PresetCheckQuery>,
) -> Result<Json<PresetFindings>, Error> {
    let preset = preset::find(&id).ok_or_else(|| {
        Error::new(Code::NotFound, "There is no such preset.", "The presets are listed at /api/v1/presets.")
    })?;
    let path = streams::parse(&query.stream)?;
    let stream = api.engine.context().hub.stream(&path).ok_or_else(|| streams::unknown(path.as_str()))?;
    Ok(Json(PresetFindings::from(preset::check(preset, &stream))))
}
