//! Destinations: streams sent on to other servers, each by a task of its own that reads the stream like any other reader.
//!
//! A destination carries one stream at a time: several publishers are never mixed into one connection. It waits for a
//! stream, survives the publisher's grace time, tries again with growing delays, and never makes the publisher or another
//! destination wait: what a slow server does not take stays in the stream's ring, whose lag policy decides what is left
//! out.

mod backoff;
mod board;
mod config;
mod connection;
mod failure;
mod feed;
mod given;
mod metadata;
mod order;
mod outbox;
mod pace;
mod redact;
mod rtmp;
mod state;
mod status;
mod task;
mod timeline;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use weir_hub::StreamState;

use crate::engine::Context;
use crate::secrets::Secrets;
use crate::supervise::Supervisor;
use board::Board;
use order::{Order, Orders};

pub use config::Config;
pub use failure::{Failure, FailureCode};
pub use given::{Given, GivenError};
pub use state::{State, Step};
pub use status::{LastError, Status};

/// How long a shutdown waits for the servers to be told.
const PATIENCE: Duration = Duration::from_secs(2);

/// All destinations of an engine. Cheap to clone; clones share.
#[derive(Debug, Clone)]
pub struct Destinations(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    context: Context,
    secrets: Secrets,
    legs: Mutex<Vec<Leg>>,
    tasks: Supervisor,
}

/// One destination from outside its task.
#[derive(Debug)]
struct Leg {
    id: String,
    order: watch::Sender<Arc<Order>>,
    board: Arc<Board>,
    retry: Arc<Notify>,
    stop: CancellationToken,
}

impl Destinations {
    /// Begins to watch for streams to send. Keys are the secrets `destination/<id>`.
    pub fn start(context: Context, config: &[Config], secrets: Secrets) -> Self {
        let tasks = context.supervisor.child();
        let destinations = Self(Arc::new(Inner { context, secrets, legs: Mutex::default(), tasks }));
        destinations.apply(config);
        destinations
    }

    /// Follows changed settings and keys; destinations that did not change go on.
    pub fn apply(&self, config: &[Config]) {
        // Held throughout: whoever looks meanwhile must not see half of the list.
        let mut legs = self.legs();
        let mut before = std::mem::take(&mut *legs);
        for config in config {
            let key = self.0.secrets.find(&format!("destination/{}", config.id));
            let order = Arc::new(Order { config: config.clone(), key });
            let known = before.iter().position(|leg| leg.id == config.id).map(|at| before.swap_remove(at));
            let leg = match known {
                Some(leg) => {
                    leg.order.send_if_modified(|known| {
                        let changed = **known != *order;
                        *known = order;
                        changed
                    });
                    leg
                }
                None => self.begin(order),
            };
            legs.push(leg);
        }
        for gone in before {
            gone.stop.cancel();
        }
    }

    /// All destinations in the order of the settings.
    pub fn status(&self) -> Vec<Status> {
        let mut list: Vec<Status> = self.legs().iter().map(|leg| leg.board.status()).collect();
        let live = self.0.context.hub.streams().into_iter().filter(|stream| stream.state == StreamState::Live);
        let live: Vec<_> = live.map(|stream| stream.path).collect();
        for status in list.iter_mut().filter(|status| status.path.is_some()) {
            let left_out = live.iter().filter(|path| status.streams.matches(path));
            let left_out = left_out.filter(|path| status.path.as_deref() != Some(path.as_str()));
            status.also_waiting = left_out.map(|path| path.as_str().to_owned()).collect();
        }
        list
    }

    /// Tries again now instead of waiting for the next attempt. Returns whether there is such a destination.
    pub fn retry(&self, id: &str) -> bool {
        self.legs().iter().find(|leg| leg.id == id).map(|leg| leg.retry.notify_waiters()).is_some()
    }

    /// Ends every connection politely.
    pub async fn shutdown(&self) {
        let left = self.0.tasks.shutdown(PATIENCE).await;
        if left > 0 {
            tracing::debug!(left, "destinations did not say goodbye in time");
        }
    }

    fn legs(&self) -> MutexGuard<'_, Vec<Leg>> {
        self.0.legs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, order: Arc<Order>) -> Leg {
        let board = Arc::new(Board::new(Arc::clone(&order), self.0.context.events.clone()));
        let (id, retry, stop) = (order.config.id.clone(), Arc::default(), self.0.tasks.stopping().child_token());
        let (order, orders) = watch::channel(order);
        let orders = Orders { stop: stop.clone(), order: orders, retry: Arc::clone(&retry) };
        let hub = self.0.context.hub.clone();
        let carrier = rtmp::Carrier::new(hub.clone());
        let life = task::Life { hub, board: Arc::clone(&board), orders, carrier, jitter };
        self.0.tasks.spawn(format!("destination {id}"), life.run());
        Leg { id, order, board, retry, stop }
    }
}

/// A number in 0..1 from the operating system; without one, delays lose their spread and nothing else.
fn jitter() -> f64 {
    getrandom::u32().map_or(0.5, |random| f64::from(random) / f64::from(u32::MAX))
}
