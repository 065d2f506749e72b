//! What goes on over a connection once it is let in: publishing, playing, or finding out which of both.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use weir_hub::{EndReason, Origin, Publisher, Subscriber};
use weir_media::StreamPath;
use weir_mpegts::Faults;
use weir_srt::connection::{Closed, Event};

use super::admit::{self, Pass, Wish};
use super::bridge::{Bridge, Fault};
use super::gate;
use super::link::Link;
use super::links::{self, Place, Role};
use super::listen::Shared;
use super::player::{Player, Stopped};
use super::refusal::Refusal;
use crate::auth::Action;
use crate::problem::Report;
use crate::supervise::End;

/// How long a caller that does not say what it wants has to begin to send, before it is taken for a player: encoders send
/// at once.
const LISTENS_AFTER: Duration = Duration::from_millis(500);
/// How often the statistics are renewed.
const LOOK: Duration = Duration::from_millis(500);

/// What a connection is for.
#[derive(Debug)]
pub(super) enum Job {
    /// The peer sends.
    Publish(Bridge),
    /// The peer listens. It is ignored what it sends.
    Play(Player),
    /// The peer has not shown yet what it wants; until it sends, it may become a player.
    Unsaid { player: Player, wish: Wish, origin: Origin, plays_from: Option<Instant> },
}

impl Job {
    pub(super) fn publish(publisher: Publisher) -> Self {
        Self::Publish(Bridge::new(publisher))
    }

    pub(super) fn play(subscriber: Subscriber) -> Self {
        Self::Play(Player::new(subscriber))
    }

    pub(super) fn unsaid(subscriber: Subscriber, wish: Wish, origin: Origin) -> Self {
        Self::Unsaid { player: Player::new(subscriber), wish, origin, plays_from: None }
    }

    fn path(&self) -> &StreamPath {
        match self {
            Self::Publish(bridge) => bridge.path(),
            Self::Play(player) | Self::Unsaid { player, .. } => player.path(),
        }
    }

    fn faults(&self) -> Option<Faults> {
        match self {
            Self::Publish(bridge) => Some(bridge.faults()),
            Self::Play(_) | Self::Unsaid { .. } => None,
        }
    }

    fn role(&self) -> Role {
        match self {
            Self::Publish(_) => Role::Publish,
            Self::Play(player) => Role::Play(player.subscriber().id()),
            Self::Unsaid { player, plays_from: None, .. } => Role::Play(player.subscriber().id()),
            Self::Unsaid { .. } => Role::Undecided,
        }
    }
}

