//! Carrying a stream to an SRT listener: MPEG-TS over a connection that Weir calls.

use std::time::{Duration, Instant};

use weir_hub::{EndReason, Hub};
use weir_srt::caller::CallError;
use weir_srt::connection::{Closed, Event, Statistics};
use weir_srt::handshake::Reject;

use super::board::{Board, Progress, Standing};
use super::carrier::{Attempt, Outcome};
use super::config::StartRule;
use super::failure::{Failure, FailureCode};
use super::order::Order;
use super::reading::{Point, Reading};
use super::srt_call;
use super::state::Step;
use super::target::SrtTarget;
use crate::net::dial;
use crate::protocol::srt::dial::{DialError, dial as call};
use crate::protocol::srt::link::Link;
use crate::protocol::srt::links::{self, Links, Place};
use crate::protocol::srt::player::{Player, Stopped, Tail};
use crate::protocol::srt::{PROTOCOL, Role};

/// How often it is written down how the connection stands.
const LOOK: Duration = Duration::from_millis(250);

/// Carries streams by SRT.
#[derive(Debug)]
pub(super) struct Carrier {
    hub: Hub,
    links: Links,
    /// A connection that waits for a stream.
    kept: Option<Kept>,
}

/// A connection, and what has been sent over it.
#[derive(Debug)]
struct Kept {
    target: SrtTarget,
    link: Link,
    key_length: Option<usize>,
    tail: Tail,
}

impl Carrier {
    pub(super) const fn new(hub: Hub, links: Links) -> Self {
        Self { hub, links, kept: None }
    }

    /// Calls `target` and sends until something ends it.
    pub(super) async fn carry(&mut self, target: SrtTarget, mut attempt: Attempt<'_>) -> Outcome {
        let (board, order, path) = (attempt.board, attempt.order, attempt.path);
        let opened = match self.take_kept(&target) {
            Some(kept) => Ok(kept),
            None => tokio::select! {
                opened = open(target, board) => opened,
                () = attempt.interrupted() => return Outcome::Interrupted,
            },
        };
        let kept = match opened {
            Ok(kept) => kept,
            Err(failure) => return Outcome::Failed(failure),
        };
        // Only now, so that it begins where the stream is now.
        let Some(reading) = Reading::of(&self.hub, path, order, board, PROTOCOL) else {
            self.keep(order, kept);
            return Outcome::StreamEnded;
        };
        let Kept { target, link, key_length, tail } = kept;
        let player = Player::after(tail, reading.subscriber);
        board.stands(Standing::Live);
        tracing::info!(destination = order.config.id, stream = %path, peer = %link.peer(), "live over SRT");
        let place = self.links.enter(links::Link {
            role: Role::Push(player.subscriber().id()),
            path: path.clone(),
            peer: link.peer(),
            version: link.connection().peer_version(),
            key_length,
            statistics: link.connection().statistics(Instant::now()),
            faults: None,
        });
        let mut leg = Leg { link, player, board, place, seen: Seen::default() };
        let outcome = tokio::select! {
            outcome = leg.send() => outcome,
            () = attempt.interrupted() => Outcome::Interrupted,
        };
        // What was sent last counts too.
        leg.look(Instant::now());
        board.leaves(Point::of(leg.player.subscriber()));
        let goes_on = order.config.start == StartRule::Always;
        if outcome == Outcome::StreamEnded && !goes_on {
            tokio::select! {
                () = leg.link.see_off() => {}
                () = attempt.interrupted() => {}
            }
        }
        let Leg { mut link, player, .. } = leg;
        if outcome == Outcome::StreamEnded {
            self.keep(order, Kept { target, link, key_length, tail: player.into_tail() });
        } else {
            link.close(Instant::now());
        }
        outcome
    }

    /// Calls before there is a stream, and cares for the connection.
    pub(super) async fn stand_by(&mut self, target: SrtTarget, board: &Board) -> Failure {
        let kept = match self.take_kept(&target) {
            Some(kept) => kept,
            None => match open(target, board).await {
                Ok(kept) => kept,
                Err(failure) => return failure,
            },
        };
        board.stands(Standing::Live);
        let kept = self.kept.insert(kept);
        let failure = idle(&mut kept.link, board).await;
        self.kept = None;
        failure
    }

    /// Ends the connection that waits for a stream.
    pub(super) fn release(&mut self) {
        if let Some(mut kept) = self.kept.take() {
            kept.link.close(Instant::now());
        }
    }

    /// The connection that waits, where it leads to `target`.
    fn take_kept(&mut self, target: &SrtTarget) -> Option<Kept> {
        let mut kept = self.kept.take()?;
        if kept.target == *target {
            return Some(kept);
        }
        kept.link.close(Instant::now());
        None
    }

