//! The engine: what turns the pure protocol crates and the hub into a running server, on tokio.
//!
//! [`Engine`] is started with a [`Config`] and the [`Paths`] of this machine, follows changes with
//! [`Engine::apply`], and ends with [`Engine::shutdown`]. Each feature is one folder with its own `config`.

pub mod auth;
pub mod config;
pub mod desktop;
pub mod destination;
mod engine;
pub mod event;
pub mod health;
mod hex;
pub mod history;
pub mod hook;
pub mod http;
pub mod lifecycle;
pub mod limits;
mod lock;
pub mod log;
pub mod metrics;
pub mod net;
mod pairs;
pub mod paths;
pub mod preset;
pub mod preview;
pub mod problem;
pub mod protocol;
pub mod recording;
pub mod secrets;
pub mod status;
pub mod streams;
pub mod supervise;
pub mod tls;
mod wake;
mod watch;

pub use config::{Config, Profile, Settings};
pub use engine::{ApplyError, Context, Engine, StartError};
pub use event::{Event, Events};
pub use lifecycle::LifeCycle;
pub use lock::{DataLock, FolderInUse};
pub use paths::Paths;
pub use problem::{Problem, Problems};
pub use supervise::Supervisor;
