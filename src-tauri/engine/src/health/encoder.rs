//! Which program encodes, by what it calls itself: a remedy helps when it names the menu people look at.

use serde::Serialize;

/// Programs whose settings Weir can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
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

impl Encoder {
    /// By what a publisher calls itself. OBS uses librtmp's name of Adobe's encoder unchanged, and hardly anybody else does.
    pub fn of(agent: Option<&str>) -> Self {
        let agent = agent.unwrap_or_default().to_ascii_lowercase();
        let says = |name: &str| agent.contains(name);
        if says("lavf") || says("ffmpeg") {
            Self::Ffmpeg
        } else if says("larix") {
            Self::Larix
        } else if says("moblin") {
            Self::Moblin
        } else if says("obs") || says("fmsc/1.0") {
            Self::Obs
        } else {
            Self::Other
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoders_are_known_by_what_they_call_themselves() {
        for (agent, encoder) in [
            (Some("FMLE/3.0 (compatible; FMSc/1.0)"), Encoder::Obs),
            (Some("FMLE/3.0 (compatible; Lavf59.27.100)"), Encoder::Ffmpeg),
            (Some("LarixBroadcaster/1.3"), Encoder::Larix),
            (Some("GoPro"), Encoder::Other),
            (None, Encoder::Other),
        ] {
            assert_eq!(Encoder::of(agent), encoder, "{agent:?}");
        }
    }
}
