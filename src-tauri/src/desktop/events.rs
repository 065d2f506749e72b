//! The engine's events for the page: the text of the API's event stream, through a channel of the window.

use std::sync::{Mutex, PoisonError};

use axum::body::Body;
use axum::http::Request;
use futures_util::StreamExt as _;
use tauri::State;
use tauri::async_runtime::JoinHandle;
use tauri::ipc::Channel;
use tower::ServiceExt as _;

use super::preview::Previews;
use weir_tray::Core;

/// The one event stream of the window, by the identity of its channel. A page that is loaded anew cannot end the stream of
/// the page before it.
#[derive(Debug, Default)]
pub(super) struct Listening(Mutex<Option<(u32, JoinHandle<()>)>>);

/// Sends the event stream's text until it ends, then `None`. Ends the one before, and the previews of the page before.
#[tauri::command]
pub(super) fn listen(
    core: State<'_, Core>,
    listening: State<'_, Listening>,
    previews: State<'_, Previews>,
    events: Channel<Option<String>>,
) {
    let (core, id) = (core.inner().clone(), events.id());
    previews.end_all();
    let task = tauri::async_runtime::spawn(async move {
        forward(&core, &events).await;
        // The page may be gone, and then nobody waits for this.
        let _ = events.send(None);
    });
    if let Some((_, before)) = listening.0.lock().unwrap_or_else(PoisonError::into_inner).replace((id, task)) {
        before.abort();
    }
}

/// Ends that event stream. The next one may have begun already: requests of the page overtake each other.
#[tauri::command]
pub(super) fn stop_listening(listening: State<'_, Listening>, id: u32) {
    let mut listening = listening.0.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, task)) = listening.take_if(|(open, _)| *open == id) {
        task.abort();
    }
}

async fn forward(core: &Core, events: &Channel<Option<String>>) {
    let request = Request::get("/api/v1/events").header("host", "localhost").body(Body::empty());
    let Ok(request) = request else { return };
    let Ok(answer) = core.router().oneshot(request).await;
    if !answer.status().is_success() {
        return;
    }
    let mut text = answer.into_body().into_data_stream();
    while let Some(Ok(chunk)) = text.next().await {
        // A chunk is one whole event, so no character is cut in two.
        if events.send(Some(String::from_utf8_lossy(&chunk).into_owned())).is_err() {
            return;
        }
    }
}
