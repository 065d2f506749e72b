//! Follows the engine for the tray, the notifications, the sleep guard and the start at login.

use std::time::Duration;

use tauri::AppHandle;
use tauri_plugin_autostart::ManagerExt as _;
use tauri_plugin_notification::NotificationExt as _;
use tokio::sync::broadcast::error::RecvError;

use super::tray::Tray;
use weir_tray::Core;
use weir_tray::Guard;
use weir_tray::Seen;
use weir_tray::Words;
use weir_tray::notices;

/// What happens within this time is looked at once.
const COLLECT: Duration = Duration::from_millis(300);
/// Destinations fall behind and recover without an event of their own, so a look is taken this often at least.
const AT_LEAST: Duration = Duration::from_secs(5);

/// Follows until the engine ends.
pub(super) async fn follow(app: AppHandle, core: Core, words: Words, tray: Tray) {
    let Some(engine) = core.engine() else { return };
    let mut events = engine.context().events.listen();
    let mut before = Seen::look(&core).await;
    let mut guard = Guard::default();
    let looker = tray.clone();
    tauri::async_runtime::spawn_blocking(move || looker.look_for_host());
    tray.show(&before);
    start_at_login(&app, before.settings.start_at_login);
    loop {
        match tokio::time::timeout(AT_LEAST, events.recv()).await {
            Ok(Err(RecvError::Closed)) => return,
            Ok(_) => tokio::time::sleep(COLLECT).await,
            Err(_) => {}
        }
        while events.try_recv().is_ok() {}
        let after = Seen::look(&core).await;
        for sentence in notices(&before, &after, &words) {
            tell(&app, sentence);
        }
        if after.settings.start_at_login != before.settings.start_at_login {
            start_at_login(&app, after.settings.start_at_login);
        }
        let wanted = after.settings.keep_awake && after.live().next().is_some();
        let set = tokio::task::spawn_blocking(move || {
            guard.set(wanted);
            guard
        });
        guard = set.await.unwrap_or_default();
        tray.show(&after);
        before = after;
    }
}

/// Shows a notification. Where there is nobody to show it, the log has it.
pub(super) fn tell(app: &AppHandle, sentence: String) {
    tracing::debug!(%sentence, "notification");
    let app = app.clone();
    // The system's bus may be slow to answer.
    tauri::async_runtime::spawn_blocking(move || {
        if let Err(error) = app.notification().builder().title("Weir").body(sentence).show() {
            tracing::debug!(%error, "no notification can be shown");
        }
    });
}

fn start_at_login(app: &AppHandle, wanted: bool) {
    let launch = app.autolaunch();
    if launch.is_enabled().unwrap_or(false) == wanted {
        return;
    }
    let done = if wanted { launch.enable() } else { launch.disable() };
    if let Err(error) = done {
        tracing::warn!(%error, wanted, "the start at login cannot be changed");
    }
}
