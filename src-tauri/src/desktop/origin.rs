//! What the window may show, and which page may speak to the engine.

use tauri::Url;

/// Origins of our own page: a scheme of its own on macOS and Linux, a host name on Windows.
const PAGE: [&str; 3] = ["tauri://localhost", "http://tauri.localhost", "https://tauri.localhost"];
/// The page while it is being developed; see `devUrl` in tauri.conf.json.
const DEVELOPED: &str = "http://localhost:1420";

/// Whether the window may go to this address.
pub(super) fn is_ours(address: &Url) -> bool {
    let origin = format!("{}://{}", address.scheme(), authority(address));
    is_our_origin(&origin)
}

/// Whether a request with this `Origin` comes from our page.
pub(super) fn is_our_origin(origin: &str) -> bool {
    PAGE.contains(&origin) || (tauri::is_dev() && origin == DEVELOPED)
}

fn authority(address: &Url) -> String {
    let host = address.host_str().unwrap_or_default();
    address.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_shows_our_page_and_nothing_else() {
        for ours in ["tauri://localhost/", "tauri://localhost/index.html#/settings", "http://tauri.localhost/"] {
            assert!(is_ours(&ours.parse().expect("an address")), "{ours}");
        }
        for other in ["https://example.org/", "http://localhost/", "tauri://elsewhere/", "http://tauri.localhost:81/"] {
            assert!(!is_ours(&other.parse().expect("an address")), "{other}");
        }
    }
}
