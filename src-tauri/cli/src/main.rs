//! The headless program `weir`: flags over the environment over the settings file over the defaults, then the engine with
//! the same page and API that the window has, over HTTP.

mod arguments;
mod config;
mod exit;
mod flags;
mod page;
mod recording;
mod serve;
mod settings;
mod signal;
mod values;

use std::process::ExitCode;

fn main() -> ExitCode {
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(exit) => exit.tell(),
    }
}

fn start() -> Result<(), exit::Exit> {
    let arguments: Vec<_> = std::env::args_os().collect();
    if arguments.get(1).is_some_and(|word| word == recording::COMMAND) {
        return recording::run(arguments.get(2..).unwrap_or_default());
    }
    if arguments.get(1).is_some_and(|word| word == config::COMMAND) {
        return config::run(arguments.get(2..).unwrap_or_default());
    }
    let flags = flags::parse(arguments)?;
    let (reconnect_url, warning) = (flags.reconnect_url.clone(), flags.warning());
    let (settings, paths) = settings::settings(flags)?;
    let log = weir_engine::log::start(&settings.config().log, &paths.data_dir);
    if let Some(warning) = warning {
        tracing::warn!("{warning}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(exit::Exit::failed)?;
    let ended = runtime.block_on(serve::serve(settings, paths, reconnect_url));
    // A disk that does not answer must not keep the program.
    runtime.shutdown_background();
    log.flush();
    ended
}
