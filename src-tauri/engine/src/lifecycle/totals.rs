//! What is counted since the start. Numbers of streams and readers that still run are not in here: the hub has them.

use std::sync::atomic::{AtomicU64, Ordering};

use weir_hub::{Read, Role};

use super::What;

/// Counters since the start.
#[derive(Debug, Default)]
pub struct Totals {
    /// Connections accepted, all protocols.
    pub connections: AtomicU64,
    /// Of those, SRT.
    pub srt_connections: AtomicU64,
    /// Publishers admitted.
    pub publishers: AtomicU64,
    /// Players that were given a picture.
    pub players: AtomicU64,
    /// Who was let in after a proof.
    pub auth_successes: AtomicU64,
    /// Who was refused.
    pub auth_failures: AtomicU64,
    /// Peers that did not finish the handshake of their protocol.
    pub handshake_failures: AtomicU64,
    /// Connections cut because nothing came, or nothing was taken, for too long.
    pub dead_connections: AtomicU64,
    /// Recordings stopped by a fault.
    pub recording_errors: AtomicU64,
    /// Audio frames of publishers that are gone.
    pub audio_frames: AtomicU64,
    /// Video frames of publishers that are gone.
    pub video_frames: AtomicU64,
    /// Payload bytes of publishers that are gone.
    pub bytes_in: AtomicU64,
    /// Frames that players who are gone were too slow for.
    pub player_skips: AtomicU64,
    /// Bytes sent to players that are gone.
    pub player_bytes: AtomicU64,
    /// Bytes sent to destinations by readers that are gone.
    pub destination_bytes: AtomicU64,
}

impl Totals {
    /// The counter of a field now.
    pub fn now(counter: &AtomicU64) -> u64 {
        counter.load(Ordering::Relaxed)
    }

    pub(super) fn count(&self, what: &What) {
        let add = |counter: &AtomicU64, amount| counter.fetch_add(amount, Ordering::Relaxed);
        match what {
            What::ConnectionAccept { protocol, .. } => {
                add(&self.connections, 1);
                add(&self.srt_connections, u64::from(*protocol == "srt"));
            }
            What::PublishStart { .. } => {
                add(&self.publishers, 1);
            }
            What::PublishStop { written, .. } => {
                add(&self.audio_frames, written.audio_frames);
                add(&self.video_frames, written.video_frames);
                add(&self.bytes_in, written.bytes);
            }
            What::PlayStart { .. } => {
                add(&self.players, 1);
            }
            What::AuthFailed { .. } => {
                add(&self.auth_failures, 1);
            }
            What::RecordingError { .. } => {
                add(&self.recording_errors, 1);
            }
            _ => {}
        }
    }

    pub(super) fn read(&self, role: Role, read: &Read) {
        let add = |counter: &AtomicU64, amount| counter.fetch_add(amount, Ordering::Relaxed);
        match role {
            Role::Player => {
                add(&self.player_skips, read.skipped);
                add(&self.player_bytes, read.bytes);
            }
            Role::Destination => {
                add(&self.destination_bytes, read.bytes);
            }
            Role::Recording | Role::Preview => {}
        }
    }
}
