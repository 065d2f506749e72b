//! What can be set about certificates.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::range;

/// The certificate that encrypted listeners show.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// A certificate in PEM form with all it needs above it, the server's own first. It is read again when it changes.
    /// Default: none, which means one that was imported, or else one that Weir makes for this computer and renews.
    #[serde(deserialize_with = "range::path")]
    pub cert: Option<PathBuf>,
    /// The private key that belongs to it, in PEM form and not encrypted. Both are set or neither. Default: none.
    #[serde(deserialize_with = "range::path")]
    pub key: Option<PathBuf>,
    /// Names and addresses that encoders reach this computer by, beside those it knows itself: for the certificate that Weir
    /// makes. Default: none.
    #[serde(deserialize_with = "range::names")]
    pub names: Vec<String>,
}
