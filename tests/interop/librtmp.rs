//! librtmp, the library inside OBS and many others, as a player: its own program rtmpdump.

use std::path::Path;
use std::process::Command;

use crate::process::{Outcome, Process};

/// Whether rtmpdump is there, or why not.
pub(crate) fn installed() -> Outcome {
    // It has no flag that only prints a version; without arguments it complains, which is proof enough.
    Command::new("rtmpdump").output().map(drop).map_err(|_| "rtmpdump is not installed".to_owned())
}

/// Plays `url` into `file`.
pub(crate) fn play(url: &str, file: &Path) -> Outcome<Process> {
    let arguments = ["--live", "--rtmp", url, "--flv"].map(std::ffi::OsString::from);
    Process::start("rtmpdump", "rtmpdump", arguments.into_iter().chain([file.as_os_str().to_owned()]))
}