    /// Keeps a connection whose stream is over, where the start rule says so.
    fn keep(&mut self, order: &Order, mut kept: Kept) {
        if order.config.start == StartRule::Always {
            self.kept = Some(kept);
        } else {
            kept.link.close(Instant::now());
        }
    }
}

/// Keeps a connection alive that has no stream to send; ends when the other end does. Cancel-safe.
async fn idle(link: &mut Link, board: &Board) -> Failure {
    let mut look = Instant::now();
    loop {
        let now = Instant::now();
        let ran = link.run(now);
        while let Some(event) = link.next_event() {
            if let Event::Closed(why) = event {
                return of_closed(why);
            }
        }
        if let Err(error) = ran {
            return network(&error.to_string());
        }
        if now >= look {
            let statistics = link.connection().statistics(now);
            board.progress(Progress {
                queued: 0,
                unacknowledged: Some(statistics.byte_snd_buf),
                rtt: rtt(&statistics),
            });
            look = now + LOOK;
        }
        tokio::select! {
            () = link.wait() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

fn rtt(statistics: &Statistics) -> Option<Duration> {
    Some(Duration::from_secs_f64(statistics.ms_rtt.max(0.0) / 1e3))
}

/// A stream on its way.
struct Leg<'a> {
    link: Link,
    player: Player,
    board: &'a Board,
    place: Place,
    seen: Seen,
}

/// What was written down last.
#[derive(Debug, Default)]
struct Seen {
    at: Option<Instant>,
    payload_bytes: u64,
    frames: u64,
    skipped: u64,
    acks: u64,
    /// Bytes that had been given up when the peer last acknowledged anything.
    given_up: u64,
}

impl Leg<'_> {
    async fn send(&mut self) -> Outcome {
        loop {
            let now = Instant::now();
            let ran = self.link.run(now);
            let mut closed = None;
            while let Some(event) = self.link.next_event() {
                if let Event::Closed(why) = event {
                    closed = Some(why);
                }
            }
            let before = self.player.counts().frames;
            let filled = self.player.fill(&mut self.link, now);
            let flushed = ran.and_then(|()| self.link.flush());
            if self.player.counts().frames > before {
                self.board.write_took(now.elapsed());
            }
            if closed.is_some() || self.seen.at.is_none_or(|at| now.saturating_duration_since(at) >= LOOK) {
                self.look(now);
            }
            match (flushed, closed, filled) {
                (Err(error), ..) => return Outcome::Failed(network(&error.to_string())),
                (_, Some(why), _) => return Outcome::Failed(of_closed(why)),
                (_, _, Err(Stopped::Ended(reason))) => return of_end(reason),
                (_, _, Err(Stopped::NothingFits(codec))) => {
                    return Outcome::Failed(Failure::new(
                        FailureCode::CodecRefused,
                        format!("SRT carries MPEG-TS, which has no place for {codec}."),
                        "Choose H.264 or H.265 with AAC in the encoder, or an RTMP destination.",
                    ));
                }
                (Ok(()), None, Ok(())) => {}
            }
            tokio::select! {
                () = self.link.wait() => {}
                () = self.player.ready() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    /// Writes down how the connection stands.
    fn look(&mut self, now: Instant) {
        self.seen.at = Some(now);
        let statistics = self.link.connection().statistics(now);
        let counts = self.player.counts();
        self.board.wrote(usize::try_from(counts.bytes - self.seen.payload_bytes).unwrap_or(usize::MAX));
        self.board.counted(counts.frames - self.seen.frames, counts.skipped - self.seen.skipped);
        (self.seen.payload_bytes, self.seen.frames, self.seen.skipped) = (counts.bytes, counts.frames, counts.skipped);
        self.board.progress(self.progress(&statistics));
        self.board.is_behind(
            Duration::from_millis(statistics.ms_snd_buf).saturating_sub(self.link.connection().latency().send),
        );
        self.place.update(|known| known.statistics = statistics);
    }

    /// What the peer has really acknowledged: what was given up because nobody acknowledged it is not among that.
    fn progress(&mut self, statistics: &Statistics) -> Progress {
        if statistics.pkt_recv_ack > self.seen.acks {
            self.seen.acks = statistics.pkt_recv_ack;
            self.seen.given_up = statistics.byte_snd_drop;
        }
        let given_up = statistics.byte_snd_drop - self.seen.given_up;
        Progress { queued: 0, unacknowledged: Some(statistics.byte_snd_buf + given_up), rtt: rtt(statistics) }
    }
}

/// Looks the name up and calls each of its addresses in turn.
async fn open(target: SrtTarget, board: &Board) -> Result<Kept, Failure> {
    let wanted = srt_call::read(&target.parameters)?;
    let key_length = wanted.passphrase.is_some().then(|| wanted.key_length.map_or(16, |length| length.bytes()));
    board.stands(Standing::Connecting(Step::Dns));
    let addresses = dial::resolve(&target.host, target.port).await.map_err(|error| Failure::of_dial(&error))?;
    board.stands(Standing::Connecting(Step::Handshake));
    let mut last = None;
    for address in addresses {
        match call(address, wanted.clone()).await {
            Ok(link) => return Ok(Kept { target, link, key_length, tail: Tail::default() }),
            // Another address may answer; a refusal is an answer.
            Err(error @ (DialError::Call(CallError::Timeout(_)) | DialError::Socket(_))) => last = Some(error),
            Err(error) => return Err(of_dial(&error)),
        }
    }
    Err(last.as_ref().map_or_else(|| network("the name has no address"), of_dial))
}

fn of_dial(error: &DialError) -> Failure {
    let call = match error {
        DialError::Socket(error) => return network(&error.to_string()),
        DialError::Call(call) => call,
    };
    let said = format!("The destination's SRT listener: {call}.");
    match call {
        CallError::Timeout(_) => Failure::new(
            FailureCode::TimedOut,
            said,
            "Compare address and port with the destination's page; the way there must let UDP through.",
        ),
        CallError::Rejected(reject) => of_reject(*reject, said),
        CallError::Shutdown => Failure::new(FailureCode::ClosedByPeer, said, "Weir tries again by itself."),
        CallError::TooOld(_) => Failure::new(
            FailureCode::Refused,
            said,
            "The destination must update its SRT server to version 1.3 or newer.",
        ),
        CallError::Malformed(_) | CallError::Incomplete(_) => {
            Failure::new(FailureCode::Refused, said, "Check that what listens there speaks SRT.")
        }
        CallError::Keys(_) => Failure::new(FailureCode::KeyRefused, said, "Compare the passphrase of both ends."),
        CallError::StreamIdTooLong(_) => Failure::new(FailureCode::InvalidUrl, said, "Enter a shorter stream id."),
    }
}

fn of_reject(reject: Reject, said: String) -> Failure {
    let (code, hint) = match reject {
        Reject::BAD_SECRET => (FailureCode::KeyRefused, "Enter the destination's passphrase again; capitals matter."),
        Reject::UNSECURE => (
            FailureCode::KeyRefused,
            "One end has a passphrase and the other has none: enter the destination's, or remove ours.",
        ),
        Reject::UNAUTHORIZED | Reject::FORBIDDEN => {
            (FailureCode::KeyRefused, "Copy stream id and token from the destination's page again.")
        }
        Reject::BAD_REQUEST | Reject::NOT_FOUND | Reject::BAD_MODE | Reject::KEY_UNSUPPORTED => {
            (FailureCode::AppRefused, "Compare the stream id with the one that the destination shows.")
        }
        Reject::CONFLICT | Reject::LOCKED => (
            FailureCode::AlreadyPublishing,
            "If nothing else streams there, an old session is still open: Weir tries again by itself.",
        ),
        Reject::MEDIA_TYPE => (FailureCode::CodecRefused, "Choose H.264 with AAC in the encoder."),
        Reject::CRYPTO | Reject::UNACCEPTABLE => {
            (FailureCode::KeyRefused, "Set the key length (pbkeylen) that the destination asks for.")
        }
        Reject::PEER => (
            FailureCode::Refused,
            "Check stream id and passphrase: many servers say no more when one of them is wrong. Weir tries again by itself.",
        ),
        Reject::MESSAGE_API | Reject::CONGESTION => {
            (FailureCode::Refused, "The destination waits for files: set its SRT server to live mode (transtype=live).")
        }
        _ => (FailureCode::Refused, "Weir tries again by itself; the destination's page may say more."),
    };
    Failure::new(code, said, hint)
}

fn of_closed(why: Closed) -> Failure {
    match why {
        Closed::Idle(_) => Failure::new(
            FailureCode::Stalled,
            format!("The destination is gone: {why}."),
            "Weir connects again by itself; check the network if this goes on.",
        ),
        Closed::ByPeer | Closed::ByUs => Failure::new(
            FailureCode::ClosedByPeer,
            "The destination closed the SRT connection.",
            "Weir connects again by itself; the destination's page may say why.",
        ),
    }
}

fn of_end(reason: EndReason) -> Outcome {
    match reason {
        EndReason::TooSlow => Outcome::Failed(Failure::new(
            FailureCode::TooSlow,
            "The destination takes less than the stream has.",
            "Lower the bitrate of the encoder, or check the upload of this network.",
        )),
        _ => Outcome::StreamEnded,
    }
}

fn network(error: &str) -> Failure {
    Failure::new(
        FailureCode::NetworkError,
        format!("The network cannot be used: {error}."),
        "Check the network; Weir tries again by itself.",
    )
}
