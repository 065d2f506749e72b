//! What can be set about a destination.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use weir_media::{PathError, StreamPath};

use crate::streams::StreamPattern;
use crate::tls::Fingerprint;

/// Another server that streams are sent on to. Its stream key is no setting, nor is a query of its application: both are kept
/// with the secrets as `destination/<id>`, those of the second address as `destination/<id>/backup`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Identity: letters, digits, `-` and `_`. The stream key is kept under it.
    pub id: String,
    /// What people call it. Default: empty, which shows the host of the address.
    #[serde(default)]
    pub name: String,
    /// The service, as `GET /api/v1/presets` lists them (`twitch`, `youtube`, ...): what it takes is checked against the
    /// live stream. Default: none, which checks nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    /// Address of the server, `rtmp://host[:port]/app`, `rtmps://host[:port]/app` or `srt://host:port`, without the stream
    /// key and without a query such as `?auth=…`: the window and the API keep both with the secrets.
    pub url: String,
    /// A second address of the same service. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup_url: Option<String>,
    /// How the second address is used: `take_over` when the first fails, or `both` at once, which some services want.
    /// Default `take_over`: it needs no second upload.
    #[serde(default)]
    pub backup: BackupUse,
    /// Which streams are sent: a path such as `live/show`, all below an application (`live/*`), all (`*`), or an empty text
    /// for the one that is chosen by hand. Default `*`.
    #[serde(default)]
    pub streams: Selection,
    /// When it starts: `by_hand`, `when_live` (as soon as such a stream is live) or `always` (connected even without a
    /// stream). Default `when_live`.
    #[serde(default)]
    pub start: StartRule,
    /// Whether it is in use. Default true.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// SHA-256 of the certificate that the server may show although nobody vouches for it, as 64 hexadecimal digits. Default:
    /// none, which trusts whom the operating system trusts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trusted_certificate: Option<Fingerprint>,
}

impl Config {
    /// A destination that sends every stream to `url` as soon as it is live.
    pub fn new(id: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            name: String::new(),
            preset: None,
            url: url.into(),
            backup_url: None,
            backup: BackupUse::default(),
            streams: Selection::default(),
            start: StartRule::default(),
            enabled: true,
            trusted_certificate: None,
        }
    }
}

const fn yes() -> bool {
    true
}

/// When a destination starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StartRule {
    /// When somebody says so; it ends with the stream.
    ByHand,
    /// As soon as a stream that it takes is live.
    #[default]
    WhenLive,
    /// At once: it connects before there is a stream, and stays connected between streams.
    Always,
}

/// How the second address is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BackupUse {
    /// When the first one fails, and the other way round.
    #[default]
    TakeOver,
    /// Both are sent to, at once.
    Both,
}

/// Which streams a destination takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub enum Selection {
    /// All that match.
    Matching(StreamPattern),
    /// The one that somebody chooses while it runs.
    ByHand,
}

impl Selection {
    /// Whether it takes this stream, with `chosen` the one that was chosen by hand.
    pub fn takes(&self, path: &StreamPath, chosen: Option<&StreamPath>) -> bool {
        match (chosen, self) {
            (Some(chosen), _) => chosen == path,
            (None, Self::Matching(pattern)) => pattern.matches(path),
            (None, Self::ByHand) => false,
        }
    }
}

impl Default for Selection {
    fn default() -> Self {
        Self::Matching(StreamPattern::default())
    }
}

impl TryFrom<String> for Selection {
    type Error = PathError;
    fn try_from(text: String) -> Result<Self, PathError> {
        if text.is_empty() { Ok(Self::ByHand) } else { StreamPattern::try_from(text).map(Self::Matching) }
    }
}

impl From<Selection> for String {
    fn from(selection: Selection) -> Self {
        match selection {
            Selection::Matching(pattern) => pattern.into(),
            Selection::ByHand => Self::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_an_earlier_version_means_what_it_meant() {
        let config: Config = toml::from_str("id = \"a\"\nurl = \"rtmp://h/app\"\n").unwrap();
        assert_eq!(config, Config::new("a", "rtmp://h/app"));
        assert!(toml::from_str::<Config>("id = \"a\"\nurl = \"rtmp://h/app\"\nspeed = 1\n").is_err());
    }

    #[test]
    fn what_is_set_comes_back() {
        let config = Config {
            preset: Some("youtube".into()),
            backup_url: Some("rtmps://b/app".into()),
            backup: BackupUse::Both,
            streams: Selection::ByHand,
            start: StartRule::Always,
            trusted_certificate: Some("ab".repeat(32).parse().unwrap()),
            ..Config::new("a", "rtmps://a/app")
        };
        let text = toml::to_string(&config).unwrap();
        assert_eq!(toml::from_str::<Config>(&text).unwrap(), config, "{text}");
    }

    #[test]
    fn a_choice_by_hand_goes_before_the_pattern_and_nothing_is_sent_without_one() {
        let path = |text: &str| StreamPath::parse(text).unwrap();
        let (one, two) = (path("live/one"), path("live/two"));
        let matching = Selection::try_from("live/one".to_owned()).unwrap();
        assert!(matching.takes(&one, None) && !matching.takes(&two, None));
        assert!(matching.takes(&two, Some(&two)) && !matching.takes(&one, Some(&two)));
        assert!(!Selection::ByHand.takes(&one, None) && Selection::ByHand.takes(&one, Some(&one)));
    }
}
