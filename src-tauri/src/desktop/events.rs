//! The engine's events for the page: the text of the API's event stream, through a channel of the window.

use std::sync::{Mutex, PoisonError};

use axum::body::Body;
use axum::http::Request;
use futures_util::StreamExt as _;
use tauri::State;
use tauri::async_runtime::JoinHandle;
use tauri::ipc::Channel;
use tower::ServiceExt as _;

use super::core::Core;

/// The one event stream of the window. A page that is loaded anew cannot end the stream of the page before it.
#[derive(Debug, Default)]
pub(super) struct Listening(Mutex<Option<JoinHandle<()>>>);

impl Listening {
    fn replace(&self, task: Option<JoinHandle<()>>) {
        let before = std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), task);
        if let Some(before) = before {
            before.abort();
        }
    }
}

/// Sends the event stream's text until it ends, then `None`. Ends the one before.
#[tauri::command]
pub(super) fn listen(core: State<'_, Core>, listening: State<'_, Listening>, events: Channel<Option<String>>) {
    let core = core.inner().clone();
    listening.replace(Some(tauri::async_runtime::spawn(async move {
        forward(&core, &events).await;
        // The page may be gone, and then nobody waits for this.
        let _ = events.send(None);
    })));
}

/// Ends the event stream.
#[tauri::command]
pub(super) fn stop_listening(listening: State<'_, Listening>) {
    listening.replace(None);
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
