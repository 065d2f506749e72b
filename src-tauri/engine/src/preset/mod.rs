//! Presets: what services want, as data. One file a service, dated, each with its sources; nothing here knows a service.

mod check;

use std::sync::LazyLock;

use serde::Deserialize;

pub use check::{Finding, FindingCode, Findings, check, codec_names};

/// The files, embedded. A new service is a new file and its line here; a test compares the list with the folder.
const FILES: &[(&str, &str)] = &[
    ("twitch", include_str!("twitch.toml")),
    ("youtube", include_str!("youtube.toml")),
    ("facebook", include_str!("facebook.toml")),
    ("kick", include_str!("kick.toml")),
    ("tiktok", include_str!("tiktok.toml")),
    ("instagram", include_str!("instagram.toml")),
    ("x", include_str!("x.toml")),
    ("linkedin", include_str!("linkedin.toml")),
    ("trovo", include_str!("trovo.toml")),
    ("rumble", include_str!("rumble.toml")),
    ("vimeo", include_str!("vimeo.toml")),
    ("restream", include_str!("restream.toml")),
    ("owncast", include_str!("owncast.toml")),
    ("mediamtx", include_str!("mediamtx.toml")),
    ("srs", include_str!("srs.toml")),
    ("nginx-rtmp", include_str!("nginx-rtmp.toml")),
    ("custom", include_str!("custom.toml")),
];

/// A service.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    /// Identity: the name of its file.
    #[serde(skip)]
    pub id: String,
    /// What people call it.
    pub name: String,
    /// `service` for a platform that people have an account with, `server` for software that they run, `custom` for anything.
    pub kind: Kind,
    /// The day on which this was checked, `YYYY-MM-DD`.
    pub checked: String,
    /// Where it comes from: pages of the service, or what other programs ship.
    pub sources: Vec<String>,
    /// Addresses that can be chosen, the best first choice first; none where each account or server has its own.
    #[serde(default)]
    pub servers: Vec<Server>,
    /// What an address looks like where each account or server has its own.
    #[serde(default)]
    pub url_form: Option<String>,
    /// The second address of the service.
    #[serde(default)]
    pub backup_url: Option<String>,
    /// The service wants both addresses at once, not the second when the first fails.
    #[serde(default)]
    pub backup_at_once: bool,
    /// The page of the service on which the stream key stands.
    #[serde(default)]
    pub key_page: Option<String>,
    /// Where the key is found, and whether there is one at all, in one sentence.
    pub key_hint: String,
    /// What can be appended to the key, such as Twitch's `?bandwidthtest=true`.
    #[serde(default)]
    pub key_options: Vec<KeyOption>,
    /// What it takes.
    #[serde(default)]
    pub limits: Limits,
}

/// What kind of service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A platform that people have an account with.
    Service,
    /// Software that people run.
    Server,
    /// Anything that speaks the protocol.
    Custom,
}

/// An address of a service.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// What the service calls it.
    pub name: String,
    /// The address without a key.
    pub url: String,
}

/// Something that can be appended to a stream key.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyOption {
    /// The text, e.g. `?bandwidthtest=true`.
    pub append: String,
    /// What it does, one sentence.
    pub meaning: String,
}

/// What a service takes. What is left out is not known, or without limit.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Codecs of video, as Enhanced RTMP names them (`avc1`, `hvc1`, `av01`, `vp09`); none means any.
    pub video_codecs: Vec<String>,
    /// Codecs of audio, likewise (`mp4a`, `Opus`, `.mp3`); none means any.
    pub audio_codecs: Vec<String>,
    /// Seconds between key frames that it recommends.
    pub key_frame_seconds: Option<f64>,
    /// Seconds between key frames that it takes at most.
    pub max_key_frame_seconds: Option<f64>,
    /// Video bits a second at most.
    pub max_video_bitrate: Option<u64>,
    /// Audio bits a second at most.
    pub max_audio_bitrate: Option<u64>,
    /// The longer side of the picture in pixels at most.
    pub max_long_side: Option<u32>,
    /// The shorter side at most.
    pub max_short_side: Option<u32>,
    /// Frames a second at most.
    pub max_frame_rate: Option<f64>,
    /// The picture is to stand upright (9:16).
    pub portrait: bool,
    /// A stream without sound is not taken.
    pub audio_required: bool,
    /// Sample rates of audio in Hz; none means any.
    pub sample_rates: Vec<u32>,
    /// Channels of audio at most.
    pub max_channels: Option<u8>,
    /// Hours after which it ends a stream.
    pub max_hours: Option<f64>,
}

/// Every preset, in the order in which to offer them.
pub fn all() -> &'static [Preset] {
    static ALL: LazyLock<Vec<Preset>> = LazyLock::new(|| {
        let parsed = FILES.iter().filter_map(|(id, text)| {
            // A file that cannot be read fails the test below; here it must not take the others with it.
            let preset = toml::from_str::<Preset>(text).ok()?;
            Some(Preset { id: (*id).to_owned(), ..preset })
        });
        parsed.collect()
    });
    &ALL
}

/// The preset with this identity.
pub fn find(id: &str) -> Option<&'static Preset> {
    all().iter().find(|preset| preset.id == id)
}

#[cfg(test)]
mod tests;
