//! A live stream, who sends it and who reads it.

use std::time::Instant;

use serde::Serialize;
use utoipa::ToSchema;
use weir_engine::protocol::srt;
use weir_engine::recording;
use weir_media::StreamPath;

use super::time::{ago, from_millis, rounded, seconds};
use super::{Health, Notice, SrtLink, Track, TrackKind};
use crate::rates::Rates;
use crate::room::Room;

/// Every stream that exists now.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct StreamList {
    /// Ordered by path.
    pub streams: Vec<Stream>,
}

/// Where a stream is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StreamState {
    /// Readers wait for a publisher that has not come.
    Waiting,
    /// A publisher is sending.
    Live,
    /// The publisher went; readers are kept until it returns or the grace time is over.
    Interrupted,
}

/// One stream.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Stream {
    /// Identity, `app/name`. In an address the slash is written `%2F`.
    #[schema(example = "live/stream")]
    pub path: String,
    /// Where it is in its life.
    pub state: StreamState,
    /// When the publisher came, RFC 3339; null while waiting.
    #[schema(format = DateTime)]
    pub started_at: Option<String>,
    /// Seconds since then.
    pub uptime_seconds: f64,
    /// Seconds until the stream ends unless its publisher returns; null unless it is interrupted.
    pub ends_in_seconds: Option<f64>,
    /// Who sends it, or sent it last while it is interrupted; null while waiting.
    pub publisher: Option<Publisher>,
    /// Its elementary streams: video, audio, data.
    pub tracks: Vec<Track>,
    /// Bits a second over the last second.
    pub bitrate: u64,
    /// Video frames a second over the last seconds; null without video.
    pub fps: Option<f64>,
    /// Seconds between the last two key frames; null until there were two.
    pub key_frame_interval_seconds: Option<f64>,
    /// Media received, bytes.
    pub bytes_in: u64,
    /// Who reads it.
    pub readers: Vec<Reader>,
    /// The recording that runs or the one that failed; null when there is none.
    pub recording: Option<StreamRecording>,
    /// How it is, in words.
    pub health: Health,
}

/// Who sends a stream.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Publisher {
    /// `rtmp` or `srt`.
    pub protocol: String,
    /// Address and port of the encoder.
    #[schema(example = "127.0.0.1:50412")]
    pub remote: String,
    /// What the encoder calls itself; null when it does not say.
    #[schema(example = "FMLE/3.0 (compatible; FMSc/1.0)")]
    pub client: Option<String>,
    /// How its SRT connection stands; null with another protocol.
    pub srt: Option<SrtLink>,
}

/// What a reader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReaderKind {
    /// A player that connected to us.
    Player,
    /// A destination we send to.
    Destination,
    /// A file that is written.
    Recording,
    /// The picture on a page like this one.
    Preview,
    /// Anything else inside the program.
    Other,
}

/// Who reads a stream.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Reader {
    /// Identity, for a kick.
    pub id: String,
    /// What it is.
    pub kind: ReaderKind,
    /// `rtmp` or `srt` for a player; null for a file.
    pub protocol: Option<String>,
    /// Address and port of a player; the name of a destination or a file.
    pub remote: String,
    /// What a player calls itself; null when it does not say.
    pub client: Option<String>,
    /// When it came, RFC 3339.
    #[schema(format = DateTime)]
    pub started_at: String,
    /// Media sent to it, bytes.
    pub bytes_sent: u64,
    /// Bits a second over the last second.
    pub bitrate: u64,
    /// How far it is behind the publisher, seconds.
    pub behind_seconds: f64,
    /// Frames left out because it could not keep up.
    pub frames_skipped: u64,
    /// How its SRT connection stands; null with another protocol.
    pub srt: Option<SrtLink>,
}

/// The recording of a stream.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct StreamRecording {
    /// Name of the file in the recordings folder; empty until the first frame is written.
    pub file_name: String,
    /// When it began, RFC 3339.
    #[schema(format = DateTime)]
    pub started_at: String,
    /// Seconds of media written.
    pub duration_seconds: f64,
    /// Bytes written.
    pub size_bytes: u64,
    /// Seconds until the disk is full if everything goes on as now; null when that cannot be told.
    pub time_left_seconds: Option<f64>,
    /// Why it stopped by itself; null while it runs.
    pub failure: Option<Notice>,
}

