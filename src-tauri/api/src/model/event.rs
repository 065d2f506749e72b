//! What the event stream carries.

use serde::Serialize;
use utoipa::ToSchema;

use super::{Destination, DestinationLine, DestinationState, DestinationStep, Problem, Stream, Totals};

/// One event. `type` tells which.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// Sent first, and again when this client was too slow to get every event: read everything anew.
    Resync {
        /// Events that were lost; 0 at the beginning.
        missed: u64,
    },
    /// Something changed: read these topics anew.
    Changed {
        /// What to read anew.
        topics: Vec<Topic>,
    },
    /// A problem appeared or happened again.
    Problem {
        /// The problem.
        problem: Problem,
    },
    /// The numbers, once a second.
    Stats {
        /// The numbers.
        stats: Stats,
    },
    /// The engine is shutting down; there are no more events.
    ShuttingDown,
}

/// What can be read anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// `GET /api/v1/status`.
    Status,
    /// `GET /api/v1/streams`.
    Streams,
    /// `GET /api/v1/listeners`.
    Listeners,
    /// `GET /api/v1/destinations`.
    Destinations,
    /// `GET /api/v1/recordings`.
    Recordings,
    /// `GET /api/v1/recording-jobs`.
    RecordingJobs,
    /// `GET /api/v1/access`.
    Access,
    /// `GET /api/v1/stream-keys`.
    StreamKeys,
    /// `GET /api/v1/certificate`.
    Certificate,
    /// `GET /api/v1/settings`.
    Settings,
    /// `GET /api/v1/problems`.
    Problems,
    /// `GET /api/v1/hooks`.
    Hooks,
    /// `GET /api/v1/log`, since the last line that was read.
    Log,
}

/// The numbers that change all the time.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Stats {
    /// The engine's clock, RFC 3339.
    #[schema(format = DateTime)]
    pub at: String,
    /// Over all streams.
    pub totals: Totals,
    /// One a stream, ordered by path.
    pub streams: Vec<StreamStats>,
    /// One a destination, in the order of the settings.
    pub destinations: Vec<DestinationStats>,
}

/// The numbers of a stream.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct StreamStats {
    /// The stream.
    pub path: String,
    /// Seconds since its publisher came.
    pub uptime_seconds: f64,
    /// Bits a second over the last second.
    pub bitrate: u64,
    /// Video frames a second; null without video.
    pub fps: Option<f64>,
    /// Seconds between the last two key frames.
    pub key_frame_interval_seconds: Option<f64>,
    /// How many read it.
    pub readers: usize,
    /// Bytes in the file being written; null when none is.
    pub recording_bytes: Option<u64>,
    /// Seconds of media in the file being written; null when none is.
    pub recording_seconds: Option<f64>,
    /// Seconds until the disk is full if everything goes on as now; null when that cannot be told.
    pub recording_time_left_seconds: Option<f64>,
}

/// The numbers of a destination.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DestinationStats {
    /// The destination.
    pub id: String,
    /// What it is doing.
    pub state: DestinationState,
    /// Where on the way, while connecting.
    pub step: Option<DestinationStep>,
    /// Bits a second that the server acknowledged over the last seconds.
    pub bitrate: u64,
    /// Media sent, bytes.
    pub bytes_sent: u64,
    /// How far it is behind the publisher, seconds.
    pub behind_seconds: f64,
    /// Frames left out.
    pub frames_skipped: u64,
    /// Frames that passed while it had no connection.
    pub frames_missed: u64,
    /// Seconds until the next attempt, while retrying.
    pub retry_in_seconds: Option<f64>,
    /// Round-trip time to the server, milliseconds; null where the system does not tell.
    pub rtt_ms: Option<f64>,
    /// How long the present connection has been live, seconds.
    pub connected_seconds: u64,
    /// How the connection to the second address stands, when both are sent to.
    pub backup: Option<DestinationLine>,
}

impl From<&Stream> for StreamStats {
    fn from(stream: &Stream) -> Self {
        let recording = stream.recording.as_ref().filter(|_| stream.is_recorded());
        Self {
            path: stream.path.clone(),
            uptime_seconds: stream.uptime_seconds,
            bitrate: stream.bitrate,
            fps: stream.fps,
            key_frame_interval_seconds: stream.key_frame_interval_seconds,
            readers: stream.readers.len(),
            recording_bytes: recording.map(|recording| recording.size_bytes),
            recording_seconds: recording.map(|recording| recording.duration_seconds),
            recording_time_left_seconds: recording.and_then(|recording| recording.time_left_seconds),
        }
    }
}

impl From<&Destination> for DestinationStats {
    fn from(destination: &Destination) -> Self {
        Self {
            id: destination.id.clone(),
            state: destination.state,
            step: destination.step,
            bitrate: destination.bitrate,
            bytes_sent: destination.bytes_sent,
            behind_seconds: destination.behind_seconds,
            frames_skipped: destination.frames_skipped,
            frames_missed: destination.frames_missed,
            retry_in_seconds: destination.retry_in_seconds,
            rtt_ms: destination.rtt_ms,
            connected_seconds: destination.connected_seconds,
            backup: destination.backup.as_ref().and_then(|backup| backup.line.clone()),
        }
    }
}
