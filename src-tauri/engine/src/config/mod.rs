//! The one typed configuration: composed of each feature's own, parsed once, never guessed at later.
//!
//! Order: the defaults of the [`Profile`] < the file < the environment and the flags (which the command line program
//! lays over the result). The file stores only what differs from the defaults; secrets are not part of it
//! ([`crate::secrets`]).

mod disk;
mod edit;
mod file;
mod merge;
mod mistake;
pub mod range;
mod reference;
mod seconds;
mod settings;
pub(crate) mod watch;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::net::ListenAddress;
use crate::{auth, desktop, destination, hook, http, limits, log, metrics, protocol, recording, streams, tls};

pub use file::{ConfigError, check, load, parse};
pub use mistake::Mistake;
pub use reference::{default_file, markdown, schema};
pub use seconds::Seconds;
pub(crate) use settings::Met;
pub use settings::Settings;

/// Everything that can be set.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The RTMP server: where encoders send to and players watch.
    pub rtmp: protocol::rtmp::Config,
    /// The SRT server: the same for bad networks, encrypted if wanted.
    pub srt: protocol::srt::Config,
    /// The same over TLS, for networks that others can listen in on.
    pub rtmps: protocol::rtmp::SecureConfig,
    /// The certificate that encrypted listeners show.
    pub tls: tls::Config,
    /// Live streams: how long they are kept, who may publish.
    pub streams: streams::Config,
    /// Who may publish and who may watch.
    pub auth: auth::Config,
    /// How much strangers may ask of this computer.
    pub limits: limits::Config,
    /// Writing streams to files.
    pub recording: recording::Config,
    /// Other servers that streams are sent on to. Default: none.
    pub destinations: Vec<destination::Config>,
    /// Programs that are run and addresses that are called when something happens.
    pub hooks: hook::Config,
    /// Numbers for monitoring, over HTTP.
    pub metrics: metrics::Config,
    /// What is written about what happens.
    pub log: log::Config,
    /// The web page and its API over HTTP.
    pub http: http::Config,
    /// The window and the desktop around it.
    pub desktop: desktop::Config,
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
            config.srt.listen = vec![ListenAddress::All { port: protocol::srt::Config::DEFAULT_PORT }];
            config.rtmps.listen = vec![ListenAddress::All { port: protocol::rtmp::SecureConfig::DEFAULT_PORT }];
        }
        config
    }

    /// Whether everybody who reaches this computer over a network may publish and watch.
    pub fn lets_everybody_in(&self) -> bool {
        let is_reached = self.rtmp.enabled && self.rtmp.open_to_network()
            || self.rtmps.is_reached()
            || self.srt.enabled && self.srt.open_to_network() && self.srt.encryption == protocol::srt::Encryption::Off;
        self.auth.mode == auth::Mode::None && is_reached
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_without_keys_lets_everybody_in() {
        for (text, open) in [
            ("", true),
            ("[auth]\nmode = \"token\"\n", false),
            ("[rtmp]\nlisten = [\"localhost:1935\"]\n", false),
            ("[rtmp]\nenabled = false\n", false),
            ("[rtmp]\nenabled = false\n[srt]\nenabled = true\n", true),
            ("[rtmp]\nenabled = false\n[srt]\nenabled = true\nencryption = \"one\"\n", false),
            ("[rtmp]\nlisten = [\"127.0.0.1:1\"]\n[rtmps]\nenabled = true\nlisten = [\"192.0.2.1:1\"]\n", true),
        ] {
            assert_eq!(parse(text, "x", Profile::Serve).unwrap().lets_everybody_in(), open, "{text}");
        }
        assert!(!Config::defaults(Profile::Desktop).lets_everybody_in());
    }
}
