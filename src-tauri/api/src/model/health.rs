//! How a stream is, in words.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;
use weir_engine::health;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HealthLevel {
    /// Nothing to do.
    Good,
    /// Worth knowing; nothing is wrong.
    Note,
    /// Works, but not everywhere or not well.
    Warning,
    /// Somebody sees or hears the fault now.
    Bad,
}

/// Which program encodes, as far as it can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Encoder {
    /// OBS Studio.
    Obs,
    /// FFmpeg, or a program that uses its libraries.
    Ffmpeg,
    /// Larix Broadcaster.
    Larix,
    /// Moblin.
    Moblin,
    /// Any other.
    Other,
}

/// How a stream is.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Health {
    /// That of the worst finding.
    pub level: HealthLevel,
    /// Which program encodes: what to do is said in its terms.
    pub encoder: Encoder,
    /// The worst first.
    pub findings: Vec<Finding>,
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Finding {
    /// A fixed word for programs.
    #[schema(example = "key_frames_sparse")]
    pub code: String,
    /// How much it matters.
    pub level: HealthLevel,
    /// One sentence: what is wrong.
    #[schema(example = "Key frames every 8.0 s: YouTube wants 4 s or less, Twitch 2 s.")]
    pub message: String,
    /// One sentence: what to do; empty when nothing needs to be done.
    #[schema(example = "In OBS: Settings → Output → Keyframe Interval = 2 s.")]
    pub hint: String,
    /// The numbers in the sentence by name.
    pub values: BTreeMap<String, f64>,
}

impl From<health::Level> for HealthLevel {
    fn from(level: health::Level) -> Self {
        match level {
            health::Level::Good => Self::Good,
            health::Level::Note => Self::Note,
            health::Level::Warning => Self::Warning,
            health::Level::Bad => Self::Bad,
        }
    }
}

impl From<health::Encoder> for Encoder {
    fn from(encoder: health::Encoder) -> Self {
        match encoder {
            health::Encoder::Obs => Self::Obs,
            health::Encoder::Ffmpeg => Self::Ffmpeg,
            health::Encoder::Larix => Self::Larix,
            health::Encoder::Moblin => Self::Moblin,
            health::Encoder::Other => Self::Other,
        }
    }
}

impl From<health::Finding> for Finding {
    fn from(finding: health::Finding) -> Self {
        Self {
            code: finding.code.to_owned(),
            level: finding.level.into(),
            message: finding.message,
            hint: finding.hint,
            values: finding
                .values
                .into_iter()
                .map(|(name, value)| (name.to_owned(), super::time::rounded(value)))
                .collect(),
        }
    }
}

impl From<health::Health> for Health {
    fn from(health: health::Health) -> Self {
        Self {
            level: health.level.into(),
            encoder: health.encoder.into(),
            findings: health.findings.into_iter().map(Finding::from).collect(),
        }
    }
}
