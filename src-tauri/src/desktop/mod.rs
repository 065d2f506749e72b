//! From the start of the program to its end.

mod core;
mod events;
mod folder;
mod origin;
mod scheme;
mod signals;

use std::process::ExitCode;

use tauri::{RunEvent, WebviewUrl, WebviewWindowBuilder};

use self::core::Core;
use self::events::Listening;

/// Name of the one window, as the capability has it.
const WINDOW: &str = "main";

/// Runs the app until its window is closed or the system asks it to end.
pub fn run() -> ExitCode {
    log();
    // Before the window, so that the page never meets an engine that is still starting.
    let core = tauri::async_runtime::block_on(Core::start());
    let requests = core.clone();
    let app = tauri::Builder::default()
        .manage(core.clone())
        .manage(Listening::default())
        .register_asynchronous_uri_scheme_protocol(scheme::NAME, move |_, request, responder| {
            let core = requests.clone();
            tauri::async_runtime::spawn(async move { responder.respond(scheme::answer(&core, request).await) });
        })
        .invoke_handler(tauri::generate_handler![events::listen, events::stop_listening, folder::open_recordings])
        .setup(|app| {
            let mut config = app.config().app.windows.first().cloned().unwrap_or_default();
            config.label = WINDOW.to_owned();
            config.url = WebviewUrl::default();
            // The page is all there is to see: a link or a bug that leads elsewhere leads nowhere.
            WebviewWindowBuilder::from_config(app, &config)?.on_navigation(origin::is_ours).build()?;
            signals::end_with(app.handle());
            Ok(())
        })
        .build(tauri::generate_context!());
    let app = match app {
        Ok(app) => app,
        Err(error) => {
            tracing::error!(%error, "the window cannot be opened");
            tauri::async_runtime::block_on(core.shutdown());
            return ExitCode::FAILURE;
        }
    };
    let code = app.run_return(move |_, event| {
        if let RunEvent::Exit = event {
            // The window is gone already; players are told and recordings are closed before the process ends.
            tauri::async_runtime::block_on(core.shutdown());
        }
    });
    u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from)
}

fn log() {
    let filter = std::env::var("WEIR_LOG").unwrap_or_else(|_| String::from("info"));
    let filter = tracing_subscriber::EnvFilter::builder().parse_lossy(filter);
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}
