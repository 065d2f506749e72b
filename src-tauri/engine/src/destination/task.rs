//! The life of a destination: wait for a stream, carry it, wait and try again.
//!
//! Retry belongs here and nowhere else. What carrying means is a [`Carrier`]'s business, so that the same life serves any
//! protocol, and so that the times between attempts can be tested without a network.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;
use weir_hub::{Hub, StreamState};
use weir_media::StreamPath;

use super::backoff::Backoff;
use super::board::{Board, Standing};
use super::failure::Failure;
use super::order::{Order, Orders};
use crate::streams::StreamPattern;
use crate::supervise::End;

/// Why carrying a stream ended.
#[derive(Debug, PartialEq)]
pub(super) enum Outcome {
    /// The stream is over.
    StreamEnded,
    /// The server asked to be connected to anew.
    Again,
    /// Another order came, or the destination is to stop.
    Interrupted,
    /// The connection failed; another attempt may help.
    Failed(Failure),
    /// No attempt helps before the settings change.
    Hopeless(Failure),
}

/// Carries a stream to a server, from the first look-up of its name to the end of the connection.
pub(super) trait Carrier: Send {
    /// Connects and sends until something ends it.
    fn carry(
        &mut self,
        order: &Arc<Order>,
        path: &StreamPath,
        board: &Board,
        orders: &mut Orders,
    ) -> impl Future<Output = Outcome> + Send;
}

/// A server that asks for a new connection is obeyed at once when the old one has lasted this long: a planned restart. Sooner
/// it counts as a failure, or two servers could send us to and fro.
pub(super) const AGAIN_AT_ONCE: Duration = Duration::from_secs(10);

/// A destination's life. `jitter` yields numbers in 0..1.
pub(super) struct Life<C, J> {
    pub(super) hub: Hub,
    pub(super) board: Arc<Board>,
    pub(super) orders: Orders,
    pub(super) carrier: C,
    pub(super) jitter: J,
}

impl<C: Carrier, J: FnMut() -> f64 + Send> Life<C, J> {
    /// Lives until it is taken away.
    pub(super) async fn run(mut self) -> End {
        let mut backoff = Backoff::default();
        while !self.orders.stop.is_cancelled() {
            let order = self.orders.current();
            self.board.ordered(Arc::clone(&order));
            self.board.carries(None);
            if !order.config.enabled {
                backoff = Backoff::default();
                self.board.stands(Standing::Off);
                self.until_interrupted(&order, None).await;
                continue;
            }
            let Some(path) = self.stream(&order).await else { continue };
            self.board.carries(Some(&path));
            let outcome = self.carrier.carry(&order, &path, &self.board, &mut self.orders).await;
            match outcome {
                Outcome::StreamEnded => backoff = Backoff::default(),
                Outcome::Interrupted => {}
                Outcome::Again if self.board.live_for() >= AGAIN_AT_ONCE => {}
                Outcome::Again => self.wait(&mut backoff, &order, &path, Failure::asked_again()).await,
                Outcome::Failed(reason) => self.wait(&mut backoff, &order, &path, reason).await,
                Outcome::Hopeless(reason) => {
                    self.board.carries(None);
                    self.board.stands(Standing::Stopped(reason));
                    self.until_interrupted(&order, None).await;
                }
            }
        }
        self.board.carries(None);
        End::Stopped
    }

    /// A stream to carry, once there is one; `None` when the order changed meanwhile.
    async fn stream(&mut self, order: &Order) -> Option<StreamPath> {
        if let Some(path) = find_live(&self.hub, &order.config.streams) {
            return Some(path);
        }
        self.board.stands(Standing::Waiting);
        let hub = self.hub.clone();
        tokio::select! {
            path = next_live(&hub, &order.config.streams) => Some(path),
            () = self.until_interrupted(order, None) => None,
        }
    }

    /// Waits before the next attempt.
    async fn wait(&mut self, backoff: &mut Backoff, order: &Order, path: &StreamPath, reason: Failure) {
        let delay = backoff.after_failure(self.board.live_for(), reason.at_least(), (self.jitter)());
        tracing::warn!(destination = order.config.id, seconds = delay.as_secs_f64(), %reason, "trying again later");
        let at = Instant::now() + delay;
        self.board.stands(Standing::Retrying { at, reason });
        let retry = Arc::clone(&self.orders.retry);
        tokio::select! {
            () = tokio::time::sleep_until(at) => {}
            () = retry.notified() => {}
            () = self.until_interrupted(order, Some(path)) => *backoff = Backoff::default(),
        }
    }

