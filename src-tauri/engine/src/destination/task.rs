//! The life of a destination: wait for a stream, carry it, wait and try again.
//!
//! Retry belongs here and nowhere else. What carrying means is a [`Carrier`]'s business, so that the same life serves any
//! protocol, and so that the times between attempts can be tested without a network.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use weir_hub::{Hub, StreamId, StreamState};
use weir_media::StreamPath;

use super::board::{Board, Standing};
use super::carrier::{Attempt, Carrier, Outcome};
use super::checks::Checks;
use super::config::{BackupUse, StartRule};
use super::failure::{Class, Failure};
use super::network::Network;
use super::order::{Address, Order, Orders, Wish};
use super::reading::{Epoch, Point};
use super::retry::{Next, Retry};
use crate::problem::{Problems, Report};
use crate::supervise::End;

/// A server that asks for a new connection is obeyed at once when the old one has lasted this long: a planned restart. Sooner
/// it counts as a failure, or two servers could send us to and fro.
pub(super) const AGAIN_AT_ONCE: Duration = Duration::from_secs(10);

/// How often it is counted what passes while there is no connection.
const COUNT: Duration = Duration::from_secs(1);

/// How long a destination waits after a bug has ended its task.
const AFTER_BUG: Duration = Duration::from_secs(30);

/// A life, and after a bug (panic) another one: a destination that had ended for good would say that it waits.
pub(super) async fn live_on<C: Carrier, J: FnMut() -> f64 + Send>(mut begin: impl FnMut() -> Life<C, J>) -> End {
    let mut life = begin();
    loop {
        if let Ok(end) = AssertUnwindSafe(life.run()).catch_unwind().await {
            return end;
        }
        life = begin();
        life.after_bug().await;
    }
}

/// A destination's life. `jitter` yields numbers in 0..1.
pub(super) struct Life<C, J> {
    pub(super) hub: Hub,
    pub(super) problems: Problems,
    pub(super) board: Arc<Board>,
    pub(super) orders: Orders,
    /// Where what people did by hand is forgotten once it is over.
    pub(super) wishes: Arc<watch::Sender<Arc<Order>>>,
    /// The address it begins with.
    pub(super) home: Address,
    pub(super) network: Network,
    /// Shared with the connection to the second address, where both are sent to.
    pub(super) epoch: Epoch,
    pub(super) carrier: C,
    pub(super) jitter: J,
}

/// What comes of waiting for a stream.
enum Ready {
    /// There is one.
    Stream(StreamPath),
    /// The settings changed, or the destination is to stop.
    Interrupted,
    /// The connection that was to wait for it failed.
    Failed(Failure),
}

/// What ends a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Woken {
    /// The time has come, the network is back, or somebody does not want to wait.
    Try,
    /// The settings changed, or the destination is to stop.
    Interrupted,
    /// The stream is over.
    StreamEnded,
}

