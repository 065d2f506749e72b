//! The past of a stream: numbers over time, and what happened. The past of a destination: numbers over time.

use serde::Serialize;
use utoipa::ToSchema;
use weir_engine::history;

use super::from_millis;
use super::time::rounded;

/// The past of a stream.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct StreamHistory {
    /// The last ten minutes, a point a second.
    pub recent: StreamSeries,
    /// Since the stream began; the step grows with it.
    pub session: StreamSeries,
    /// When that was, seconds since 1970; null until the first numbers came. Another value is another session.
    pub session_began: Option<f64>,
    /// What happened, oldest first; at most 200 lines.
    pub events: Vec<StreamEvent>,
}

/// Numbers over time as columns of equal length, oldest first.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct StreamSeries {
    /// Seconds from one point to the next while all goes well.
    pub step_seconds: f64,
    /// When, seconds since 1970.
    pub times: Vec<f64>,
    /// Bits a second.
    pub bitrate: Vec<f64>,
    /// Video frames a second.
    pub fps: Vec<f64>,
    /// Seconds between the last two key frames; 0 until there were two.
    pub key_frame_interval_seconds: Vec<f64>,
    /// How far the slowest player or destination is behind, seconds.
    pub behind_seconds: Vec<f64>,
    /// Players and destinations.
    pub readers: Vec<f64>,
}

/// The past of a destination.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DestinationHistory {
    /// The last ten minutes in which it ran, a point a second.
    pub recent: DestinationSeries,
    /// Since it began to send what it sends, outages included; the step grows with it.
    pub session: DestinationSeries,
    /// When that was, seconds since 1970; null until it has run. Another value is another session.
    pub session_began: Option<f64>,
}

/// Numbers over time as columns of equal length, oldest first.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DestinationSeries {
    /// Seconds from one point to the next while all goes well.
    pub step_seconds: f64,
    /// When, seconds since 1970.
    pub times: Vec<f64>,
    /// Bits a second that the server acknowledged.
    pub bitrate: Vec<f64>,
    /// How far it was behind the publisher, seconds.
    pub behind_seconds: Vec<f64>,
    /// Round-trip time to the server, milliseconds; 0 where the system does not tell.
    pub rtt_ms: Vec<f64>,
    /// Frames left out between one point and the next.
    pub frames_skipped: Vec<f64>,
}

/// One line of what happened to a stream.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct StreamEvent {
    /// When, RFC 3339; the last time where it happened often.
    #[schema(format = DateTime)]
    pub at: String,
    /// A fixed word for programs: `publish_started`, `publish_resumed`, `publish_stopped`, `stream_ended`, `tracks_changed`,
    /// `player_joined`, `player_left`, `recording_started`, `recording_stopped`, `recording_failed`, `destination_live`,
    /// `destination_behind`, `destination_retrying` (it was live and is lost), `destination_attempt_failed` (it was not live
    /// yet), `destination_stopped`, `timestamps_repaired`, `health`, `health_good`, `problem`.
    pub code: String,
    /// Whom or what it is about: an address, a file, a destination, codecs, the code of a problem or a finding.
    pub subject: Option<String>,
    /// A sentence where there is more to say.
    pub message: Option<String>,
    /// A fixed word for why, where the message is a reason: how a publisher or a stream ended, the code of a destination's or a
    /// recording's failure.
    pub reason: Option<String>,
    /// How often it happened.
    pub count: u32,
}

fn seconds(millis: u64) -> f64 {
    millis as f64 / 1000.0
}

impl From<history::View> for StreamHistory {
    fn from(view: history::View) -> Self {
        Self {
            recent: view.recent.into(),
            session: view.session.into(),
            session_began: view.began.map(seconds),
            events: view.story.into_iter().map(StreamEvent::from).collect(),
        }
    }
}

impl From<history::Points> for StreamSeries {
    fn from(points: history::Points) -> Self {
        let column =
            |of: fn(&history::Sample) -> f64| points.samples.iter().map(|sample| rounded(of(sample))).collect();
        Self {
            step_seconds: seconds(points.step),
            bitrate: points.samples.iter().map(|sample| sample.bitrate.round()).collect(),
            fps: column(|sample| sample.fps),
            key_frame_interval_seconds: column(|sample| sample.key_frame_interval),
            behind_seconds: column(|sample| sample.behind),
            readers: column(|sample| sample.readers),
            times: points.times.into_iter().map(seconds).collect(),
        }
    }
}

impl From<history::LegView> for DestinationHistory {
    fn from(view: history::LegView) -> Self {
        Self { recent: view.recent.into(), session: view.session.into(), session_began: view.began.map(seconds) }
    }
}

impl From<history::Points<history::LegSample>> for DestinationSeries {
    fn from(points: history::Points<history::LegSample>) -> Self {
        let column =
            |of: fn(&history::LegSample) -> f64| points.samples.iter().map(|sample| rounded(of(sample))).collect();
        Self {
            step_seconds: seconds(points.step),
            bitrate: points.samples.iter().map(|sample| sample.bitrate.round()).collect(),
            behind_seconds: column(|sample| sample.behind),
            rtt_ms: column(|sample| sample.rtt),
            frames_skipped: column(|sample| sample.skipped),
            times: points.times.into_iter().map(seconds).collect(),
        }
    }
}

impl From<history::Entry> for StreamEvent {
    fn from(entry: history::Entry) -> Self {
        let history::Happening { code, subject, message, reason } = entry.happening;
        Self { at: from_millis(entry.at), code: code.to_owned(), subject, message, reason, count: entry.count }
    }
}
