//! From the start of the program to its end.

mod closing;
mod events;
mod folder;
mod language;
mod media;
mod origin;
mod preview;
mod scheme;
mod signals;
mod tray;
mod watch;
mod window;

use std::process::ExitCode;

use tauri::{Builder, Manager as _, RunEvent, WindowEvent, Wry};
use tauri_plugin_autostart::MacosLauncher;
use tauri_plugin_window_state::StateFlags;
use weir_tray::{Core, DATA_DIR, Seen, Words, variable};

use self::events::Listening;
use self::preview::Previews;
use self::tray::Tray;

/// Given by the system when it starts the program with the session.
const AT_LOGIN: &str = "--at-login";

/// Runs the app until it is quit or the system asks it to end.
pub fn run() -> ExitCode {
    media::prepare();
    let words = Words::new(weir_tray::of_system().as_deref());
    let app = plugins(Builder::default())
        .manage(words.clone())
        .manage(Listening::default())
        .manage(Previews::default())
        .register_asynchronous_uri_scheme_protocol(scheme::NAME, |context, request, responder| {
            let core = context.app_handle().state::<Core>().inner().clone();
            tauri::async_runtime::spawn(async move { responder.respond(scheme::answer(&core, request).await) });
        })
        .invoke_handler(tauri::generate_handler![
            events::listen,
            events::stop_listening,
            folder::open_recordings,
            folder::reveal_recording,
            folder::open_link,
            folder::save_file,
            language::set_language,
            closing::quit,
            preview::preview,
            preview::preview_taken,
            preview::stop_preview,
        ])
        .on_window_event(|window, event| {
            if let WindowEvent::CloseRequested { api, .. } = event {
                closing::requested(window, api);
            }
        })
        .setup(move |app| {
            let core = app.state::<Core>().inner().clone();
            let settings = tauri::async_runtime::block_on(Seen::look(&core)).settings;
            let tray = Tray::new(app.handle(), &core, words.clone());
            app.manage(tray.clone());
            let at_login = std::env::args_os().any(|argument| argument == AT_LOGIN);
            window::open(app, closing::starts_hidden(settings, at_login))?;
            signals::end_with(app.handle());
            tauri::async_runtime::spawn(watch::follow(app.handle().clone(), core, words, tray));
            Ok(())
        })
        .build(tauri::generate_context!());
    let app = match app {
        Ok(app) => app,
        Err(error) => {
            // There is no log before there is an engine.
            eprintln!("Weir's window cannot be opened: {error}");
            return ExitCode::FAILURE;
        }
    };
    // Before the window, so that the page never meets an engine that is still starting; after the question whether Weir
    // runs already, so that a second start never opens the first one's ports and files.
    let core = tauri::async_runtime::block_on(Core::start());
    app.manage(core.clone());
    let code = app.run_return(move |app, event| match event {
        // The Dock's icon was clicked while no window is open.
        #[cfg(target_os = "macos")]
        RunEvent::Reopen { .. } => window::show(app),
        // Cmd-Q, or the last window is gone: a wish of somebody, who may not know what it ends.
        RunEvent::ExitRequested { code: None, api, .. } => {
            api.prevent_exit();
            let (app, core) = (app.clone(), core.clone());
            tauri::async_runtime::spawn(async move { closing::ask(&app, &core).await });
        }
        // The window is gone already; players are told and recordings are closed before the process ends.
        RunEvent::Exit => tauri::async_runtime::block_on(core.shutdown()),
        _ => {}
    });
    u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from)
}

fn plugins(builder: Builder<Wry>) -> Builder<Wry> {
    let state = tauri_plugin_window_state::Builder::new()
        .with_state_flags(StateFlags::SIZE | StateFlags::POSITION | StateFlags::MAXIMIZED);
    // A copy with a data folder of its own is another Weir; else a second start shows the first one's window. The first
    // plugin of all, as it demands.
    let builder = if variable(DATA_DIR).is_some() {
        builder
    } else {
        builder.plugin(tauri_plugin_single_instance::init(|app, _, _| window::show(app)))
    };
    builder
        .plugin(state.build())
        .plugin(tauri_plugin_autostart::init(MacosLauncher::LaunchAgent, Some(vec![AT_LOGIN])))
        .plugin(tauri_plugin_clipboard_manager::init())
        .plugin(tauri_plugin_dialog::init())
        .plugin(tauri_plugin_notification::init())
}
