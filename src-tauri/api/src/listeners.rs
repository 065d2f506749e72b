//! Where the program listens.

use axum::extract::State;

use crate::error::Error;
use crate::extract::{Json, Path};
use crate::model::*;
use crate::router::Api;

/// Every listener and what it is doing.
#[utoipa::path(get, path = "/listeners", tag = "listeners",
    responses((status = 200, body = ListenerList))
)]
pub(crate) async fn list(State(_api): State<Api>) -> Result<Json<ListenerList>, Error> {
    Err(Error::internal())
}

/// Change a listener. It is applied at once and saved.
/// That the port is taken is no error of this request: the answer then shows the state `port_taken`.
#[utoipa::path(patch, path = "/listeners/{id}", tag = "listeners",
    params(("id" = String, Path)),
    request_body = ListenerPatch,
    responses((status = 200, body = Listener))
)]
pub(crate) async fn change(
    State(_api): State<Api>,
    Path(_id): Path<String>,
    Json(_patch): Json<ListenerPatch>,
) -> Result<Json<Listener>, Error> {
    Err(Error::internal())
}
