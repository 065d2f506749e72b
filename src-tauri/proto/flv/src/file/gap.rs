//! Where something is missing in a file: a cue point among the tags (FLV 10.1, E.4.4.1, `onCuePoint`), and the list of them in the
//! head (`cuePoints` of `onMetaData`), so that a player knows them all without reading the file.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use weir_amf0::Value;

/// Most gaps that are remembered of a file. One with more has other problems.
pub(crate) const MAX_GAPS: usize = 255;

const MESSAGE: &str = "onCuePoint";
const NAME: &str = "gap";

/// Something is missing between two frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// Where, in milliseconds from the start of the file: the time of the last frame before it.
    pub at_millis: u32,
    /// How much is missing.
    pub missing: Duration,
    /// Why.
    pub cause: GapCause,
    /// Frames that were there and could not be kept; 0 where none came.
    pub frames: u64,
}

/// Why something is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GapCause {
    /// The publisher was away.
    PublisherAway,
    /// The disk was slower than the stream.
    DiskSlow,
}

impl GapCause {
    const fn word(self) -> &'static str {
        match self {
            Self::PublisherAway => "publisher",
            Self::DiskSlow => "disk",
        }
    }
}

impl Gap {
    /// Reads the cue point of a gap from the body of a data tag; `None` for any other message.
    pub fn parse(body: &[u8]) -> Option<Self> {
        let mut values = weir_amf0::Decoder::new(body);
        match (values.next(), values.next()) {
            (Some(Ok(name)), Some(Ok(cue))) if name.as_str() == Some(MESSAGE) => Self::of_cue(&cue),
            _ => None,
        }
    }

    /// The list in the head of a file, at most [`MAX_GAPS`] of it.
    pub(super) fn list(metadata: &Value) -> Vec<Self> {
        let cues = metadata.get("cuePoints").and_then(Value::items).unwrap_or_default();
        cues.iter().filter_map(Self::of_cue).take(MAX_GAPS).collect()
    }

    fn of_cue(cue: &Value) -> Option<Self> {
        if cue.get("name").and_then(Value::as_str) != Some(NAME) {
            return None;
        }
        let seconds = |value: Option<&Value>| Duration::try_from_secs_f64(value.and_then(Value::as_number)?).ok();
        let parameters = cue.get("parameters")?;
        let at = seconds(cue.get("time"))?;
        let frames = parameters.get("frames").and_then(Value::as_number).unwrap_or(0.0);
        Some(Self {
            at_millis: u32::try_from(rounded_millis(at)).ok()?,
            missing: seconds(parameters.get("seconds"))?,
            cause: match parameters.get("reason").and_then(Value::as_str) {
                Some("disk") => GapCause::DiskSlow,
                _ => GapCause::PublisherAway,
            },
            frames: frames as u64,
        })
    }

    pub(super) fn cue(&self) -> Value {
        let parameters = Value::object([
            ("reason", Value::from(self.cause.word())),
            ("seconds", self.missing.as_secs_f64().into()),
            ("frames", (self.frames as f64).into()),
        ]);
        Value::object([
            ("name", Value::from(NAME)),
            ("time", (f64::from(self.at_millis) / 1000.0).into()),
            ("type", "event".into()),
            ("parameters", parameters),
        ])
    }

    /// The body of its tag.
    pub(super) fn message(&self) -> Bytes {
        let mut body = BytesMut::new();
        weir_amf0::encode_all(&[MESSAGE.into(), self.cue()], &mut body);
        body.freeze()
    }
}

fn rounded_millis(time: Duration) -> u128 {
    (time + Duration::from_micros(500)).as_millis()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cue_point_is_read_as_it_was_written() {
        for (at_millis, cause, frames) in [(0, GapCause::PublisherAway, 0), (3_599_999, GapCause::DiskSlow, 41)] {
            let gap = Gap { at_millis, missing: Duration::from_millis(2_345), cause, frames };
            let body = gap.message();
            assert_eq!(Gap::parse(&body), Some(gap));
            for end in 0..body.len() {
                // Cut off it is none, or the same but for its last number.
                assert!(Gap::parse(&body[..end]).is_none_or(|cut| Gap { frames, ..cut } == gap), "{end}");
            }
        }
    }

    #[test]
    fn what_others_mark_is_no_gap() {
        let cue = |name: &str, time: f64, seconds: f64| {
            let parameters = Value::object([("seconds", seconds)]);
            Value::object([("name", Value::from(name)), ("time", time.into()), ("parameters", parameters)])
        };
        assert!(Gap::of_cue(&cue("gap", 1.0, 2.0)).is_some());
        for (name, time, seconds) in
            [("ad", 1.0, 2.0), ("gap", -1.0, 2.0), ("gap", f64::NAN, 2.0), ("gap", 1e12, 2.0), ("gap", 1.0, -2.0)]
        {
            assert_eq!(Gap::of_cue(&cue(name, time, seconds)), None, "{name} {time} {seconds}");
        }
        let metadata = Value::object([("cuePoints", Value::StrictArray(vec![cue("gap", 1.0, 2.0); 1_000]))]);
        assert_eq!(Gap::list(&metadata).len(), MAX_GAPS);
    }
}
