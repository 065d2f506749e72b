//! What people do beside the page: requests to the API without the window, and files of their own.

use std::io::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::{Core, Seen};

/// Records every live stream, or stops when one is being recorded.
pub async fn record_or_stop(core: &Core) {
    let seen = Seen::look(core).await;
    let stop = seen.live().any(|stream| stream.is_recorded());
    for stream in seen.live().filter(|stream| stream.is_recorded() == stop) {
        let path = format!("/api/v1/streams/{}/record", stream.path.replace('/', "%2F"));
        core.ask(if stop { "DELETE" } else { "POST" }, &path, None).await;
    }
}

/// Switches a destination on or off.
pub async fn switch_destination(core: &Core, id: &str) {
    let seen = Seen::look(core).await;
    let Some(destination) = seen.destinations.iter().find(|destination| destination.id == id) else { return };
    let body = json!({ "enabled": !destination.enabled });
    core.ask("PATCH", &format!("/api/v1/destinations/{id}"), Some(body)).await;
}

/// Whether a preset names this link. Any other address is not ours to open.
pub async fn is_known_link(core: &Core, url: &str) -> bool {
    let presets = core.ask("GET", "/api/v1/presets", None).await;
    let presets = presets.and_then(|body| serde_json::from_slice(&body).ok());
    url.starts_with("https://") && presets.is_some_and(|presets| mentions(&presets, url))
}

/// The last part of a name that the page gives a file: where it goes is for the person to say.
pub fn file_name(given: &str) -> &str {
    let name = given.rsplit(['/', '\\']).next().unwrap_or_default();
    if matches!(name, "" | "." | "..") { "weir.txt" } else { name }
}

/// Writes what the person wanted to keep. It may hold passphrases, so a new file is for its owner alone.
pub fn keep(place: &Path, text: &str) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(place)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn mentions(value: &Value, url: &str) -> bool {
    match value {
        Value::String(text) => text == url,
        Value::Array(list) => list.iter().any(|value| mentions(value, url)),
        Value::Object(fields) => fields.values().any(|value| mentions(value, url)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_link_that_is_named_whole_is_known() {
        let presets = json!({ "presets": [{ "id": "a", "key_page": "https://example.com/key" }] });
        assert!(mentions(&presets, "https://example.com/key"));
        assert!(!mentions(&presets, "https://example.com/") && !mentions(&presets, "https://example.com/key?x"));
    }
    #[test]
    fn a_file_is_named_without_a_folder() {
        for (given, name) in [
            ("weir.pem", "weir.pem"),
            ("../../.profile", ".profile"),
            ("C:\\Windows\\a.log", "a.log"),
            ("..", "weir.txt"),
            ("a/", "weir.txt"),
        ] {
            assert_eq!(file_name(given), name);
        }
    }

    #[test]
    fn what_is_kept_is_written_whole_and_replaces_what_was_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().join("srt-passphrases.json");
        for text in ["a longer text than the next", "short"] {
            keep(&place, text).expect("written");
            assert_eq!(std::fs::read_to_string(&place).expect("text"), text);
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&place).expect("a file").permissions().mode() & 0o777, 0o600);
        }
        assert!(keep(folder.path(), "a folder is no file").is_err());
    }
}