impl<C: Carrier, J: FnMut() -> f64 + Send> Life<C, J> {
    /// Lives until it is taken away.
    pub(super) async fn run(mut self) -> End {
        let (mut retry, mut address) = (Retry::default(), self.home);
        // The stream that it carries, or carried until somebody stopped it.
        let mut carried = None;
        while !self.orders.stop.is_cancelled() {
            let order = self.orders.current();
            self.board.ordered(Arc::clone(&order));
            self.board.carries(None);
            self.board.uses(address);
            let rest = match (order.config.enabled, order.runs()) {
                (false, _) => Some(Standing::Off),
                (true, false) => Some(Standing::Idle),
                (true, true) => None,
            };
            if let Some(rest) = rest {
                (retry, address) = (Retry::default(), self.home);
                self.carrier.release(&self.board).await;
                self.board.uses(address);
                self.board.stands(rest);
                if self.rest(&order, carried.as_ref()).await == Woken::StreamEnded {
                    carried = None;
                    self.forget_wish();
                }
                continue;
            }
            let path = match self.stream(&order, address).await {
                Ready::Stream(path) => path,
                Ready::Interrupted => {
                    self.carrier.release(&self.board).await;
                    continue;
                }
                Ready::Failed(reason) => {
                    if self.failed(&mut retry, &mut address, &order, None, reason).await != Woken::Try {
                        (retry, address) = (Retry::default(), self.home);
                    }
                    continue;
                }
            };
            self.board.carries(Some(&path));
            self.network.look();
            let begins = self.hub.stream(&path).map(|stream| Point::to_begin(&stream, &self.board));
            carried = begins.map(|begins| (path.clone(), begins.stream));
            let reason = match self.attempt(&order, address, &path).await {
                Outcome::StreamEnded => Err(Woken::StreamEnded),
                Outcome::Interrupted => Err(Woken::Interrupted),
                Outcome::Again if self.board.live_for() >= AGAIN_AT_ONCE => Err(Woken::Try),
                Outcome::Again => Ok(Failure::asked_again()),
                Outcome::Failed(reason) => Ok(reason),
            };
            let woken = match reason {
                Ok(reason) => {
                    // One that never read the stream has missed it from here.
                    if let Some(place) = begins {
                        self.board.leaves(place);
                    }
                    self.failed(&mut retry, &mut address, &order, Some(&path), reason).await
                }
                Err(woken) => woken,
            };
            if woken != Woken::Try {
                (retry, address) = (Retry::default(), self.home);
            }
            if woken == Woken::StreamEnded {
                carried = None;
                self.forget_wish();
            }
        }
        self.carrier.release(&self.board).await;
        self.board.carries(None);
        End::Stopped
    }

    /// Says that a bug ended the life before, and waits.
    async fn after_bug(&mut self) {
        let order = self.orders.current();
        tracing::error!(destination = order.config.id, "ended by a bug in Weir (panic); it is begun anew");
        self.board.stands(Standing::Retrying { at: Instant::now() + AFTER_BUG, reason: Failure::bug() });
        let retry = Arc::clone(&self.orders.retry);
        tokio::select! {
            () = tokio::time::sleep(AFTER_BUG) => {}
            () = retry.notified() => {}
            () = self.until_interrupted(&order, None) => {}
        }
    }

    /// Waits for other orders; and where somebody stopped it by hand, for the end of the stream that was meant: the one that it
    /// carried, or else the next one.
    async fn rest(&mut self, order: &Order, carried: Option<&(StreamPath, StreamId)>) -> Woken {
        let hub = self.hub.clone();
        let over = async {
            if order.wish == Wish::default() {
                return std::future::pending().await;
            }
            match carried {
                Some((path, id)) => this_stream_ends(&hub, path, *id).await,
                None => stream_ends(&hub, Some(&next_live(&hub, order).await)).await,
            }
        };
        tokio::select! {
            () = over => Woken::StreamEnded,
            () = self.until_interrupted(order, None) => Woken::Interrupted,
        }
    }

    /// Carries the stream, unless it is one that the service does not take, and as long as it is not.
    async fn attempt(&mut self, order: &Arc<Order>, address: Address, path: &StreamPath) -> Outcome {
        let checks = Checks::new(&self.hub, path, order.config.preset.as_deref());
        if let Some(failure) = checks.before(&self.board).await {
            return Outcome::Failed(failure);
        }
        let halt = CancellationToken::new();
        self.orders.halt = halt.clone();
        let epoch = (order.config.backup == BackupUse::Both).then_some(&self.epoch);
        let attempt = Attempt { order, address, path, board: &self.board, epoch, orders: &mut self.orders };
        let (outcome, failure) = {
            let carrying = self.carrier.carry(attempt);
            tokio::pin!(carrying);
            tokio::select! {
                outcome = &mut carrying => (outcome, None),
                failure = checks.during(&self.board) => {
                    halt.cancel();
                    (carrying.await, Some(failure))
                }
            }
        };
        // Waiting, which follows, must not take the end of this attempt for other orders.
        self.orders.halt = CancellationToken::new();
        match (outcome, failure) {
            (Outcome::Interrupted, Some(failure)) => Outcome::Failed(failure),
            (outcome, _) => outcome,
        }
    }

