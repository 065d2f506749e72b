//! What a hub, a publisher and a subscriber can be told.

use std::net::SocketAddr;
use std::time::Duration;

/// Limits and policies of a [`crate::Hub`].
#[derive(Debug, Clone)]
pub struct HubOptions {
    /// How long a stream outlives its publisher. Default 10 s: an encoder that reconnects keeps its players, its recording
    /// and its destinations.
    pub grace: Duration,
    /// What happens to a second publisher of one path.
    pub duplicate: DuplicatePolicy,
    /// A publisher that has sent nothing for this long gives way to a new one even when duplicates are refused. Default
    /// 10 s: a phone that lost power must not lock its own stream out.
    pub stale_publisher: Duration,
    /// How much time the ring of a stream keeps beyond its newest group of pictures, in the time of the media and by the clock: what
    /// comes faster than that is kept for as long. Default 10 s.
    pub ring_duration: Duration,
    /// How many bytes the ring of a stream keeps at most. Default 64 MiB. A single group of pictures beyond it loses its
    /// start: nobody can join until the next key frame, the running readers go on.
    pub ring_bytes: usize,
    /// How many players one stream may have. Default 10,000.
    pub max_players: usize,
    /// How many bits a second a publisher may send, on average over some ten seconds; `None` sets no limit, which is the
    /// default.
    pub max_bits_per_second: Option<u64>,
    /// How many streams may be published, and how many may exist when a player asks for one that nobody publishes. Default 1,000:
    /// each costs memory that a stranger could ask for.
    pub max_streams: usize,
}

impl Default for HubOptions {
    fn default() -> Self {
        Self {
            grace: Duration::from_secs(10),
            duplicate: DuplicatePolicy::Refuse,
            stale_publisher: Duration::from_secs(10),
            ring_duration: Duration::from_secs(10),
            ring_bytes: 64 * 1024 * 1024,
            max_players: 10_000,
            max_bits_per_second: None,
            max_streams: 1000,
        }
    }
}

/// What happens to a second publisher of one path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DuplicatePolicy {
    /// The newcomer is refused.
    #[default]
    Refuse,
    /// The newcomer takes over on the same timeline; the running publisher is told and closed.
    Replace,
}

/// Who is on the other end, for people to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The protocol as people write it, e.g. `rtmp`.
    pub protocol: &'static str,
    /// Address of the peer, where there is one.
    pub peer: Option<SocketAddr>,
    /// What the peer calls itself (an encoder's or player's version), or what the output is called (a destination's name).
    pub agent: Option<String>,
    /// The connection it came by, where there is one.
    pub connection: Option<ConnectionId>,
}

/// Identity of a connection, never used twice while Weir runs. The hub makes none: it passes them on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(pub u64);

impl Origin {
    /// An origin inside this process.
    pub const fn internal(protocol: &'static str) -> Self {
        Self { protocol, peer: None, agent: None, connection: None }
    }
}

/// What a subscriber is for. Only players count as readers that people see as audience.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Somebody watches.
    Player,
    /// A file is written.
    Recording,
    /// A leg to another server.
    Destination,
    /// The picture in our own window.
    Preview,
}

/// Where a subscriber begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At the newest key frame in the ring; without one, at the next. Streams without video begin at the newest frame.
    NewestKey,
    /// At the next key frame to come; streams without video begin with the next frame.
    NextKey,
    /// At the first key frame of the present publisher, or of the last one in its grace time, that the ring still holds; without
    /// one, at the next. Streams without video begin at the first frame.
    Session,
    /// At the newest key frame at least this long ago, or the oldest there is.
    Back(Duration),
}

/// What happens to a reader that falls behind. Lag is media time between the reader and the newest frame, less the lag it
/// began with, but never more than the time for which the frame that it reads next has been there: what a publisher
/// delivers late or in a burst is no reader's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LagPolicy {
    /// Beyond this, disposable frames are skipped.
    pub skip_disposable: Duration,
    /// Beyond this, the reader goes to the newest key frame, if there is one ahead of it.
    pub skip_to_key: Duration,
    /// Beyond this, the reader ends with [`crate::EndReason::TooSlow`].
    pub disconnect: Option<Duration>,
}

impl LagPolicy {
    /// For somebody who watches: better a jump than old pictures.
    pub const PLAYER: Self =
        Self { skip_disposable: Duration::from_millis(1_500), skip_to_key: Duration::from_secs(4), disconnect: None };

    /// For the picture in our own window: it shows what is now or nothing.
    pub const PREVIEW: Self =
        Self { skip_disposable: Duration::from_millis(300), skip_to_key: Duration::from_millis(800), disconnect: None };

    /// For a file: only what the ring no longer holds is lost.
    pub const RECORDING: Self = Self { skip_disposable: Duration::MAX, skip_to_key: Duration::MAX, disconnect: None };

    /// For a leg to a platform: it may fall a little further behind than a player.
    pub const DESTINATION: Self =
        Self { skip_disposable: Duration::from_secs(2), skip_to_key: Duration::from_secs(6), disconnect: None };
}

/// How a subscriber reads.
#[derive(Debug, Clone)]
pub struct SubscribeOptions {
    /// What it is for.
    pub role: Role,
    /// Who it is.
    pub origin: Origin,
    /// Where it begins.
    pub start: Start,
    /// What happens when it falls behind.
    pub lag: LagPolicy,
    /// How long it waits for a publisher before it ends with [`crate::EndReason::NotFound`]; `None` waits for ever.
    pub wait: Option<Duration>,
}

impl SubscribeOptions {
    /// A player: newest key frame, the player's lag policy, 10 s of waiting for a publisher.
    pub const fn player(origin: Origin) -> Self {
        Self {
            role: Role::Player,
            origin,
            start: Start::NewestKey,
            lag: LagPolicy::PLAYER,
            wait: Some(Duration::from_secs(10)),
        }
    }

    /// A preview: newest key frame, the preview's lag policy, waits for ever.
    pub const fn preview(origin: Origin) -> Self {
        Self { role: Role::Preview, origin, start: Start::NewestKey, lag: LagPolicy::PREVIEW, wait: None }
    }

    /// A recording: newest key frame, nothing skipped, waits for ever.
    pub const fn recording(origin: Origin) -> Self {
        Self { role: Role::Recording, origin, start: Start::NewestKey, lag: LagPolicy::RECORDING, wait: None }
    }

    /// A destination: newest key frame, the destination's lag policy, waits for ever.
    pub const fn destination(origin: Origin) -> Self {
        Self { role: Role::Destination, origin, start: Start::NewestKey, lag: LagPolicy::DESTINATION, wait: None }
    }
}
