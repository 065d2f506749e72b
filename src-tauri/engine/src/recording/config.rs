//! What can be set about recordings.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Writing streams to files.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Record every stream from its start. Default false: a disk fills up quickly.
    pub record_all: bool,
    /// Folder for recordings. Default: `Weir` in the videos folder of the user; for `weir serve` the folder `recordings`
    /// where it was started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dir: Option<PathBuf>,
    /// File format. Default `flv`: a crash leaves a playable file.
    pub container: Container,
}

/// A file format for recordings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Container {
    /// Flash video.
    #[default]
    Flv,
}
