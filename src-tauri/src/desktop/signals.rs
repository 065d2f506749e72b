//! Ends the app in order when the system asks: at logout, or by Ctrl-C in the terminal that started it.

use tauri::AppHandle;

/// Ends `app` at the first request to end.
pub(super) fn end_with(app: &AppHandle) {
    let app = app.clone();
    tauri::async_runtime::spawn(async move {
        if asked().await.is_ok() {
            app.exit(0);
        }
    });
}

#[cfg(unix)]
async fn asked() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    tokio::select! {
        asked = tokio::signal::ctrl_c() => asked,
        _ = terminate.recv() => Ok(()),
        _ = hang_up.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn asked() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}
