//! The engine inside the app, or why there is none.

use std::path::PathBuf;

use axum::http::StatusCode;
use axum::{Json, Router};
use weir_engine::{Engine, Paths, Profile, Settings};

/// Folder for everything Weir keeps, instead of the system's places: for tests and for a copy on a stick.
const DATA_DIR: &str = "WEIR_DATA_DIR";
/// Settings file, instead of the one in the system's place.
const CONFIG: &str = "WEIR_CONFIG";

/// The engine with its router. Cheap to clone; clones share.
#[derive(Debug, Clone)]
pub(super) struct Core {
    router: Router,
    engine: Option<Engine>,
}

impl Core {
    /// Starts the engine. When that fails the app still opens, and every request is answered with the reason.
    pub(super) async fn start() -> Self {
        match start().await {
            Ok(engine) => Self { router: weir_api::router(engine.clone()), engine: Some(engine) },
            Err(reason) => {
                tracing::error!(%reason, "the engine cannot start");
                Self::stopped(&reason)
            }
        }
    }

    /// No engine, and why.
    pub(super) fn stopped(reason: &str) -> Self {
        Self { router: failing(reason), engine: None }
    }

    /// The API.
    pub(super) fn router(&self) -> Router {
        self.router.clone()
    }

    /// The engine, when it runs.
    pub(super) const fn engine(&self) -> Option<&Engine> {
        self.engine.as_ref()
    }

    /// Ends the engine: players are told, recordings closed.
    pub(super) async fn shutdown(&self) {
        if let Some(engine) = &self.engine {
            engine.shutdown().await;
        }
    }
}

async fn start() -> Result<Engine, String> {
    let paths = Paths::find(Profile::Desktop, variable(CONFIG), variable(DATA_DIR));
    let settings = Settings::load(&paths.config_file, Profile::Desktop).map_err(|error| error.to_string())?;
    Engine::start(settings, paths).await.map_err(|error| error.to_string())
}

fn variable(name: &str) -> Option<PathBuf> {
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