/// Why a connection is over.
#[derive(Debug, thiserror::Error)]
enum Over {
    #[error("{0}")]
    Closed(Closed),
    #[error("{0}")]
    Publishing(#[from] Fault),
    #[error("{0}")]
    Playing(#[from] Stopped),
    #[error("{}", .0.cause)]
    Refused(Refusal),
    #[error("the socket failed: {0}")]
    Socket(#[from] io::Error),
    #[error("its key is no longer valid")]
    Revoked,
    #[error("shutting down")]
    Stopping,
}

/// Counts a connection while it lives.
struct Open(Arc<Shared>);

impl Open {
    fn new(shared: &Arc<Shared>) -> Self {
        shared.open.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(shared))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Serves a connection until it ends.
pub(super) async fn run(
    shared: Arc<Shared>,
    mut link: Link,
    mut job: Job,
    key_length: Option<usize>,
    mut pass: Pass,
    stopping: CancellationToken,
) -> End {
    let _open = Open::new(&shared);
    let now = Instant::now();
    if let Job::Unsaid { plays_from, .. } = &mut job {
        *plays_from = Some(now + LISTENS_AFTER);
    }
    let place = shared.links.enter(links::Link {
        role: job.role(),
        path: job.path().clone(),
        peer: link.peer(),
        version: link.connection().peer_version(),
        key_length,
        statistics: link.connection().statistics(now),
        faults: job.faults(),
    });
    tracing::info!(
        path = %job.path(), peer = %link.peer(), connection = pass.life.id().0, role = %job.role(), version = %link.connection().peer_version(),
        latency_ms = link.connection().latency().receive.as_millis(), key_length, "SRT connection"
    );
    let over = tokio::select! {
        Err(over) = serve(&shared, &mut link, &mut job, &place, &mut pass) => over,
        () = stopping.cancelled() => Over::Stopping,
    };
    let now = Instant::now();
    if let Job::Publish(bridge) = &mut job {
        // The last frame is complete only now. That the hub does not want it any more is no news.
        let _ = bridge.finish(now);
    }
    if let Over::Playing(Stopped::Ended(EndReason::PublisherLeft | EndReason::Shutdown)) = &over {
        tokio::select! {
            () = link.see_off() => {}
            () = stopping.cancelled() => {}
        }
    }
    link.close(Instant::now());
    let statistics = link.connection().statistics(Instant::now());
    place.update(|known| (known.statistics, known.faults) = (statistics, job.faults()));
    if matches!(over, Over::Closed(Closed::Idle(_))) {
        pass.life.was_dead();
    }
    if let Some(report) = report(&over, job.path(), &link) {
        shared.context.problems.report(report);
    }
    let connection = pass.life.id().0;
    tracing::info!(path = %job.path(), peer = %link.peer(), connection, reason = %over, "SRT connection ended");
    // What it did ends before the connection does.
    drop(job);
    drop(pass);
    End::done(over.to_string())
}

async fn serve(
    shared: &Arc<Shared>,
    link: &mut Link,
    job: &mut Job,
    place: &Place,
    pass: &mut Pass,
) -> Result<(), Over> {
    let (mut looked, mut told) = (Instant::now(), false);
    loop {
        let now = Instant::now();
        link.run(now)?;
        let mut closed = None;
        while let Some(event) = link.next_event() {
            match event {
                Event::Payload(payload) => {
                    if matches!(job, Job::Play(_)) && !std::mem::replace(&mut told, true) {
                        say_that_nobody_hears(shared, link, job.path());
                    }
                    take(shared, job, place, pass, &payload, now).await?;
                }
                Event::Lost { packets } => {
                    tracing::debug!(path = %job.path(), packets, "SRT packets are lost");
                    if let Job::Publish(bridge) = job {
                        bridge.lose(packets);
                    }
                }
                Event::Closed(why) => closed = Some(why),
            }
        }
        match job {
            Job::Publish(bridge) => bridge.flush(),
            Job::Play(player) => player.fill(link, now)?,
            Job::Unsaid { player, plays_from, .. } => {
                if plays_from.is_some_and(|at| at <= now) {
                    *plays_from = None;
                    place.update(|known| known.role = Role::Play(player.subscriber().id()));
                }
                if plays_from.is_none() {
                    player.fill(link, now)?;
                }
            }
        }
        link.flush()?;
        if now.saturating_duration_since(looked) >= LOOK || closed.is_some() {
            looked = now;
            let statistics = link.connection().statistics(now);
            place.update(|known| (known.statistics, known.faults) = (statistics, job.faults()));
        }
        if let Some(why) = closed {
            return Err(Over::Closed(why));
        }
        tokio::select! {
            () = link.wait() => {}
            () = pass.grant.revoked() => return Err(Over::Revoked),
            ended = hub_side(job) => if let Some(reason) = ended {
                return Err(Over::Publishing(Fault::Closed(reason)));
            },
        }
    }
}

/// Waits for the hub: why it ends the publisher, or `None` when a player has something to send.
async fn hub_side(job: &mut Job) -> Option<EndReason> {
    match job {
        Job::Publish(bridge) => Some(bridge.closed().await),
        Job::Play(player) | Job::Unsaid { player, plays_from: None, .. } => {
            player.ready().await;
            None
        }
        Job::Unsaid { plays_from: Some(at), .. } => {
            tokio::time::sleep_until((*at).into()).await;
            None
        }
    }
}

/// An encoder whose stream id says that it plays: it looks as if it were live, and nothing arrives anywhere.
fn say_that_nobody_hears(shared: &Shared, link: &Link, path: &StreamPath) {
    shared.context.problems.report(Report {
        code: "srt_player_sends",
        message: format!(
            "An SRT program sends, but its stream id says that it plays {path}: what it sends is thrown away."
        ),
        hint: format!("To publish, write the stream id as publish:{path}."),
        path: Some(path.as_str().to_owned()),
        peer: Some(link.peer().ip().to_canonical().to_string()),
    });
}

/// Takes a payload of the peer.
async fn take(
    shared: &Arc<Shared>,
    job: &mut Job,
    place: &Place,
    pass: &mut Pass,
    payload: &[u8],
    now: Instant,
) -> Result<(), Over> {
    if let Job::Unsaid { wish, origin, .. } = job {
        let (wish, origin) = (wish.clone(), origin.clone());
        let publisher = becomes_publisher(shared, &wish, origin, pass).await.map_err(Over::Refused)?;
        tracing::info!(path = %wish.path, "the SRT caller publishes");
        *job = Job::publish(publisher);
        place.update(|known| known.role = Role::Publish);
    }
    match job {
        Job::Publish(bridge) => Ok(bridge.take(payload, now)?),
        Job::Play(_) | Job::Unsaid { .. } => Ok(()),
    }
}

async fn becomes_publisher(
    shared: &Arc<Shared>,
    wish: &Wish,
    origin: Origin,
    pass: &mut Pass,
) -> Result<Publisher, Refusal> {
    if pass.action != Action::Publish {
        pass.grant = gate::ask(shared, Action::Publish, wish, &origin, &pass.life).await?;
        pass.action = Action::Publish;
    }
    admit::publish(&shared.context.hub, &wish.path, origin)
}

/// What to tell people, if anything: of what they can do something about, and of who was turned away.
fn report(over: &Over, path: &StreamPath, link: &Link) -> Option<Report> {
    let (code, message, hint) = match over {
        Over::Publishing(Fault::Closed(reason @ EndReason::TooFast)) => (
            "publisher_too_fast",
            format!("The SRT encoder of {path} was ended: {reason}."),
            "Lower the encoder's bitrate, or raise limits.publisher_megabits in the settings.",
        ),
        Over::Closed(_) | Over::Socket(_) | Over::Stopping | Over::Revoked | Over::Publishing(Fault::Closed(_)) => {
            return None;
        }
        Over::Publishing(fault) => (
            "unreadable_media",
            format!("The SRT encoder of {path} was ended: {fault}."),
            "Set the encoder's output format to MPEG-TS (for FFmpeg: -f mpegts).",
        ),
        Over::Playing(Stopped::Ended(EndReason::NotFound)) => (
            "stream_not_found",
            format!("An SRT player asked for {path}, which nobody publishes."),
            "Start the encoder, or correct the stream id in the player.",
        ),
        Over::Playing(Stopped::Ended(_)) => return None,
        Over::Playing(Stopped::NothingFits(codec)) => (
            "codec_not_in_mpegts",
            format!("An SRT player of {path} was ended: MPEG-TS cannot carry {codec}."),
            "Watch this stream over RTMP, or let the encoder send H.264 or H.265 with AAC.",
        ),
        Over::Refused(refusal) if refusal.told => return None,
        Over::Refused(refusal) => {
            (refusal.code, format!("The SRT encoder of {path} was turned away: {}.", refusal.cause), refusal.hint)
        }
    };
    Some(Report {
        code,
        message,
        hint: hint.to_owned(),
        path: Some(path.as_str().to_owned()),
        peer: Some(link.peer().ip().to_canonical().to_string()),
    })
}