    async fn until_interrupted(&mut self, order: &Order, path: Option<&StreamPath>) {
        let board = &self.board;
        self.orders.interrupted(order, path, |new| board.ordered(new)).await;
    }
}

/// Of the live streams that match, the one that has been live longest.
fn find_live(hub: &Hub, pattern: &StreamPattern) -> Option<StreamPath> {
    let live = hub.streams().into_iter().filter(|stream| stream.state == StreamState::Live);
    live.filter(|stream| pattern.matches(&stream.path)).max_by_key(|stream| stream.uptime).map(|stream| stream.path)
}

async fn next_live(hub: &Hub, pattern: &StreamPattern) -> StreamPath {
    loop {
        let mut events = hub.events();
        // Listening first: a stream that starts between the look and the wait is not missed.
        if let Some(path) = find_live(hub, pattern) {
            return path;
        }
        loop {
            match events.recv().await {
                Ok(weir_hub::Event::PublishStarted { path, .. }) if pattern.matches(&path) => break,
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => break,
                Err(RecvError::Closed) => std::future::pending().await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::sync::{Notify, watch};
    use tokio_util::sync::CancellationToken;
    use weir_hub::{HubOptions, Origin, Publisher};

    use super::super::config::Config;
    use super::super::failure::FailureCode;
    use super::super::state::{State, Step};
    use super::*;
    use crate::event::Events;

    /// Fails as the script says: after so long a connection, with so much time since the beginning noted.
    struct Scripted {
        start: Instant,
        attempts: Arc<Mutex<Vec<(u64, String)>>>,
        script: Box<dyn FnMut(usize) -> (Duration, FailureCode) + Send>,
    }

    impl Carrier for Scripted {
        async fn carry(
            &mut self,
            order: &Arc<Order>,
            path: &StreamPath,
            board: &Board,
            orders: &mut Orders,
        ) -> Outcome {
            let attempt = {
                let mut attempts = self.attempts.lock().unwrap();
                attempts.push((self.start.elapsed().as_secs(), path.to_string()));
                attempts.len()
            };
            let (live, code) = (self.script)(attempt);
            board.stands(Standing::Connecting(Step::Dns));
            if !live.is_zero() {
                board.stands(Standing::Live);
            }
            tokio::select! {
                () = tokio::time::sleep(live) => match code {
                    // Stands for a server that asks for a new connection.
                    FailureCode::Unreachable => Outcome::Again,
                    FailureCode::InvalidUrl => Outcome::Hopeless(Failure::new(code, "m", "h")),
                    _ => Outcome::Failed(Failure::new(code, "m", "h")),
                },
                () = orders.interrupted(order, Some(path), |new| board.ordered(new)) => Outcome::Interrupted,
            }
        }
    }

    struct Rig {
        hub: Hub,
        attempts: Arc<Mutex<Vec<(u64, String)>>>,
        board: Arc<Board>,
        order: watch::Sender<Arc<Order>>,
        retry: Arc<Notify>,
        stop: CancellationToken,
        life: tokio::task::JoinHandle<End>,
    }

    fn config(streams: &str, enabled: bool) -> Arc<Order> {
        let streams = streams.to_owned().try_into().unwrap();
        let config = Config { id: "a".into(), name: String::new(), url: "rtmp://h/app".into(), streams, enabled };
        Arc::new(Order { config, key: None })
    }

    fn rig(streams: &str, script: impl FnMut(usize) -> (Duration, FailureCode) + Send + 'static) -> Rig {
        let hub = Hub::new(HubOptions::default());
        let attempts: Arc<Mutex<Vec<_>>> = Arc::default();
        let scripted = Scripted { start: Instant::now(), attempts: Arc::clone(&attempts), script: Box::new(script) };
        let board = Arc::new(Board::new(config(streams, true), Events::default()));
        let (order, orders) = watch::channel(config(streams, true));
        let (retry, stop) = (Arc::<Notify>::default(), CancellationToken::new());
        let orders = Orders { stop: stop.clone(), order: orders, retry: Arc::clone(&retry) };
        let life = Life { hub: hub.clone(), board: Arc::clone(&board), orders, carrier: scripted, jitter: || 0.0 };
        let life = tokio::spawn(life.run());
        Rig { hub, attempts, board, order, retry, stop, life }
    }

    fn publish(hub: &Hub, path: &str) -> Publisher {
        hub.publish(&StreamPath::parse(path).unwrap(), Origin::internal("test")).unwrap()
    }

    const REFUSED: (Duration, FailureCode) = (Duration::ZERO, FailureCode::Refused);

    impl Rig {
        fn times(&self) -> Vec<u64> {
            self.attempts.lock().unwrap().iter().map(|(at, _)| *at).collect()
        }
    }

    /// Fault 15 of the predecessor: it dialled once, at start-up, and never again.
    #[tokio::test(start_paused = true)]
    async fn a_failed_destination_is_tried_again_with_growing_delays() {
        let rig = rig("*", |_| REFUSED);
        let _publisher = publish(&rig.hub, "live/show");
        tokio::time::sleep(Duration::from_secs(200)).await;
        assert_eq!(rig.times(), [0, 2, 6, 14, 30, 62, 122, 182]);
        let status = rig.board.status();
        assert!(matches!(status.state, State::Retrying { in_seconds, .. } if (41.0..=42.0).contains(&in_seconds)));
        assert_eq!(status.last_error.unwrap().failure.code, FailureCode::Refused);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stable_minute_begins_again_at_two_seconds_and_counts_reconnects() {
        let minute =
            |attempt| if attempt == 4 { (Duration::from_secs(70), FailureCode::ClosedByPeer) } else { REFUSED };
        let rig = rig("*", minute);
        let _publisher = publish(&rig.hub, "live/show");
        tokio::time::sleep(Duration::from_secs(100)).await;
        assert_eq!(rig.times(), [0, 2, 6, 14, 86, 90, 98]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stale_session_at_the_other_end_is_given_ten_seconds() {
        let rig = rig("*", |_| (Duration::ZERO, FailureCode::AlreadyPublishing));
        let _publisher = publish(&rig.hub, "live/show");
        tokio::time::sleep(Duration::from_secs(45)).await;
        assert_eq!(rig.times(), [0, 10, 20, 30]);
    }

    #[tokio::test(start_paused = true)]
    async fn it_waits_for_a_stream_that_it_takes_and_carries_one_at_a_time() {
        let rig = rig("live/*", |_| (Duration::from_secs(3600), FailureCode::ClosedByPeer));
        let _other = publish(&rig.hub, "other/show");
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(rig.board.status().state, State::WaitingForStream);
        let _first = publish(&rig.hub, "live/one");
        tokio::time::sleep(Duration::from_secs(5)).await;
        let _second = publish(&rig.hub, "live/two");
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(*rig.attempts.lock().unwrap(), [(5, "live/one".to_owned())]);
        assert_eq!(rig.board.status().state, State::Live);
    }

    #[tokio::test(start_paused = true)]
    async fn trying_now_ends_the_wait_and_switching_off_ends_everything() {
        let rig = rig("*", |_| REFUSED);
        let _publisher = publish(&rig.hub, "live/show");
        tokio::time::sleep(Duration::from_secs(15)).await;
        assert_eq!(rig.times(), [0, 2, 6, 14]);
        rig.retry.notify_waiters();
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(rig.times(), [0, 2, 6, 14, 15]);
        rig.order.send_replace(config("*", false));
        tokio::time::sleep(Duration::from_secs(300)).await;
        assert_eq!(rig.times().len(), 5);
        assert_eq!(rig.board.status().state, State::Off);
        rig.stop.cancel();
        assert_eq!(rig.life.await.unwrap(), End::Stopped);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_asks_for_a_new_connection_is_obeyed_at_once_but_not_in_a_loop() {
        let asks = |attempt| match attempt {
            1 => (Duration::from_secs(30), FailureCode::Unreachable),
            2 | 3 => (Duration::from_secs(1), FailureCode::Unreachable),
            _ => (Duration::from_secs(3600), FailureCode::ClosedByPeer),
        };
        let rig = rig("*", asks);
        let _publisher = publish(&rig.hub, "live/show");
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(rig.times(), [0, 30, 33, 38]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_work_is_not_tried_again_until_the_settings_change() {
        let rig = rig("*", |_| (Duration::ZERO, FailureCode::InvalidUrl));
        let _publisher = publish(&rig.hub, "live/show");
        tokio::time::sleep(Duration::from_secs(600)).await;
        assert_eq!(rig.times(), [0]);
        assert!(matches!(rig.board.status().state, State::Stopped { .. }));
        let mut other = Order::clone(&config("*", true));
        other.config.url = "rtmp://other/app".into();
        rig.order.send_replace(Arc::new(other));
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(rig.times(), [0, 600]);
    }
}
