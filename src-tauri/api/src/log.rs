//! The latest lines of the log.

use axum::extract::State;
use weir_engine::log::{self, Query as Wanted};

use crate::error::Error;
use crate::extract::{Json, Query};
use crate::model::{LogLine, LogList, LogQuery};
use crate::router::Api;

/// Lines in an answer when nothing is said.
const USUAL: usize = 500;
/// Most lines in an answer: all that are kept.
const MOST: usize = 2000;

/// The latest lines of the log, those that are wanted. The event stream says that there are more by the topic `log`.
#[utoipa::path(get, path = "/log", tag = "log", params(LogQuery), responses((status = 200, body = LogList)))]
pub(crate) async fn list(State(api): State<Api>, Query(query): Query<LogQuery>) -> Result<Json<LogList>, Error> {
    let config = api.engine.config().log;
    let level = config.level.into();
    let Some(log) = log::current() else {
        return Ok(Json(LogList { lines: Vec::new(), last: 0, level, folder: None }));
    };
    // Read first: a line that comes meanwhile is told twice rather than never.
    let last = *log.lines().last().borrow();
    let LogQuery { since, level: least, stream, leg, connection, text, limit } = query;
    let limit = limit.unwrap_or(USUAL).min(MOST);
    let (since, least) = (since.unwrap_or(0), least.map(log::Level::from));
    let found = log.lines().find(&Wanted { since, level: least, stream, leg, connection, text, limit });
    let folder = config.file.then(|| log.folder().display().to_string());
    Ok(Json(LogList { lines: found.into_iter().map(LogLine::from).collect(), last, level, folder }))
}