    /// A stream to carry, once there is one. Where the start rule says so, a connection waits for it.
    async fn stream(&mut self, order: &Order, address: Address) -> Ready {
        if let Some(path) = find_live(&self.hub, order) {
            return Ready::Stream(path);
        }
        let always = order.config.start == StartRule::Always;
        if !always {
            self.board.stands(Standing::Waiting);
        }
        let (hub, board) = (self.hub.clone(), Arc::clone(&self.board));
        let carrier = &mut self.carrier;
        let standing_by = async {
            if always { carrier.stand_by(order, address, &board).await } else { std::future::pending().await }
        };
        tokio::select! {
            path = next_live(&hub, order) => Ready::Stream(path),
            reason = standing_by => Ready::Failed(reason),
            () = self.orders.interrupted(order, None, |new| board.ordered(new)) => Ready::Interrupted,
        }
    }

    /// Says what went wrong and waits until there is a reason to try again, to `address`.
    async fn failed(
        &mut self,
        retry: &mut Retry,
        address: &mut Address,
        order: &Order,
        path: Option<&StreamPath>,
        reason: Failure,
    ) -> Woken {
        let addresses = (*address, order.other(*address));
        let next = retry.after(Instant::now(), &reason, self.board.live_for(), addresses, (self.jitter)());
        let name = order.config.id.as_str();
        match next {
            Next::Try(delay, next) => {
                tracing::warn!(destination = name, seconds = (delay.as_secs_f64() * 10.0).round() / 10.0, %reason, "trying again later");
                *address = next;
                self.board.uses(next);
                let (at, broken) = (Instant::now() + delay, reason.code.class() == Class::Network);
                self.board.stands(Standing::Retrying { at, reason });
                self.carrier.release(&self.board).await;
                let network = self.network.clone();
                let back = async move { if broken { network.back().await } else { std::future::pending().await } };
                self.wait(order, path, async {
                    tokio::select! { () = tokio::time::sleep_until(at) => {}, () = back => {} }
                })
                .await
            }
            Next::Stop => {
                self.report(order, path, &reason);
                let hub = self.hub.clone();
                let other_tracks = reason.code == super::FailureCode::CodecRefused;
                self.board.stands(Standing::Stopped(reason));
                // Nobody would care for a connection that was kept while this waits.
                self.carrier.release(&self.board).await;
                let changed = async move {
                    if other_tracks { tracks_change(&hub, path).await } else { std::future::pending().await }
                };
                *retry = Retry::default();
                *address = self.home;
                self.wait(order, path, changed).await
            }
        }
    }

    /// Waits for `ready`, somebody who does not want to wait, the end of the stream, or other orders.
    async fn wait(&mut self, order: &Order, path: Option<&StreamPath>, ready: impl Future<Output = ()>) -> Woken {
        let (hub, retry) = (self.hub.clone(), Arc::clone(&self.orders.retry));
        let board = Arc::clone(&self.board);
        tokio::select! {
            () = ready => Woken::Try,
            () = count_missed(&hub, path, &board) => Woken::Try,
            () = retry.notified() => Woken::Try,
            () = stream_ends(&hub, path) => Woken::StreamEnded,
            // What failed was only to wait for a stream.
            _ = next_live(&hub, order), if path.is_none() => Woken::Try,
            () = self.until_interrupted(order, path) => Woken::Interrupted,
        }
    }

