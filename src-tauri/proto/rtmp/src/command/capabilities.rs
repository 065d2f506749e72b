//! What Enhanced RTMP peers tell each other in `connect` (E-RTMP v2, "Enhancing NetConnection connect Command").

use weir_amf0::Value;

/// Bits of `capsEx`.
pub mod caps_ex {
    /// Understands reconnect requests.
    pub const RECONNECT: u32 = 1;
    /// Understands multitrack messages.
    pub const MULTITRACK: u32 = 2;
    /// Understands ModEx.
    pub const MOD_EX: u32 = 4;
    /// Understands nanosecond offsets.
    pub const TIMESTAMP_NANO_OFFSET: u32 = 8;
}

/// The bit of an info map that says "can forward".
const CAN_FORWARD: u32 = 4;
/// Most codecs that are kept of one list; protects memory, and there are a dozen codecs.
const MAX_CODECS: usize = 32;

/// The capabilities of a peer. Absent fields mean a legacy peer; nothing is refused for it, since OBS announces nothing
/// and sends HEVC all the same.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Capabilities {
    /// `fourCcList`; `*` means any codec.
    pub four_cc_list: Vec<String>,
    /// `videoFourCcInfoMap`: codec and mask (1 decode, 2 encode, 4 forward).
    pub video_four_cc: Vec<(String, u32)>,
    /// `audioFourCcInfoMap`, likewise.
    pub audio_four_cc: Vec<(String, u32)>,
    /// `capsEx`, bits of [`caps_ex`].
    pub caps_ex: u32,
    /// `videoFunction`, bits.
    pub video_function: u32,
}

impl Capabilities {
    /// What Weir announces: it forwards any codec and reads every extension.
    pub fn weir() -> Self {
        let any = || vec![("*".to_owned(), CAN_FORWARD)];
        Self {
            four_cc_list: vec!["*".to_owned()],
            video_four_cc: any(),
            audio_four_cc: any(),
            caps_ex: caps_ex::RECONNECT | caps_ex::MULTITRACK | caps_ex::MOD_EX | caps_ex::TIMESTAMP_NANO_OFFSET,
            video_function: 0,
        }
    }

    /// Whether the peer announced anything of Enhanced RTMP.
    pub const fn is_enhanced(&self) -> bool {
        !self.four_cc_list.is_empty()
            || !self.video_four_cc.is_empty()
            || !self.audio_four_cc.is_empty()
            || self.caps_ex != 0
    }

    /// Whether the peer understands multitrack messages: by `capsEx` where it sent one. FFmpeg 8 and later sends none, but
    /// names audio codecs, which only version 2 of Enhanced RTMP has; a peer of version 1 has not heard of tracks.
    pub fn has_multitrack(&self) -> bool {
        /// The codes of version 1.
        const V1: [&str; 3] = ["av01", "hvc1", "vp09"];
        if self.caps_ex != 0 {
            return self.caps_ex & caps_ex::MULTITRACK != 0;
        }
        let beyond_v1 = self.four_cc_list.iter().any(|code| !V1.contains(&code.as_str()));
        beyond_v1 || !self.video_four_cc.is_empty() || !self.audio_four_cc.is_empty()
    }

    /// Whether the peer understands offsets of nanoseconds, which come as modifiers.
    pub const fn has_nano_offset(&self) -> bool {
        const BOTH: u32 = caps_ex::MOD_EX | caps_ex::TIMESTAMP_NANO_OFFSET;
        self.caps_ex & BOTH == BOTH
    }

    /// Whether the peer said that it takes this codec, by its four-character code. A peer that named none said nothing.
    pub fn names(&self, code: &str) -> bool {
        let is_it = |known: &str| known == "*" || known == code;
        let maps = self.video_four_cc.iter().chain(&self.audio_four_cc).map(|(known, _)| known);
        self.four_cc_list.iter().chain(maps).any(|known| is_it(known))
    }

    /// Whether the peer understands reconnect requests.
    pub const fn has_reconnect(&self) -> bool {
        self.caps_ex & caps_ex::RECONNECT != 0
    }

    /// Reads the fields from a command or information object.
    pub fn from_value(object: &Value) -> Self {
        let bits = |key| object.get(key).and_then(Value::as_number).map_or(0, |number| number as u32);
        let map = |key| -> Vec<(String, u32)> {
            let entries = object.get(key).and_then(Value::entries).unwrap_or_default().iter().take(MAX_CODECS);
            entries.map(|(codec, mask)| (codec.clone(), mask.as_number().map_or(0, |mask| mask as u32))).collect()
        };
        let list = object.get("fourCcList").and_then(Value::items).unwrap_or_default().iter().take(MAX_CODECS);
        Self {
            four_cc_list: list.filter_map(Value::as_str).map(str::to_owned).collect(),
            video_four_cc: map("videoFourCcInfoMap"),
            audio_four_cc: map("audioFourCcInfoMap"),
            caps_ex: bits("capsEx"),
            video_function: bits("videoFunction"),
        }
    }

    /// The fields as entries of a command or information object.
    pub fn to_entries(&self) -> Vec<(String, Value)> {
        let map = |map: &[(String, u32)]| Value::object(map.iter().map(|(codec, mask)| (codec.as_str(), *mask)));
        let list = self.four_cc_list.iter().map(|codec| Value::from(codec.as_str())).collect();
        vec![
            ("fourCcList".to_owned(), Value::StrictArray(list)),
            ("videoFourCcInfoMap".to_owned(), map(&self.video_four_cc)),
            ("audioFourCcInfoMap".to_owned(), map(&self.audio_four_cc)),
            ("capsEx".to_owned(), Value::from(self.caps_ex)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_survive_the_round_trip() {
        let object = Value::Object(Capabilities::weir().to_entries());
        assert_eq!(Capabilities::from_value(&object), Capabilities::weir());
        assert!(!Capabilities::from_value(&Value::Null).is_enhanced());
    }

    #[test]
    fn only_who_can_have_heard_of_tracks_gets_them() {
        let list = |codes: &[&str], caps_ex| Capabilities {
            four_cc_list: codes.iter().map(|code| (*code).to_owned()).collect(),
            caps_ex,
            ..Capabilities::default()
        };
        assert!(!list(&[], 0).has_multitrack(), "OBS, and FFmpeg without a list");
        assert!(!list(&["hvc1", "av01", "vp09"], 0).has_multitrack(), "FFmpeg 6.1");
        assert!(list(&["hvc1", "mp4a"], 0).has_multitrack(), "FFmpeg 8");
        assert!(list(&["*"], 0).has_multitrack());
        assert!(!list(&["*"], caps_ex::RECONNECT).has_multitrack(), "it says what it can, and this is not in it");
        assert!(list(&[], caps_ex::MULTITRACK).has_multitrack());
        assert!(!list(&[], caps_ex::TIMESTAMP_NANO_OFFSET).has_nano_offset(), "an offset needs the modifier");
        assert!(Capabilities::weir().has_nano_offset());
        assert!(list(&["hvc1"], 0).names("hvc1") && !list(&["hvc1"], 0).names("av01"));
        assert!(Capabilities::weir().names("vvc1"));
    }
}
