//! Events on standard error, for a program that reads them there. Nobody waits for it: what it does not take in time is left
//! out and counted.

use super::config::StdioFormat;
use super::payload::Payload;
use crate::log;

/// Writes an event to standard error. Returns whether there was room.
pub(super) fn write(format: StdioFormat, payload: &Payload) -> bool {
    text(format, payload).is_none_or(|text| log::to_stderr(&text))
}

fn text(format: StdioFormat, payload: &Payload) -> Option<String> {
    match format {
        StdioFormat::Off => None,
        StdioFormat::Json => Some(format!("RTMP_EVENT: {}\n", payload.json())),
        StdioFormat::Env => {
            let lines: String = payload.environment().iter().map(|(name, value)| format!("{name}={value}\n")).collect();
            Some(format!("# RTMP Event: {}\n{lines}\n", payload.kind()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hook::sample::sample;
    use crate::lifecycle::Kind;

    #[test]
    fn both_formats_are_those_of_the_predecessor() {
        let payload = Payload::new(&sample(Kind::SubscriberCount));
        let json = text(StdioFormat::Json, &payload).unwrap();
        assert!(json.starts_with("RTMP_EVENT: {") && json.ends_with("}\n"), "{json}");
        let env = text(StdioFormat::Env, &payload).unwrap();
        assert!(env.starts_with("# RTMP Event: subscriber_count\nRTMP_"), "{env}");
        assert!(env.contains("\nRTMP_COUNT=1\n") && env.contains("\nRTMP_STREAM_KEY=live/sample\n"), "{env}");
        assert!(env.ends_with("\n\n"), "{env}");
        assert_eq!(text(StdioFormat::Off, &payload), None);
    }
}
