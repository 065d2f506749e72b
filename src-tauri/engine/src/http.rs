//! Where the web page and its API are served over HTTP. The server itself is the api crate's.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::range;
use crate::net::ListenAddress;

/// The web page and its API over HTTP. The window needs none of this: it reaches the same API without a port.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Addresses to serve on, such as `127.0.0.1:8080` or `localhost:8080`. Default: none, which means off; whoever turns
    /// it on for the network (`:8080`) opens the controls to everyone who has the access token.
    pub listen: Vec<ListenAddress>,
    /// Names that a browser may reach the page under beside `localhost` and the addresses it listens on, without port.
    /// Default: none. Another name in a request is refused, since a foreign page can give this computer a name of its own.
    #[serde(deserialize_with = "range::names")]
    pub names: Vec<String>,
}