    /// Puts a destination that has stopped among the problems, which people see wherever they are.
    fn report(&self, order: &Order, path: Option<&StreamPath>, reason: &Failure) {
        let name = Some(order.config.name.as_str()).filter(|name| !name.is_empty()).unwrap_or(&order.config.id);
        self.problems.report(Report {
            code: "destination_stopped",
            message: match self.home {
                Address::Primary => format!("{name} has stopped. {}", reason.message),
                // Only where both are sent to; the first one goes on.
                Address::Backup => format!("The second address of {name} has stopped. {}", reason.message),
            },
            hint: reason.hint.clone(),
            path: path.map(|path| path.as_str().to_owned()),
            peer: Some(name.to_owned()),
        });
    }

    fn forget_wish(&self) {
        self.wishes.send_if_modified(|order| {
            let wished = order.wish != Wish::default();
            if wished {
                *order = Arc::new(Order { wish: Wish::default(), ..Order::clone(order) });
            }
            wished
        });
    }

    async fn until_interrupted(&mut self, order: &Order, path: Option<&StreamPath>) {
        let board = &self.board;
        self.orders.interrupted(order, path, |new| board.ordered(new)).await;
    }
}

/// Of the live streams that it takes, the one that has been live longest.
fn find_live(hub: &Hub, order: &Order) -> Option<StreamPath> {
    let live = hub.streams().into_iter().filter(|stream| stream.state == StreamState::Live);
    live.filter(|stream| order.takes(&stream.path)).max_by_key(|stream| stream.uptime).map(|stream| stream.path)
}

async fn next_live(hub: &Hub, order: &Order) -> StreamPath {
    // Asked before the first wait too: a stream that starts between two looks is not missed.
    until(
        hub,
        |hub| find_live(hub, order),
        |event| matches!(event, weir_hub::Event::PublishStarted { path, .. } if order.takes(path)),
    )
    .await
}

/// Resolves when there is no such stream any more; never without one.
async fn stream_ends(hub: &Hub, path: Option<&StreamPath>) {
    let Some(path) = path else { return std::future::pending().await };
    if let Some(stream) = hub.stream(path) {
        this_stream_ends(hub, path, stream.id).await;
    }
}

/// The same; another one of the same name that begins at once hides it not.
async fn this_stream_ends(hub: &Hub, path: &StreamPath, id: StreamId) {
    until(
        hub,
        |hub| hub.stream(path).is_none_or(|stream| stream.id != id).then_some(()),
        |event| matches!(event, weir_hub::Event::StreamEnded { path: ended, .. } if ended == path),
    )
    .await;
}

/// Writes down again and again how much of the stream has passed; never resolves.
async fn count_missed(hub: &Hub, path: Option<&StreamPath>, board: &Board) {
    while let Some(stream) = path.and_then(|path| hub.stream(path)) {
        board.passes(Point::end_of(&stream));
        tokio::time::sleep(COUNT).await;
    }
    std::future::pending().await
}

/// Resolves when the stream's tracks become others.
async fn tracks_change(hub: &Hub, path: Option<&StreamPath>) {
    let Some(path) = path else { return std::future::pending().await };
    let mut events = hub.events();
    loop {
        match events.recv().await {
            Ok(weir_hub::Event::TracksChanged { path: changed, .. }) if changed == *path => return,
            Err(RecvError::Lagged(_)) => return,
            Ok(_) => {}
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

/// Looks until `look` finds something; again after each event that is a `reason`.
async fn until<T>(hub: &Hub, look: impl Fn(&Hub) -> Option<T>, reason: impl Fn(&weir_hub::Event) -> bool) -> T {
    loop {
        // Listening first, so that nothing is missed between the look and the wait.
        let mut events = hub.events();
        if let Some(found) = look(hub) {
            return found;
        }
        loop {
            match events.recv().await {
                Ok(event) if reason(&event) => break,
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => break,
                Err(RecvError::Closed) => std::future::pending().await,
            }
        }
    }
}

#[cfg(test)]
mod tests;
