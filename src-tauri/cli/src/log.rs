//! The log, on standard error.

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::prelude::*;

use crate::flags::LogLevel;

/// Starts to write the log. What libraries tell is left out below warnings: it says nothing about streams.
pub(crate) fn start(level: LogLevel) {
    let ours = match level {
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Error => LevelFilter::ERROR,
    };
    let filter = Targets::new().with_default(ours.min(LevelFilter::WARN)).with_target("weir", ours);
    let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(colours);
    // Fails only when a log is being written already, which is then good enough.
    let _ = tracing_subscriber::registry().with(lines.with_filter(filter)).try_init();
}
