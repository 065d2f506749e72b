//! The identity of a live stream.

use std::fmt;
use std::sync::Arc;

/// Why a string is no [`StreamPath`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Nothing is left once slashes and the query are taken away.
    #[error("the stream path is empty")]
    Empty,
    /// Longer than [`StreamPath::MAX_LEN`] bytes.
    #[error("the stream path has {0} bytes; at most {max} are allowed", max = StreamPath::MAX_LEN)]
    TooLong(usize),
    /// A control character, a backslash, or a `.`/`..` segment.
    #[error("the stream path holds {0:?}, which is not allowed")]
    Forbidden(String),
}

/// Identity of a live stream, `app/name`. Not secret; the query (`?token=…`) is never part of it.
///
/// Clients split the same URL differently into application and name (OBS puts the whole path into the application,
/// FFmpeg only its first one or two parts), so the two are joined first and cleaned as one: leading, trailing and double
/// slashes go. An empty name (GoPro, OBS without a key) leaves the application alone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamPath(Arc<str>);

impl StreamPath {
    /// Longest path in bytes: it becomes part of file names, log lines and API replies.
    pub const MAX_LEN: usize = 200;

    /// Parses a whole path such as `live/show`.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let without_query = text.split('?').next().unwrap_or_default();
        let mut path = String::with_capacity(without_query.len());
        for segment in without_query.split('/').filter(|segment| !segment.is_empty()) {
            let forbidden = segment == "." || segment == ".." || segment.chars().any(|c| c.is_control() || c == '\\');
            if forbidden {
                return Err(PathError::Forbidden(segment.chars().take(40).collect()));
            }
            if !path.is_empty() {
                path.push('/');
            }
            path.push_str(segment);
        }
        if path.is_empty() {
            return Err(PathError::Empty);
        }
        if path.len() > Self::MAX_LEN {
            return Err(PathError::TooLong(path.len()));
        }
        Ok(Self(path.into()))
    }

    /// Joins an RTMP application and a stream name, each without its query.
    pub fn join(app: &str, name: &str) -> Result<Self, PathError> {
        let app = app.split('?').next().unwrap_or_default();
        let name = name.split('?').next().unwrap_or_default();
        Self::parse(&format!("{app}/{name}"))
    }

    /// The path as text, `app/name`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Everything before the last slash; empty when there is none.
    pub fn app(&self) -> &str {
        self.0.rsplit_once('/').map_or("", |(app, _)| app)
    }

    /// Everything after the last slash.
    pub fn name(&self) -> &str {
        self.0.rsplit_once('/').map_or(&self.0, |(_, name)| name)
    }
}

impl fmt::Display for StreamPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for StreamPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamPath({})", self.0)
    }
}

impl std::str::FromStr for StreamPath {
    type Err = PathError;
    fn from_str(text: &str) -> Result<Self, PathError> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_split_of_one_url_is_one_path() {
        for (app, name) in [
            ("live", "show"),
            ("live/", "show"),
            ("/live", "/show"),
            ("live/show", ""),
            ("live?token=a", "show?token=b"),
            ("live", "show?x=a/b"),
        ] {
            assert_eq!(StreamPath::join(app, name).unwrap().as_str(), "live/show", "{app:?} {name:?}");
        }
        assert_eq!(StreamPath::join("a/b", "c").unwrap().name(), "c");
        assert_eq!(StreamPath::join("a/b", "c").unwrap().app(), "a/b");
    }

    #[test]
    fn what_could_leave_a_folder_is_refused() {
        assert_eq!(StreamPath::parse("///"), Err(PathError::Empty));
        assert_eq!(StreamPath::parse("?token=1"), Err(PathError::Empty));
        assert!(matches!(StreamPath::parse("live/../x"), Err(PathError::Forbidden(_))));
        assert!(matches!(StreamPath::parse("live\\x"), Err(PathError::Forbidden(_))));
        assert!(matches!(StreamPath::parse("live/a\nb"), Err(PathError::Forbidden(_))));
        assert_eq!(StreamPath::parse(&"a".repeat(201)), Err(PathError::TooLong(201)));
    }
}
