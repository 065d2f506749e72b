//! The engine inside the app, or why there is none.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::http::{Request, StatusCode};
use axum::{Json, Router};
use tower::ServiceExt as _;
use weir_api::http::Front;
use weir_engine::{DataLock, Engine, Paths, Profile, Settings};

/// How long a Weir may take to end.
const CLOSING: Duration = Duration::from_secs(6);

/// Folder for everything Weir keeps, instead of the system's places: for tests and for a copy on a stick.
pub const DATA_DIR: &str = "WEIR_DATA_DIR";
/// Settings file, instead of the one in the system's place.
const CONFIG: &str = "WEIR_CONFIG";

/// Where the access token is kept, in the data folder: the same for both programs.
const TOKEN_FILE: &str = "http_token";

/// Largest answer in bytes that the shell reads for itself.
const MAX_ANSWER: usize = 4 << 20;

/// The engine with its router. Cheap to clone; clones share.
#[derive(Debug, Clone)]
pub struct Core {
    router: Router,
    engine: Option<Engine>,
    /// Kept while the app runs.
    _front: Option<Arc<Front>>,
    /// Likewise: no other Weir uses the data folder meanwhile.
    _lock: Option<Arc<DataLock>>,
}

impl Core {
    /// Starts the engine. When that fails the app still opens, and every request is answered with the reason.
    pub async fn start() -> Self {
        match start().await {
            Ok((engine, lock)) => {
                let token_file = engine.paths().data_dir.join(TOKEN_FILE);
                // What the settings want served over HTTP beside the window: the page for other devices, numbers.
                let front = Arc::new(Front::start(engine.clone(), token_file, Vec::new()));
                let router = weir_api::router(engine.clone());
                Self { router, engine: Some(engine), _front: Some(front), _lock: Some(Arc::new(lock)) }
            }
            Err(reason) => {
                tracing::error!(%reason, "the engine cannot start");
                Self::stopped(&reason)
            }
        }
    }

    /// No engine, and why.
    pub fn stopped(reason: &str) -> Self {
        Self { router: failing(reason), engine: None, _front: None, _lock: None }
    }

    /// The API.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// One request to the API; the body of the answer when it is a success.
    pub async fn ask(&self, method: &str, path: &str, body: Option<serde_json::Value>) -> Option<Bytes> {
        let json = body.is_some();
        let mut request = Request::builder().method(method).uri(path).header(HOST, "localhost");
        if json {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let request = request.body(body.map_or_else(Body::empty, |body| Body::from(body.to_string()))).ok()?;
        let Ok(answer) = self.router().oneshot(request).await;
        let status = answer.status();
        if !status.is_success() {
            tracing::debug!(method, path, %status, "the API refuses");
            return None;
        }
        to_bytes(answer.into_body(), MAX_ANSWER).await.ok()
    }

    /// The engine, when it runs.
    pub const fn engine(&self) -> Option<&Engine> {
        self.engine.as_ref()
    }

    /// Ends the engine: players are told, recordings closed.
    pub async fn shutdown(&self) {
        if let Some(engine) = &self.engine {
            engine.shutdown().await;
        }
    }
}

async fn start() -> Result<(Engine, DataLock), String> {
    let paths = Paths::find(Profile::Desktop, variable(CONFIG), variable(DATA_DIR));
    let lock = lock(&paths.data_dir).await?;
    let loaded = Settings::load(&paths.config_file, Profile::Desktop);
    // The log comes first: what is wrong with the settings belongs into it.
    let log = loaded.as_ref().map(|settings| settings.config().log.clone()).unwrap_or_default();
    weir_engine::log::start(&log, &paths.data_dir);
    let settings = loaded.map_err(|error| error.to_string())?;
    let engine = Engine::start(settings, paths).await.map_err(|error| error.to_string())?;
    Ok((engine, lock))
}

/// Takes the data folder. Who closes Weir and opens it again at once waits for the recordings of before to be closed.
async fn lock(folder: &Path) -> Result<DataLock, String> {
    let until = tokio::time::Instant::now() + CLOSING;
    loop {
        match DataLock::take(folder) {
            Ok(lock) => return Ok(lock),
            Err(error) if tokio::time::Instant::now() >= until => return Err(error.to_string()),
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// A path that an environment variable names, when it does.
pub fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// A router that knows one answer.
fn failing(reason: &str) -> Router {
    let error = serde_json::json!({
        "code": "engine_failed",
        "message": format!("The engine does not start: {reason}."),
        "hint": "Put that right, then close Weir and open it again.",
    });
    Router::new().fallback(async move || (StatusCode::SERVICE_UNAVAILABLE, Json(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_opens_weir_again_waits_until_the_one_before_has_ended() {
        let home = tempfile::tempdir().expect("a folder");
        let before = DataLock::take(home.path()).expect("the folder is free");
        let ending = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            drop(before);
        };
        let (lock, ()) = tokio::join!(lock(home.path()), ending);
        assert!(lock.is_ok(), "{lock:?}");
    }
}
