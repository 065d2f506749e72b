//! What can be set.

use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::extract::State;
use weir_engine::config::Config;
use weir_engine::protocol::rtmp::ChunkSize;
use weir_engine::streams;

use crate::apply::apply;
use crate::error::Error;
use crate::extract::Json;
use crate::model::{DuplicatePublisher, Settings, SettingsPatch};
use crate::router::Api;

/// Longest time that readers are kept after a publisher went: beyond an hour nobody comes back.
const MAX_GRACE: f64 = 3600.0;
/// Longest time that a player waits for a stream: most give up by themselves before.
const MAX_PLAY_WAIT: f64 = 300.0;

/// The settings in force.
#[utoipa::path(get, path = "/settings", tag = "settings", responses((status = 200, body = Settings)))]
pub(crate) async fn show(State(api): State<Api>) -> Json<Settings> {
    Json(Settings::new(&api.engine))
}

/// Change settings. They are checked, applied at once and saved.
#[utoipa::path(patch, path = "/settings", tag = "settings", request_body = SettingsPatch,
    responses((status = 200, body = Settings)))]
pub(crate) async fn change(State(api): State<Api>, Json(patch): Json<SettingsPatch>) -> Result<Json<Settings>, Error> {
    let folder = match patch.record_dir.clone() {
        Some(folder) => Some(usable(folder).await?),
        None => None,
    };
    apply(&api, |config| merge(config, &patch, folder)).await?;
    Ok(Json(Settings::new(&api.engine)))
}

fn merge(config: &mut Config, patch: &SettingsPatch, folder: Option<PathBuf>) -> Result<(), Error> {
    if let Some(record_all) = patch.record_all {
        config.recording.record_all = record_all;
    }
    if let Some(folder) = folder {
        config.recording.dir = Some(folder);
    }
    if let Some(size) = patch.chunk_size {
        config.rtmp.chunk_size = ChunkSize::try_from(size).map_err(|_| {
            Error::invalid(
                format!("The chunk size cannot be {size} bytes."),
                "Choose 1 to 65536 bytes; 60000 suits every client.",
            )
        })?;
    }
    if let Some(duplicate) = patch.duplicate_publisher {
        config.streams.duplicate_publisher = match duplicate {
            DuplicatePublisher::Refuse => streams::DuplicatePublisher::Refuse,
            DuplicatePublisher::Replace => streams::DuplicatePublisher::Replace,
        };
    }
    if let Some(grace) = patch.grace_seconds {
        config.streams.grace_seconds = span(grace, MAX_GRACE, "Readers cannot be kept")?.into();
    }
    if let Some(wait) = patch.play_wait_seconds {
        config.streams.play_wait_seconds = span(wait, MAX_PLAY_WAIT, "A player cannot wait")?.into();
    }
    if let Some(level) = patch.log_level {
        config.log.level = level.into();
    }
    Ok(())
}

fn span(seconds: f64, most: f64, what: &str) -> Result<Duration, Error> {
    let span = Duration::try_from_secs_f64(seconds).ok().filter(|_| seconds <= most);
    span.ok_or_else(|| Error::invalid(format!("{what} for {seconds} seconds."), format!("Choose 0 to {most} seconds.")))
}

/// The folder, when files can be written there; it is made when it is missing.
pub(crate) async fn usable(folder: String) -> Result<PathBuf, Error> {
    let folder = PathBuf::from(folder.trim());
    if !folder.is_absolute() {
        return Err(Error::invalid(
            "The recordings folder must be a full path.",
            "Write it from the top, for example /home/me/Videos/Weir or C:\\Videos\\Weir.",
        ));
    }
    // The disk may be slow, or a network's.
    let tried = tokio::task::spawn_blocking(move || try_folder(&folder).map(|()| folder)).await;
    tried.unwrap_or_else(|_| Err(Error::internal()))
}

fn try_folder(folder: &Path) -> Result<(), Error> {
    let refused = |error: std::io::Error| {
        Error::invalid(
            format!("{} cannot be the recordings folder: {error}.", folder.display()),
            "Choose a folder that you may write to, on a disk that is connected.",
        )
    };
    std::fs::create_dir_all(folder).map_err(refused)?;
    tempfile::tempfile_in(folder).map(drop).map_err(refused)
}
