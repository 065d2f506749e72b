//! Everything that is counted, at one moment: what both forms of metrics are written from.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use weir_hub::{ReaderSnapshot, Role, StreamSnapshot, StreamState};

use super::timings::Timings;
use crate::engine::Engine;
use crate::lifecycle::Totals;
use crate::protocol::srt;
use crate::{destination, recording};

/// Numbers that never fall.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Connections accepted.
    pub connections: u64,
    /// Of those, SRT.
    pub srt_connections: u64,
    /// Publishers admitted.
    pub publishers: u64,
    /// Players that were given a picture.
    pub players: u64,
    /// Frames that players were too slow for.
    pub player_skips: u64,
    /// Who was let in after a proof.
    pub auth_successes: u64,
    /// Who was refused.
    pub auth_failures: u64,
    /// Audio frames received.
    pub audio_frames: u64,
    /// Video frames received.
    pub video_frames: u64,
    /// Payload bytes received.
    pub bytes_in: u64,
    /// Bytes sent to players.
    pub player_bytes: u64,
    /// Peers that did not finish the handshake.
    pub handshake_failures: u64,
    /// Recordings stopped by a fault.
    pub recording_errors: u64,
    /// Connections cut because nothing came or was taken.
    pub dead_connections: u64,
    /// Calls of hooks that were left out.
    pub hooks_left_out: u64,
}

/// Everything at one moment.
#[derive(Debug, Clone)]
pub struct Gathered {
    /// What never falls.
    pub counters: Counters,
    /// Open connections, by protocol.
    pub connections: Vec<(&'static str, usize)>,
    /// The streams, those that wait for a publisher among them.
    pub streams: Vec<StreamSnapshot>,
    /// The destinations.
    pub destinations: Vec<destination::Status>,
    /// The recordings being written.
    pub recordings: Vec<recording::Status>,
    /// The SRT connections, each with a number that none had before.
    pub srt_links: Vec<(u64, srt::Link)>,
    /// What all of SRT received.
    pub srt: srt::Received,
    /// How long things take.
    pub timings: Timings,
    /// Seconds since the start.
    pub uptime_seconds: u64,
    /// Version of Weir.
    pub version: &'static str,
}

/// What was told last, so that a number that never falls does not: a publisher may leave between two looks.
#[derive(Debug, Clone, Default)]
pub(crate) struct Floor(Arc<[AtomicU64; 5]>);

impl Floor {
    fn lift(&self, at: usize, value: u64) -> u64 {
        self.0.get(at).map_or(value, |floor| floor.fetch_max(value, Ordering::Relaxed).max(value))
    }
}

/// Looks at everything.
pub fn gather(engine: &Engine) -> Gathered {
    let context = engine.context();
    let totals = context.life.totals();
    // Those who left first: whoever leaves now is missed once rather than counted twice, and the floor covers it.
    let gone =
        [&totals.audio_frames, &totals.video_frames, &totals.bytes_in, &totals.player_skips, &totals.player_bytes]
            .map(Totals::now);
    let streams = engine.streams();
    let mut now = gone;
    for stream in &streams {
        let [audio, video, bytes, skips, sent] = &mut now;
        if stream.state == StreamState::Live {
            *audio += stream.written.audio_frames;
            *video += stream.written.video_frames;
            *bytes += stream.written.bytes;
        }
        for player in players(stream) {
            *skips += player.skipped;
            *sent += player.bytes_sent;
        }
    }
    let floor = &context.floor;
    let mut at = 0;
    let [audio_frames, video_frames, bytes_in, player_skips, player_bytes] = now.map(|value| {
        at += 1;
        floor.lift(at - 1, value)
    });
    let counters = Counters {
        connections: Totals::now(&totals.connections),
        srt_connections: Totals::now(&totals.srt_connections),
        publishers: Totals::now(&totals.publishers),
        players: Totals::now(&totals.players),
        player_skips,
        auth_successes: Totals::now(&totals.auth_successes),
        auth_failures: Totals::now(&totals.auth_failures),
        audio_frames,
        video_frames,
        bytes_in,
        player_bytes,
        handshake_failures: Totals::now(&totals.handshake_failures),
        recording_errors: Totals::now(&totals.recording_errors),
        dead_connections: Totals::now(&totals.dead_connections),
        hooks_left_out: engine.hooks().left_out(),
    };
    let mut connections: Vec<(&'static str, usize)> = vec![("rtmp", 0), ("srt", 0)];
    for open in context.life.connections() {
        match connections.iter_mut().find(|(protocol, _)| *protocol == open.protocol) {
            Some((_, count)) => *count += 1,
            None => connections.push((open.protocol, 1)),
        }
    }
    let status = engine.status();
    let recordings = engine.recordings().status();
    Gathered {
        counters,
        connections,
        streams,
        destinations: engine.destinations().status(),
        recordings: recordings.into_iter().filter(|known| known.state == recording::State::Recording).collect(),
        srt_links: engine.srt().numbered_links(),
        srt: engine.srt().received(),
        timings: context.timings.clone(),
        uptime_seconds: status.uptime_seconds,
        version: status.version,
    }
}

impl Gathered {
    /// Open connections of one protocol.
    pub(crate) fn connections_of(&self, protocol: &str) -> usize {
        self.connections.iter().find(|(known, _)| *known == protocol).map_or(0, |(_, count)| *count)
    }

    /// Whether a stream is being recorded.
    pub(crate) fn is_recorded(&self, path: &str) -> bool {
        self.recordings.iter().any(|recording| recording.path == path)
    }
}

/// The players of a stream.
pub(crate) fn players(stream: &StreamSnapshot) -> impl Iterator<Item = &ReaderSnapshot> {
    stream.readers.iter().filter(|reader| reader.role == Role::Player)
}
