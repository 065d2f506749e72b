//! What went wrong lately.

use axum::extract::State;
use axum::http::StatusCode;

use crate::extract::Json;
use crate::model::{Problem, ProblemList, Topic};
use crate::router::Api;

/// What went wrong lately.
#[utoipa::path(get, path = "/problems", tag = "problems", responses((status = 200, body = ProblemList)))]
pub(crate) async fn list(State(api): State<Api>) -> Json<ProblemList> {
    let problems = api.engine.context().problems.list();
    Json(ProblemList { problems: problems.into_iter().rev().map(Problem::from).collect() })
}

/// Forget the problems.
#[utoipa::path(delete, path = "/problems", tag = "problems", responses((status = 204, description = "Done")))]
pub(crate) async fn clear(State(api): State<Api>) -> StatusCode {
    api.engine.context().problems.clear();
    // Nobody listening is fine.
    let _ = api.changed.send(Topic::Problems);
    StatusCode::NO_CONTENT
}
