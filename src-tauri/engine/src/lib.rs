//! The engine: what turns the pure protocol crates and the hub into a running server, on tokio.
//!
//! [`Engine`] is started with a [`Config`] and the [`Paths`] of this machine, follows changes with
//! [`Engine::apply`], and ends with [`Engine::shutdown`]. Each feature is one folder with its own `config`.

pub mod config;
pub mod destination;
mod engine;
pub mod event;
pub mod http;
pub mod net;
pub mod paths;
pub mod problem;
pub mod protocol;
pub mod recording;
pub mod secrets;
pub mod status;
pub mod streams;
pub mod supervise;

pub use config::{Config, Profile, Settings};
pub use engine::{ApplyError, Context, Engine, StartError};
pub use event::{Event, Events};
pub use paths::Paths;
pub use problem::{Problem, Problems};
pub use supervise::Supervisor;
