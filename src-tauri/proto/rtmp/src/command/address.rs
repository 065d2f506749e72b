//! Which stream a client means. Clients split one URL differently into tcUrl, application and name, so they are joined
//! before anything else looks at them.

use weir_media::{PathError, StreamPath};

use super::Query;

/// A stream's path and the parameters that came with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Identity of the stream.
    pub path: StreamPath,
    /// Parameters of name, application and tcUrl, merged.
    pub query: Query,
}

impl Address {
    /// Joins what `connect` and `publish` or `play` said. An empty application is taken from `tc_url`; an empty name
    /// (GoPro, OBS without a key) leaves the application alone.
    pub fn join(app: &str, tc_url: &str, name: &str) -> Result<Self, PathError> {
        let (app, app_query) = split(app);
        let (url_path, url_query) = split(url_path(tc_url));
        let (name, name_query) = split(name);
        let app = if app.trim_matches('/').is_empty() { url_path } else { app };
        Ok(Self { path: StreamPath::join(app, name)?, query: Query::merge([name_query, app_query, url_query]) })
    }
}

fn split(text: &str) -> (&str, &str) {
    text.split_once('?').unwrap_or((text, ""))
}

/// All of a URL after its host, without the first slash; query included.
fn url_path(url: &str) -> &str {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    after_scheme.split_once('/').map_or("", |(_, path)| path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_stream_however_it_is_split() {
        let table = [
            // OBS: the whole path is the application.
            ("live/show", "rtmp://h/live/show", "key?token=1", "live/show/key", "token=1"),
            // FFmpeg: one or two parts, then the rest.
            ("live", "rtmp://h:1935/live", "show/key?token=1", "live/show/key", "token=1"),
            ("live/", "rtmp://h/live/", "/key", "live/key", ""),
            // GoPro: no name at all.
            ("live/gopro", "rtmp://h/live/gopro", "", "live/gopro", ""),
            // The application is missing.
            ("", "rtmp://[::1]:1935/live?a=1", "key", "live/key", "a=1"),
            ("", "rtmp://h", "live/key", "live/key", ""),
            // The key begins with its query.
            ("live/key", "rtmp://h/live/key", "?clientConfigId=7", "live/key", "clientConfigId=7"),
            // Parameters in all three places.
            ("live?a=app&b=app", "rtmp://h/live?a=url&c=url", "key?a=name", "live/key", "a=name&b=app&c=url"),
        ];
        for (app, tc_url, name, path, query) in table {
            let address = Address::join(app, tc_url, name).unwrap();
            assert_eq!(address.path.as_str(), path, "{app:?} {name:?}");
            assert_eq!(address.query.to_text().expose(), query, "{app:?} {name:?}");
        }
        assert_eq!(Address::join("", "rtmp://h", ""), Err(PathError::Empty));
    }
}
