//! What services want.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use weir_engine::preset;

use super::Notice;

/// Every preset.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PresetList {
    /// In the order in which to offer them: services first, then software that people run, then the custom one.
    pub presets: Vec<Preset>,
}

/// Which stream to hold against what a service takes.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PresetCheckQuery {
    /// The stream, `app/name`.
    #[param(example = "live/stream")]
    pub stream: String,
}

/// What a service will not like about a stream. Empty when it fits, as far as both are known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PresetFindings {
    /// What it cannot take at all comes first.
    pub findings: Vec<Notice>,
}

impl From<preset::Findings> for PresetFindings {
    fn from(findings: preset::Findings) -> Self {
        Self { findings: findings.refused.into_iter().chain(findings.warnings).map(Notice::from).collect() }
    }
}

/// A service: where to send, where the key stands, and what is taken.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Preset {
    /// Identity, for `preset` of a destination.
    #[schema(example = "twitch")]
    pub id: String,
    /// What people call it.
    #[schema(example = "Twitch")]
    pub name: String,
    /// What kind of service.
    pub kind: PresetKind,
    /// Addresses to choose from, the best first choice first; empty where each account or server has its own.
    pub servers: Vec<PresetServer>,
    /// What an address looks like where each account or server has its own.
    pub url_form: Option<String>,
    /// The second address of the service, to be offered as `backup_url`.
    pub backup_url: Option<String>,
    /// The service wants both addresses at once: offer `backup` as `both`.
    pub backup_at_once: bool,
    /// The page of the service on which the stream key stands.
    pub key_page: Option<String>,
    /// Where the key is found, and whether there is one at all: one sentence in English.
    pub key_hint: String,
    /// What can be appended to the key.
    pub key_options: Vec<PresetKeyOption>,
    /// What it takes.
    pub limits: PresetLimits,
    /// The day on which this was checked, `YYYY-MM-DD`.
    #[schema(example = "2026-11-26")]
    pub checked: String,
    /// Where it comes from.
    pub sources: Vec<String>,
}

/// What kind of service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PresetKind {
    /// A platform that people have an account with.
    Service,
    /// Software that people run.
    Server,
    /// Anything that speaks the protocol.
    Custom,
}

/// An address of a service.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PresetServer {
    /// What the service calls it.
    pub name: String,
    /// The address without a key, for `url` of a destination.
    pub url: String,
}

/// Something that can be appended to a stream key.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PresetKeyOption {
    /// The text.
    #[schema(example = "?bandwidthtest=true")]
    pub append: String,
    /// What it does: one sentence in English.
    pub meaning: String,
}

/// What a service takes. Null, or an empty list, is "not known, or any".
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PresetLimits {
    /// Video codecs as people write them.
    #[schema(example = json!(["H.264"]))]
    pub video_codecs: Vec<String>,
    /// Audio codecs as people write them.
    #[schema(example = json!(["AAC"]))]
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
    /// Sample rates of audio in Hz.
    pub sample_rates: Vec<u32>,
    /// Channels of audio at most.
    pub max_channels: Option<u8>,
    /// Hours after which it ends a stream.
    pub max_hours: Option<f64>,
}

impl From<&preset::Preset> for Preset {
    fn from(preset: &preset::Preset) -> Self {
        let server = |server: &preset::Server| PresetServer { name: server.name.clone(), url: server.url.clone() };
        let option = |option: &preset::KeyOption| PresetKeyOption {
            append: option.append.clone(),
            meaning: option.meaning.clone(),
        };
        Self {
            id: preset.id.clone(),
            name: preset.name.clone(),
            kind: match preset.kind {
                preset::Kind::Service => PresetKind::Service,
                preset::Kind::Server => PresetKind::Server,
                preset::Kind::Custom => PresetKind::Custom,
            },
            servers: preset.servers.iter().map(server).collect(),
            url_form: preset.url_form.clone(),
            backup_url: preset.backup_url.clone(),
            backup_at_once: preset.backup_at_once,
            key_page: preset.key_page.clone(),
            key_hint: preset.key_hint.clone(),
            key_options: preset.key_options.iter().map(option).collect(),
            limits: PresetLimits::from(&preset.limits),
            checked: preset.checked.clone(),
            sources: preset.sources.clone(),
        }
    }
}

impl From<&preset::Limits> for PresetLimits {
    fn from(limits: &preset::Limits) -> Self {
        Self {
            video_codecs: preset::codec_names(&limits.video_codecs),
            audio_codecs: preset::codec_names(&limits.audio_codecs),
            key_frame_seconds: limits.key_frame_seconds,
            max_key_frame_seconds: limits.max_key_frame_seconds,
            max_video_bitrate: limits.max_video_bitrate,
            max_audio_bitrate: limits.max_audio_bitrate,
            max_long_side: limits.max_long_side,
            max_short_side: limits.max_short_side,
            max_frame_rate: limits.max_frame_rate,
            portrait: limits.portrait,
            audio_required: limits.audio_required,
            sample_rates: limits.sample_rates.clone(),
            max_channels: limits.max_channels,
            max_hours: limits.max_hours,
        }
    }
}
