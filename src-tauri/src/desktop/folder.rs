//! What the page may reach outside of itself: the recordings folder, one recording in it, links that Weir itself tells, and
//! a file where the person wants it.

use tauri::{State, WebviewWindow};
use tauri_plugin_dialog::DialogExt as _;
use weir_tray::{Core, Key, Words, act};

/// Opens the recordings folder; makes it first when there was no recording yet. The page cannot name a folder: it could
/// be made to open anything.
#[tauri::command]
pub(super) async fn open_recordings(core: State<'_, Core>) -> Result<(), String> {
    open(core.inner()).await
}

/// Shows one recording in the system's file manager. `name` is its name in the folder, as the API tells it.
#[tauri::command]
pub(super) async fn reveal_recording(core: State<'_, Core>, name: String) -> Result<(), String> {
    let Some(engine) = core.engine().cloned() else { return Err(String::from("Weir is not running.")) };
    tauri::async_runtime::spawn_blocking(move || {
        let file = engine.recordings().locate(&name).ok_or("There is no such recording.")?;
        tauri_plugin_opener::reveal_item_in_dir(file).map_err(|error| error.to_string())
    })
    .await
    .map_err(|error| error.to_string())?
}

/// Opens a link of a preset in the system's browser. Any other address is refused: the page could be made to open it.
#[tauri::command]
pub(super) async fn open_link(core: State<'_, Core>, url: String) -> Result<(), String> {
    if !act::is_known_link(core.inner(), &url).await {
        return Err(String::from("Weir does not know this link."));
    }
    tauri::async_runtime::spawn_blocking(move || open::that_detached(url))
        .await
        .map_err(|error| error.to_string())?
        .map_err(|error| error.to_string())
}

/// Asks where to keep a text as a file, and writes it there. `false` when the person called it off. Web views differ in what
/// they do with a download, and WebKitGTK does nothing.
#[tauri::command]
pub(super) async fn save_file(
    window: WebviewWindow,
    words: State<'_, Words>,
    name: String,
    text: String,
) -> Result<bool, String> {
    let (answer, answered) = tokio::sync::oneshot::channel();
    let dialog = window.dialog().file().set_parent(&window).set_title(words.say(Key::SaveTitle, &[]));
    let dialog = dialog.set_file_name(act::file_name(&name));
    // Nobody waits any more when the page was loaded anew meanwhile.
    dialog.save_file(move |place| drop(answer.send(place)));
    let Ok(Some(place)) = answered.await else { return Ok(false) };
    let place = place.into_path().map_err(|error| error.to_string())?;
    tauri::async_runtime::spawn_blocking(move || act::keep(&place, &text))
        .await
        .map_err(|error| error.to_string())?
        .map_err(|error| error.to_string())?;
    Ok(true)
}

/// Opens the recordings folder in the system's file manager.
pub(super) async fn open(core: &Core) -> Result<(), String> {
    let Some(engine) = core.engine() else { return Err(String::from("Weir is not running.")) };
    let folder = engine.recordings().folder();
    tokio::fs::create_dir_all(&folder).await.map_err(|error| error.to_string())?;
    tauri::async_runtime::spawn_blocking(move || open::that_detached(folder))
        .await
        .map_err(|error| error.to_string())?
        .map_err(|error| error.to_string())
}
