//! The one window: made, shown, hidden, mended.

use tauri::{App, AppHandle, Manager as _, WebviewUrl, WebviewWindow, WebviewWindowBuilder};

use super::origin;

/// Name of the one window, as the capability has it.
pub(super) const NAME: &str = "main";

/// Makes the window. `hidden` leaves it away until somebody asks for it.
pub(super) fn open(app: &App, hidden: bool) -> tauri::Result<()> {
    let mut config = app.config().app.windows.first().cloned().unwrap_or_default();
    config.label = NAME.to_owned();
    config.url = WebviewUrl::default();
    config.visible = !hidden;
    // The page is all there is to see: a link or a bug that leads elsewhere leads nowhere.
    let window = WebviewWindowBuilder::from_config(app, &config)?.on_navigation(origin::is_ours).build()?;
    mend(&window);
    Ok(())
}

/// Brings the window to the front.
pub(super) fn show(app: &AppHandle) {
    let Some(window) = app.get_webview_window(NAME) else { return };
    let shown = window.show().and_then(|()| window.unminimize()).and_then(|()| window.set_focus());
    if let Err(error) = shown {
        tracing::debug!(%error, "the window cannot be shown");
    }
}

/// The page runs in a process of its own, which may end when its memory runs out: it is loaded anew, and the engine in
/// this process goes on meanwhile.
#[cfg(target_os = "linux")]
fn mend(window: &WebviewWindow) {
    use webkit2gtk::WebViewExt as _;
    let watched = window.with_webview(|view| {
        view.inner().connect_web_process_terminated(|view, reason| {
            tracing::warn!(?reason, "the page ended by itself and is loaded anew; streams go on");
            view.reload();
        });
    });
    if let Err(error) = watched {
        tracing::debug!(%error, "the page is not watched");
    }
}

/// WebView2 and `WKWebView` load a page that ended anew by themselves.
#[cfg(not(target_os = "linux"))]
fn mend(_: &WebviewWindow) {}
