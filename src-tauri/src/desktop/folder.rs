//! Folders in the system's file manager.

use tauri::State;

use super::core::Core;

/// Opens the recordings folder; makes it first when there was no recording yet. The page cannot name a folder: it could
/// be made to open anything.
#[tauri::command]
pub(super) async fn open_recordings(core: State<'_, Core>) -> Result<(), String> {
    let Some(engine) = core.engine() else { return Err(String::from("Weir is not running.")) };
    let folder = engine.recordings().folder();
    tokio::fs::create_dir_all(&folder).await.map_err(|error| error.to_string())?;
    tauri::async_runtime::spawn_blocking(move || open::that_detached(folder))
        .await
        .map_err(|error| error.to_string())?
        .map_err(|error| error.to_string())
}
