//! The one typed configuration: composed of each feature's own, parsed once, never guessed at later.
//!
//! Order: the defaults of the [`Profile`] < the file < the environment and the flags (which the command line program
//! lays over the result). The file stores only what differs from the defaults; secrets are not part of it
//! ([`crate::secrets`]).

mod file;
mod seconds;
mod settings;

use serde::{Deserialize, Serialize};

use crate::net::ListenAddress;
use crate::{destination, http, protocol, recording, streams};

pub use file::{ConfigError, load, parse, save};
pub use seconds::Seconds;
pub use settings::Settings;

/// Everything that can be set.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The RTMP server: where encoders send to and players watch.
    pub rtmp: protocol::rtmp::Config,
    /// Live streams: how long they are kept, who may publish.
    pub streams: streams::Config,
    /// Writing streams to files.
    pub recording: recording::Config,
    /// Other servers that streams are sent on to. Default: none.
    pub destinations: Vec<destination::Config>,
    /// The web page and its API over HTTP.
    pub http: http::Config,
}

/// Who runs the engine; the two differ in a few defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// The window: only this computer may connect until the user says otherwise.
    Desktop,
    /// `weir serve`: a server, open to the network as its predecessor was.
    Serve,
}

impl Config {
    /// What holds when nothing is set.
    pub fn defaults(profile: Profile) -> Self {
        let mut config = Self::default();
        if profile == Profile::Serve {
            config.rtmp.listen = vec![ListenAddress::All { port: protocol::rtmp::Config::DEFAULT_PORT }];
        }
        config
    }
}
