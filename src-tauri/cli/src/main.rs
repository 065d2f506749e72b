//! The headless program `weir`: flags over the environment over the settings file over the defaults, then the engine with
//! the same page and API that the window has, over HTTP.

mod arguments;
mod commands;
mod config;
mod exit;
mod explain;
mod flags;
mod page;
mod ports;
mod recording;
mod serve;
mod settings;
mod signal;
mod values;

use std::process::ExitCode;

use commands::Command;
use flags::Flags;

fn main() -> ExitCode {
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(exit) => exit.tell(),
    }
}

fn start() -> Result<(), exit::Exit> {
    match commands::parse(std::env::args_os())? {
        Command::Serve(flags) => serve(*flags),
        Command::Config(asked) => config::run(asked),
        Command::Recording { asked } => recording::run(&asked),
        Command::Version => Err(commands::version()),
    }
}

fn serve(flags: Flags) -> Result<(), exit::Exit> {
    let reconnect_url = flags.reconnect_url.clone();
    let warnings = [settings::absent(&flags)?, flags.warning()];
    let (settings, paths) = settings::settings(flags)?;
    // Kept until the end, and taken before anything is written there.
    let _lock = weir_engine::DataLock::take(&paths.data_dir).map_err(exit::Exit::failed)?;
    let log = weir_engine::log::start(&settings.config().log, &paths.data_dir);
    for warning in warnings.into_iter().flatten() {
        tracing::warn!("{warning}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(exit::Exit::failed)?;
    let ended = runtime.block_on(serve::serve(settings, paths, reconnect_url));
    // A disk that does not answer must not keep the program.
    runtime.shutdown_background();
    log.flush();
    ended
}
