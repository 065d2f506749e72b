//! Settings for some streams: a pattern of paths and what is different for them.

use std::path::{Component, Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use weir_media::StreamPath;

use super::config::{Config, Container, OnReturn};
use super::index;
use super::pattern::Pattern;
use crate::config::Seconds;

/// What is different for the streams that a pattern names. What is left out is as for all.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// The streams: a path in which `*` stands for anything, e.g. `live/*`.
    pub streams: String,
    /// Record them from their start, or not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<bool>,
    /// File format.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<Container>,
    /// Folder below the recordings folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<Subfolder>,
    /// Begin a new file after this many seconds; 0: one file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segment_seconds: Option<Seconds>,
}

/// A folder below the recordings folder that cannot lead out of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "PathBuf", into = "PathBuf")]
#[schemars(with = "PathBuf")]
pub struct Subfolder(PathBuf);

/// The path leads elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the folder of a rule must lie below the recordings folder, at most four folders deep and not hidden; write it without a slash \
     or a dot in front and without `..`"
)]
pub struct NotBelow;

impl TryFrom<PathBuf> for Subfolder {
    type Error = NotBelow;

    fn try_from(path: PathBuf) -> Result<Self, NotBelow> {
        let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
        // What the list does not see would be neither shown nor repaired.
        let seen = !path.to_string_lossy().starts_with('.');
        let depth = path.components().count();
        if plain && seen && (1..=index::MAX_DEPTH).contains(&depth) { Ok(Self(path)) } else { Err(NotBelow) }
    }
}

impl From<Subfolder> for PathBuf {
    fn from(folder: Subfolder) -> Self {
        folder.0
    }
}

/// How one stream is recorded: the settings with the rule that fits it on top.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plan {
    /// From its start, by itself.
    pub(super) record: bool,
    pub(super) container: Container,
    pub(super) folder: PathBuf,
    /// How long a file becomes, if there are several.
    pub(super) segment: Option<std::time::Duration>,
    pub(super) pattern: Pattern,
    pub(super) on_return: OnReturn,
}

impl Plan {
    /// For the stream `path`, in `folder` or below.
    pub(super) fn new(config: &Config, path: &StreamPath, folder: &Path) -> Self {
        let rule = config.rules.iter().find(|rule| fits(rule.streams.as_bytes(), path.as_str().as_bytes()));
        let rule = rule.cloned().unwrap_or_default();
        let segment = rule.segment_seconds.unwrap_or(config.segment_seconds).duration();
        Self {
            record: rule.record.unwrap_or(config.record_all),
            container: rule.container.unwrap_or(config.container),
            folder: rule.folder.map_or_else(|| folder.to_owned(), |below| folder.join(below.0)),
            segment: (!segment.is_zero()).then_some(segment),
            pattern: config.segment_pattern.clone(),
            on_return: config.on_return,
        }
    }
}

/// Whether `text` is what `pattern` describes, `*` being anything. Goes back to the latest star only: linear in practice and
/// never worse than the product of the lengths.
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut seen, mut star) = (0, 0, None);
    while seen < text.len() {
        if pattern.get(at) == Some(&b'*') {
            star = Some((at, seen));
            at += 1;
        } else if pattern.get(at) == text.get(seen) {
            (at, seen) = (at + 1, seen + 1);
        } else if let Some((place, taken)) = star {
            star = Some((place, taken + 1));
            (at, seen) = (place + 1, taken + 1);
        } else {
            return false;
        }
    }
    pattern.get(at..).is_some_and(|rest| rest.iter().all(|star| *star == b'*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, text, expected) in [
            ("live/*", "live/show", true),
            ("*", "a/b/c", true),
            ("live/show", "live/show", true),
            ("live/show", "live/shows", false),
            ("*/cam*", "site/cam/1", true),
            ("*a*b", "xaxxbxab", true),
            ("*a*b", "xaxxbx", false),
            ("", "live/show", false),
        ] {
            assert_eq!(fits(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn the_first_rule_that_fits_counts_over_the_settings() {
        let config: Config = toml::from_str(
            "record_all = true\nsegment_seconds = 60\n[[rules]]\nstreams = \"live/quiet\"\nrecord = false\n\
             [[rules]]\nstreams = \"live/*\"\ncontainer = \"mp4\"\nfolder = \"shows\"\nsegment_seconds = 0\n",
        )
        .unwrap();
        let plan = |path: &str| Plan::new(&config, &StreamPath::parse(path).unwrap(), Path::new("/r"));
        assert!(!plan("live/quiet").record);
        let live = plan("live/show");
        assert!(live.record);
        assert_eq!(
            (live.container, live.folder.as_path(), live.segment),
            (Container::Mp4, Path::new("/r/shows"), None)
        );
        let other = plan("cam/1");
        assert_eq!((other.container, other.folder.as_path()), (Container::Auto, Path::new("/r")));
        assert_eq!(other.segment, Some(std::time::Duration::from_secs(60)));
    }

    #[test]
    fn no_rule_leads_out_of_the_recordings_folder() {
        for folder in ["/etc", "../x", "a/../..", "", ".", ".hidden", "a/b/c/d/e"] {
            let text = format!("[[rules]]\nstreams = \"*\"\nfolder = \"{folder}\"\n");
            assert!(toml::from_str::<Config>(&text).is_err(), "{folder:?}");
        }
    }
}
