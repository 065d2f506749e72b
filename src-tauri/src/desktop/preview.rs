//! Live pictures for the page: the API's preview messages, as raw bytes through a channel of the window each.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tauri::State;
use tauri::async_runtime::JoinHandle;
use tauri::ipc::{Channel, InvokeResponseBody};
use tokio::sync::Semaphore;
use weir_engine::preview::{Mode, Options, Preview};

use weir_tray::Core;

/// Messages that may be on their way to the page: a channel takes any number, and a page that stands still would fill the
/// memory. A reader that has to wait skips to the newest key frame by itself.
const ON_THE_WAY: usize = 256;

/// The previews that run, by the identity of their channel.
#[derive(Debug, Default)]
pub(super) struct Previews(Mutex<HashMap<u32, Running>>);

#[derive(Debug)]
struct Running {
    task: JoinHandle<()>,
    room: Arc<Semaphore>,
}

impl Previews {
    fn lock(&self) -> MutexGuard<'_, HashMap<u32, Running>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends all: a page that is loaded anew knows nothing of those of the page before it.
    pub(super) fn end_all(&self) {
        self.lock().drain().for_each(|(_, running)| running.task.abort());
    }
}

/// Sends the picture of a stream until it ends, then `null`. Fails when there is no such stream.
#[tauri::command]
pub(super) fn preview(
    core: State<'_, Core>,
    previews: State<'_, Previews>,
    path: &str,
    segments: bool,
    audio: bool,
    messages: Channel<InvokeResponseBody>,
) -> Result<(), String> {
    let engine = core.engine().ok_or("Weir is not running.")?;
    let mode = if segments { Mode::Segments } else { Mode::Frames };
    let preview =
        Preview::open(&engine.context().hub, path, Options { mode, audio }).map_err(|error| error.to_string())?;
    let (id, room) = (messages.id(), Arc::new(Semaphore::new(ON_THE_WAY)));
    let task = tauri::async_runtime::spawn(forward(preview, messages, Arc::clone(&room)));
    if let Some(before) = previews.lock().insert(id, Running { task, room }) {
        before.task.abort();
    }
    Ok(())
}

/// The page has taken this many messages of a preview.
#[tauri::command]
pub(super) fn preview_taken(previews: State<'_, Previews>, id: u32, count: usize) {
    if let Some(running) = previews.lock().get(&id) {
        running.room.add_permits(count.min(ON_THE_WAY.saturating_sub(running.room.available_permits())));
    }
}

/// Ends a preview.
#[tauri::command]
pub(super) fn stop_preview(previews: State<'_, Previews>, id: u32) {
    if let Some(running) = previews.lock().remove(&id) {
        running.task.abort();
    }
}

async fn forward(mut preview: Preview, messages: Channel<InvokeResponseBody>, room: Arc<Semaphore>) {
    while let Some(message) = preview.next().await {
        let Ok(place) = room.acquire().await else { return };
        place.forget();
        if messages.send(InvokeResponseBody::Raw(message.into())).is_err() {
            return;
        }
    }
    // The page may be gone, and then nobody waits for this.
    let _ = messages.send(InvokeResponseBody::Json("null".to_owned()));
}