impl Stream {
    /// What the hub knows of a stream, with what the recordings know of it.
    pub(crate) fn new(
        stream: &weir_hub::StreamSnapshot,
        recordings: &Recorded,
        links: &[srt::Link],
        health: weir_engine::health::Health,
        rates: &Rates<String>,
        now: Instant,
    ) -> Self {
        let (state, left) = match stream.state {
            weir_hub::StreamState::Waiting => (StreamState::Waiting, None),
            weir_hub::StreamState::Live => (StreamState::Live, None),
            weir_hub::StreamState::Grace { left } => (StreamState::Interrupted, Some(left)),
        };
        let began = state != StreamState::Waiting;
        let tracks: Vec<Track> = stream.tracks.iter().map(Track::from).collect();
        Self {
            path: stream.path.to_string(),
            state,
            started_at: began.then(|| ago(stream.uptime)),
            uptime_seconds: if began { seconds(stream.uptime) } else { 0.0 },
            ends_in_seconds: left.map(seconds),
            publisher: stream.origin.as_ref().map(|origin| Publisher::new(origin, &stream.path, links)),
            bitrate: stream.bitrate,
            fps: tracks.iter().find(|track| track.kind == TrackKind::Video).and_then(|track| track.fps),
            key_frame_interval_seconds: stream.key_frame_interval.map(seconds),
            bytes_in: stream.bytes,
            readers: stream.readers.iter().map(|reader| Reader::new(reader, links, rates, now)).collect(),
            recording: StreamRecording::of(&stream.path, recordings),
            health: health.into(),
            tracks,
        }
    }
}

impl Stream {
    /// Whether a recording of it is being written.
    pub(crate) fn is_recorded(&self) -> bool {
        self.recording.as_ref().is_some_and(|recording| recording.failure.is_none())
    }
}

impl Publisher {
    fn new(origin: &weir_hub::Origin, path: &StreamPath, links: &[srt::Link]) -> Self {
        let link = links
            .iter()
            .find(|link| link.role == srt::Role::Publish && link.path == *path && Some(link.peer) == origin.peer);
        Self {
            srt: link.map(SrtLink::from),
            protocol: origin.protocol.to_owned(),
            remote: origin.peer.map_or_else(|| String::from("this program"), |peer| peer.to_string()),
            client: origin.agent.clone(),
        }
    }
}

impl Reader {
    fn new(reader: &weir_hub::ReaderSnapshot, links: &[srt::Link], rates: &Rates<String>, now: Instant) -> Self {
        let ours =
            |link: &&srt::Link| matches!(link.role, srt::Role::Play(id) | srt::Role::Push(id) if id == reader.id);
        let kind = match reader.role {
            weir_hub::Role::Player => ReaderKind::Player,
            weir_hub::Role::Recording => ReaderKind::Recording,
            weir_hub::Role::Destination => ReaderKind::Destination,
            weir_hub::Role::Preview => ReaderKind::Preview,
        };
        let origin = &reader.origin;
        let named = || origin.agent.clone().unwrap_or_else(|| origin.protocol.to_owned());
        let id = reader.id.0.to_string();
        Self {
            kind,
            protocol: (kind != ReaderKind::Recording).then(|| origin.protocol.to_owned()),
            remote: origin.peer.map_or_else(named, |peer| peer.to_string()),
            client: origin.agent.clone().filter(|_| kind == ReaderKind::Player),
            started_at: ago(reader.age),
            bytes_sent: reader.bytes_sent,
            bitrate: rates.bits_per_second(format!("reader/{id}"), reader.bytes_sent, now),
            behind_seconds: seconds(reader.lag),
            frames_skipped: reader.skipped,
            srt: links.iter().find(ours).map(SrtLink::from),
            id,
        }
    }
}

impl StreamRecording {
    /// The newest recording of `path`, when it runs or ended in a fault.
    fn of(path: &StreamPath, recordings: &Recorded) -> Option<Self> {
        let newest = recordings.all.iter().rev().find(|recording| recording.path == path.as_str())?;
        let failure = match &newest.state {
            recording::State::Recording => None,
            recording::State::Complete => return None,
            recording::State::Failed(failure) => Some(Notice::from(failure)),
        };
        Some(Self {
            file_name: file_name(newest),
            started_at: from_millis(newest.started_at),
            duration_seconds: rounded(newest.duration_ms as f64 / 1000.0),
            size_bytes: newest.bytes,
            time_left_seconds: recordings
                .time_left
                .map(|left| left.as_secs_f64().floor())
                .filter(|_| failure.is_none()),
            failure,
        })
    }
}

/// What the recordings know, looked up once for all streams.
#[derive(Debug)]
pub(crate) struct Recorded {
    /// Those that run or ran.
    pub(crate) all: Vec<recording::Status>,
    /// Until the disk is full.
    pub(crate) time_left: Option<std::time::Duration>,
}

impl Recorded {
    pub(crate) fn of(recordings: &recording::Recordings, room: &Room) -> Self {
        let all = recordings.status();
        let any = all.iter().any(|recording| recording.state == recording::State::Recording);
        let time_left = any.then(|| room.left(recordings)).flatten();
        Self { all, time_left }
    }
}

/// The name of the file, empty until there is one.
pub(crate) fn file_name(recording: &recording::Status) -> String {
    let name = recording.file.as_deref().and_then(std::path::Path::file_name);
    name.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
