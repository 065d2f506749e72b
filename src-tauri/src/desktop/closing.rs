//! What closing the window means, and what is asked before the app ends.

use std::path::PathBuf;

use tauri::{AppHandle, CloseRequestApi, Manager as _, State, Window};
use tauri_plugin_dialog::{DialogExt as _, MessageDialogButtons, MessageDialogKind};

use super::tray::Tray;
use weir_tray::Core;
use weir_tray::{Key, Words};
use weir_tray::{Seen, Settings};

/// Says that it was explained once what closing the window does; in the data folder.
const EXPLAINED: &str = "close_explained";

/// The window's button was pressed: streams go on without it, unless the settings want the end.
pub(super) fn requested(window: &Window, api: &CloseRequestApi) {
    api.prevent_close();
    let (app, window) = (window.app_handle().clone(), window.clone());
    tauri::async_runtime::spawn(async move {
        let core: State<'_, Core> = app.state();
        let core = core.inner().clone();
        if core.engine().is_none() {
            return app.exit(0);
        }
        let settings = Seen::look(&core).await.settings;
        if settings.keep_running { withdraw(&app, &window, &core) } else { ask(&app, &core).await }
    });
}

/// Hides the window, or minimises it where no tray icon leads back to it. Says so the first time.
fn withdraw(app: &AppHandle, window: &Window, core: &Core) {
    let in_tray = app.state::<Tray>().is_there();
    let leave = move |window: &Window| {
        let left = if in_tray { window.hide() } else { window.minimize() };
        if let Err(error) = left {
            tracing::debug!(%error, "the window stays");
        }
    };
    let Some(marker) = unexplained(core) else { return leave(window) };
    let words: State<'_, Words> = app.state();
    let sentence = words.say(if in_tray { Key::CloseTray } else { Key::CloseMinimized }, &[]);
    let title = words.say(Key::CloseTitle, &[]);
    let window = window.clone();
    app.dialog().message(sentence).title(title).kind(MessageDialogKind::Info).parent(&window.clone()).show(move |_| {
        if let Err(error) = std::fs::write(&marker, "") {
            tracing::debug!(%error, "it will be explained again");
        }
        leave(&window);
    });
}

/// The marker to write once it was explained; `None` when it was.
fn unexplained(core: &Core) -> Option<PathBuf> {
    let marker = core.engine()?.paths().data_dir.join(EXPLAINED);
    (!marker.exists()).then_some(marker)
}

/// Ends the app, after a question when that would end something.
pub(super) async fn ask(app: &AppHandle, core: &Core) {
    let seen = Seen::look(core).await;
    let live: Vec<&str> = seen.live().map(|stream| stream.path.as_str()).collect();
    if live.is_empty() {
        return app.exit(0);
    }
    let words: State<'_, Words> = app.state();
    let buttons = MessageDialogButtons::OkCancelCustom(words.say(Key::QuitYes, &[]), words.say(Key::QuitNo, &[]));
    let asked = app.clone();
    app.dialog()
        .message(words.say(Key::QuitWords, &[("streams", &live.join(", "))]))
        .title(words.say(Key::QuitTitle, &[]))
        .kind(MessageDialogKind::Warning)
        .buttons(buttons)
        .show(move |yes| {
            if yes {
                asked.exit(0);
            }
        });
}

/// Whether the window stays away at the start: it was started with the session, and the settings want it so.
pub(super) fn starts_hidden(settings: Settings, at_login: bool) -> bool {
    at_login && settings.start_hidden
}

/// The page's way to end the app: needed where no tray icon is.
#[tauri::command]
pub(super) async fn quit(app: AppHandle, core: State<'_, Core>) -> Result<(), ()> {
    ask(&app, core.inner()).await;
    Ok(())
}
