//! The log, set up once for every host: lines on standard error, a rotated file, and the latest lines kept for people to look
//! at. Level, format and file follow the settings while Weir runs.
//!
//! A log belongs to the process, as `tracing` has it; engines share it.

mod config;
mod file;
mod ring;
mod stderr;

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::Layered;
use tracing_subscriber::prelude::*;
use tracing_subscriber::{Layer, Registry, fmt, reload};

pub use config::{Config, Format, Level};
pub use ring::{Line, Lines, Query};
pub use stderr::{flush_stderr, to_stderr};

/// Lines that wait for a slow disk; more are left out rather than waited for.
const WAITING_LINES: usize = 16 * 1024;
/// The folder below the data folder.
const FOLDER: &str = "log";

/// What everything is written through.
type Filtered = Layered<reload::Layer<Targets, Registry>, Registry>;
type Output = Box<dyn Layer<Filtered> + Send + Sync>;

static LOG: OnceLock<Log> = OnceLock::new();

/// The log of this process. Cheap to clone; clones share.
#[derive(Clone)]
pub struct Log(Arc<Shared>);

struct Shared {
    lines: Lines,
    folder: PathBuf,
    filter: reload::Handle<Targets, Registry>,
    outputs: reload::Handle<Vec<Output>, Filtered>,
    state: Mutex<State>,
}

struct State {
    config: Config,
    /// Writes the file; dropping it writes what waits.
    worker: Option<WorkerGuard>,
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Log").field("folder", &self.0.folder).finish_non_exhaustive()
    }
}

/// Starts the log of this process, its file below `data_dir`. Started again it only follows `config`.
pub fn start(config: &Config, data_dir: &Path) -> Log {
    let log = LOG.get_or_init(|| {
        let lines = Lines::default();
        let folder = data_dir.join(FOLDER);
        let (filter, filter_handle) = reload::Layer::new(filter(config.level));
        let (written, worker) = outputs(config, &folder);
        let (outputs, outputs_handle) = reload::Layer::new(written);
        let subscriber = tracing_subscriber::registry().with(filter).with(outputs).with(lines.layer());
        // Fails only when a log is being written already, which is then good enough.
        let _ = subscriber.try_init();
        let state = Mutex::new(State { config: config.clone(), worker });
        Log(Arc::new(Shared { lines, folder, filter: filter_handle, outputs: outputs_handle, state }))
    });
    log.apply(config);
    log.clone()
}

/// The log of this process, if it has been started.
pub fn current() -> Option<Log> {
    LOG.get().cloned()
}

impl Log {
    /// Follows changed settings.
    pub fn apply(&self, config: &Config) {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.config == *config {
            return;
        }
        let level_only = Config { level: config.level, ..state.config.clone() } == *config;
        let _ = self.0.filter.reload(filter(config.level));
        if !level_only {
            // The old file is closed first: two writers of one file would rotate it twice.
            let _ = self.0.outputs.reload(Vec::new());
            state.worker = None;
            let (written, worker) = outputs(config, &self.0.folder);
            let _ = self.0.outputs.reload(written);
            state.worker = worker;
        }
        state.config = config.clone();
    }

    /// The latest lines.
    pub fn lines(&self) -> &Lines {
        &self.0.lines
    }

    /// The folder of the files.
    pub fn folder(&self) -> &Path {
        &self.0.folder
    }

    /// Writes what waits for the disk and for who reads standard error, before the program ends.
    pub fn flush(&self) {
        flush_stderr();
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner).worker = None;
    }
}

/// What libraries tell is left out below warnings: it says nothing about streams. What rustls warns of is what strangers send,
/// as often as they like; what comes of it our own lines say, and no more of them than one address may cause.
fn filter(level: Level) -> Targets {
    let ours = match level {
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
    };
    Targets::new()
        .with_default(ours.min(LevelFilter::WARN))
        .with_target("weir", ours)
        .with_target("rustls", LevelFilter::ERROR)
}

fn outputs(config: &Config, folder: &Path) -> (Vec<Output>, Option<WorkerGuard>) {
    let colours = std::io::stderr().is_terminal();
    let mut all: Vec<Output> = vec![match config.format {
        Format::Text => fmt::layer().with_writer(stderr::Lines).with_ansi(colours).boxed(),
        Format::Json => fmt::layer().json().flatten_event(true).with_writer(stderr::Lines).boxed(),
    }];
    if !config.file {
        return (all, None);
    }
    let rotated = match file::Rotated::open(folder, config.file_bytes, config.files) {
        Ok(rotated) => rotated,
        Err(error) => {
            let file = folder.join(file::NAME);
            to_stderr(&format!("weir: the log cannot be written to {}: {error}\n", file.display()));
            return (all, None);
        }
    };
    let (writer, worker) = tracing_appender::non_blocking::NonBlockingBuilder::default()
        .buffered_lines_limit(WAITING_LINES)
        .lossy(true)
        .finish(rotated);
    all.push(match config.format {
        Format::Text => fmt::layer().with_writer(writer).with_ansi(false).boxed(),
        Format::Json => fmt::layer().json().flatten_event(true).with_writer(writer).boxed(),
    });
    (all, Some(worker))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_make_no_library_fill_the_log() {
        use tracing::Level as Told;
        for level in [Level::Info, Level::Debug] {
            let filter = filter(level);
            assert!(filter.would_enable("weir_engine::net", &Told::INFO));
            assert!(
                filter.would_enable("hyper::proto", &Told::WARN) && !filter.would_enable("hyper::proto", &Told::INFO)
            );
            assert!(!filter.would_enable("rustls::msgs::handshake", &Told::WARN));
        }
        assert!(!filter(Level::Error).would_enable("hyper::proto", &Told::WARN));
    }
}
