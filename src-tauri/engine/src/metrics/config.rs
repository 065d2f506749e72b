//! What can be set about metrics.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::net::ListenAddress;

/// Numbers for monitoring, over HTTP: `/metrics` for Prometheus, `/debug/vars` with the predecessor's names, and
/// `/debug/pprof/profile`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address to serve them on, such as `127.0.0.1:9090`. Default: none, which means off. The numbers hold no secrets and need
    /// no token; the profile, which costs computing time, does on an address that other devices can reach.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<ListenAddress>,
}
