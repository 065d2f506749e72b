//! What a client asks of a server, however it spells it.

use weir_amf0::Value;
use weir_media::Secret;

use super::{Command, Connect};

/// A client's command, arguments read.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// `connect`.
    Connect(Box<Connect>),
    /// `createStream`.
    CreateStream,
    /// `releaseStream`: an older connection's claim on the name may go.
    ReleaseStream,
    /// `FCPublish`: the name that `publish` will say.
    FcPublish,
    /// `FCUnpublish`: publishing of a name ends.
    FcUnpublish(Secret<String>),
    /// `publish`. Its type (`live`, `record`, `append`, an application name, nothing) always means live.
    Publish(Secret<String>),
    /// `play`.
    Play {
        /// The stream's name, with its query.
        name: Secret<String>,
        /// From where.
        range: PlayRange,
        /// Whether an earlier play list is dropped.
        reset: bool,
    },
    /// `FCSubscribe`.
    FcSubscribe,
    /// `getStreamLength`.
    StreamLength,
    /// `_checkbw`.
    CheckBandwidth,
    /// `ping`, which old librtmp calls as a command.
    Ping,
    /// `pause` or `pauseRaw`.
    Pause {
        /// Whether to pause or to go on.
        paused: bool,
        /// Where the player is, milliseconds.
        at_millis: f64,
    },
    /// `seek`, to a time in milliseconds.
    Seek(f64),
    /// `receiveAudio`.
    ReceiveAudio(bool),
    /// `receiveVideo`.
    ReceiveVideo(bool),
    /// `closeStream`: publishing or playing ends, the message stream stays.
    CloseStream,
    /// `deleteStream`, with the id if it was a number. GStreamer sends the stream's name, others null.
    DeleteStream(Option<u32>),
    /// An answer to a call of ours, which needs none.
    Answer,
    /// Any other command.
    Unknown,
}

/// Where a player wants to begin (RTMP 1.0, section 7.2.2.1). FFmpeg sends milliseconds, the specification says
/// seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PlayRange {
    /// The live stream, else a recording (-2, -2000, or nothing).
    LiveOrRecorded,
    /// The live stream only (-1, -1000).
    Live,
    /// A recording, from here on.
    Recorded(f64),
}

impl Request {
    /// Reads a command.
    pub fn from_command(command: &Command) -> Self {
        let first = command.argument(0);
        let flag = || first.as_bool().unwrap_or(true);
        match command.name.as_str() {
            "connect" => Self::Connect(Box::new(Connect::from_command(command))),
            "createStream" => Self::CreateStream,
            "releaseStream" => Self::ReleaseStream,
            "FCPublish" => Self::FcPublish,
            "FCUnpublish" => Self::FcUnpublish(name(first)),
            "publish" => Self::Publish(name(first)),
            "play" => Self::Play {
                name: name(first),
                range: PlayRange::from_value(command.argument(1)),
                reset: command.argument(3).as_bool().unwrap_or(true),
            },
            "FCSubscribe" => Self::FcSubscribe,
            "getStreamLength" => Self::StreamLength,
            "_checkbw" | "checkBandwidth" => Self::CheckBandwidth,
            "ping" => Self::Ping,
            "pause" | "pauseRaw" => {
                Self::Pause { paused: flag(), at_millis: command.argument(1).as_number().unwrap_or_default() }
            }
            "seek" => Self::Seek(first.as_number().unwrap_or_default()),
            "receiveAudio" => Self::ReceiveAudio(flag()),
            "receiveVideo" => Self::ReceiveVideo(flag()),
            "closeStream" => Self::CloseStream,
            "deleteStream" => Self::DeleteStream(match first.as_str() {
                Some(_) => None,
                None => first.as_number().map(|id| id as u32),
            }),
            "_result" | "_error" | "onStatus" | "pong" => Self::Answer,
            _ => Self::Unknown,
        }
    }
}

impl PlayRange {
    fn from_value(value: &Value) -> Self {
        match value.as_number() {
            Some(start) if start == -1.0 || start == -1000.0 => Self::Live,
            Some(start) if start >= 0.0 => Self::Recorded(start),
            _ => Self::LiveOrRecorded,
        }
    }
}

/// A key of digits only may come as a number.
fn name(value: &Value) -> Secret<String> {
    let text = value.as_str().map(str::to_owned);
    Secret::new(text.or_else(|| value.as_number().map(|number| number.to_string())).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(name: &str, arguments: impl Into<Vec<Value>>) -> Request {
        Request::from_command(&Command::new(name, 1.0, arguments))
    }

    #[test]
    fn streams_are_deleted_by_number_by_name_and_by_nothing() {
        for (argument, id) in [
            (Value::from(1.0), Some(1)),
            (Value::Avm(Box::new(Value::from(2.0))), Some(2)),
            (Value::from("7"), None),
            (Value::from("show"), None),
            (Value::Null, None),
        ] {
            assert_eq!(request("deleteStream", [argument.clone()]), Request::DeleteStream(id), "{argument:?}");
        }
        assert_eq!(request("deleteStream", []), Request::DeleteStream(None));
    }

    #[test]
    fn the_start_of_a_play_is_read_in_seconds_and_in_milliseconds() {
        for (start, range) in [
            (Value::Null, PlayRange::LiveOrRecorded),
            (Value::from(-2.0), PlayRange::LiveOrRecorded),
            (Value::from(-2000.0), PlayRange::LiveOrRecorded),
            (Value::from(-1.0), PlayRange::Live),
            (Value::from(-1000.0), PlayRange::Live),
            (Value::from(0.0), PlayRange::Recorded(0.0)),
        ] {
            let name = Secret::new("show".to_owned());
            let expected = Request::Play { name, range, reset: true };
            assert_eq!(request("play", [Value::from("show"), start.clone()]), expected, "{start:?}");
        }
    }

    #[test]
    fn a_publish_is_a_publish_whatever_its_type() {
        let publish = |arguments: Vec<Value>| request("publish", arguments);
        for kind in [Some("live"), Some("record"), Some("append"), Some("app"), None] {
            let arguments = [Some("key"), kind].into_iter().flatten().map(Value::from).collect();
            assert_eq!(publish(arguments), Request::Publish(Secret::new("key".to_owned())));
        }
        assert_eq!(publish(vec![Value::from(123.0)]), Request::Publish(Secret::new("123".to_owned())));
        assert_eq!(publish(vec![]), Request::Publish(Secret::new(String::new())));
    }
}
