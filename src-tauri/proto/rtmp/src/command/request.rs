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
            "deleteStream" => Self::DeleteStream(match first {
                Value::Number(id) => Some(*id as u32),
                _ => None,
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

fn name(value: &Value) -> Secret<String> {
    Secret::new(match value {
        // A key of digits only may come as a number.
        Value::Number(number) => number.to_string(),
        other => other.as_str().unwrap_or_default().to_owned(),
    })
}
