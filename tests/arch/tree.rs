//! The repository's files as version control knows them, so that build output and a developer's own files do not count.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every tracked file and every new one that is not ignored, relative to the root, with `/`.
pub(crate) fn files() -> Vec<String> {
    let arguments = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let listing = Command::new("git").args(arguments).current_dir(root()).output().expect("git runs");
    assert!(listing.status.success(), "git ls-files: {}", String::from_utf8_lossy(&listing.stderr));
    let listing = String::from_utf8(listing.stdout).expect("file names are UTF-8");
    let files: Vec<String> =
        listing.split('\0').filter(|name| !name.is_empty() && path(name).exists()).map(str::to_owned).collect();
    assert!(files.len() > 20, "git lists only {} files", files.len());
    files
}

/// The tracked files below `folder` (with a closing `/`, or empty for all) whose name ends with one of `endings`.
pub(crate) fn below(folder: &str, endings: &[&str]) -> Vec<String> {
    let wanted = |name: &String| name.starts_with(folder) && endings.iter().any(|ending| name.ends_with(ending));
    files().into_iter().filter(wanted).collect()
}

/// The text of one file.
pub(crate) fn text(name: &str) -> String {
    std::fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Where a file is on this machine.
pub(crate) fn path(name: &str) -> PathBuf {
    root().join(name)
}

/// Fails with every broken rule at once, each on its line.
#[track_caller]
pub(crate) fn none(rule: &str, broken: &[String]) {
    assert!(broken.is_empty(), "{rule}:\n  {}", broken.join("\n  "));
}
