//! Destinations: streams sent on to other servers, each by a task of its own that reads the stream like any other reader.
//!
//! A destination carries one stream at a time: several publishers are never mixed into one connection. It waits for a
//! stream, survives the publisher's grace time, tries again with growing delays, and never makes the publisher or another
//! destination wait: what a slow server does not take stays in the stream's ring, whose lag policy decides what is left
//! out.

mod board;
mod carrier;
mod checks;
mod config;
mod connection;
mod failure;
mod feed;
mod given;
mod kept;
mod known;
mod metadata;
mod network;
mod order;
mod outbox;
mod pace;
mod rate;
mod reading;
mod redact;
mod retry;
mod rtmp;
mod srt;
mod srt_call;
mod srt_key;
mod state;
mod status;
mod target;
mod task;
mod timeline;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use weir_hub::StreamState;
use weir_media::StreamPath;

use crate::engine::Context;
use crate::secrets::Secrets;
use crate::supervise::Supervisor;
use board::Board;
use carrier::Carriers;
use network::Network;
use order::{Address, Order, Orders, Wish};
use reading::Epoch;

pub use config::{BackupUse, Config, Selection, StartRule};
pub use failure::{Failure, FailureCode};
pub use given::{Given, GivenError};
pub use kept::Kept;
pub use known::Known;
pub use state::{State, Step};
pub use status::{Backup, LastError, Line, Status};

/// How long a shutdown waits for the servers to be told.
const PATIENCE: Duration = Duration::from_secs(2);

/// The name under which the key of a destination's address is kept with the secrets, and what else of it is secret ([`Kept`]).
pub fn secret_name(id: &str) -> String {
    format!("destination/{id}")
}

/// The same for its second address, which has a key of its own only if one was given.
pub fn backup_secret_name(id: &str) -> String {
    format!("destination/{id}/backup")
}

/// An address, of whatever is addressed, without what may be secret in it: of a page its path too, since services put keys there.
pub fn without_secrets(url: &str) -> String {
    let is_page = ["http://", "https://"].iter().any(|scheme| url.starts_with(scheme));
    if is_page { target::hide_all(url) } else { target::hide(url) }
}

/// Both addresses of a destination as they may be shown: keys, passwords and queries are `•••`.
pub fn shown(config: &Config, secrets: &Secrets) -> (String, Option<String>) {
    let order = ordered(config, secrets);
    let backup = config.backup_url.as_ref().map(|_| order.shown_url(Address::Backup));
    (order.shown_url(Address::Primary), backup)
}

fn ordered(config: &Config, secrets: &Secrets) -> Order {
    let kept = |name: &str| Kept::read(secrets.find(name).as_ref());
    Order {
        kept: kept(&secret_name(&config.id)),
        backup_kept: kept(&backup_secret_name(&config.id)),
        ..Order::new(config.clone())
    }
}

/// All destinations of an engine. Cheap to clone; clones share.
#[derive(Debug, Clone)]
pub struct Destinations(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    context: Context,
    secrets: Secrets,
    legs: Mutex<Vec<Leg>>,
    network: Network,
    tasks: Supervisor,
}

/// One destination from outside its tasks.
#[derive(Debug)]
struct Leg {
    id: String,
    order: Arc<watch::Sender<Arc<Order>>>,
    retry: Arc<Notify>,
    epoch: Epoch,
    main: Running,
    /// The connection to the second address, where both are sent to.
    second: Option<Running>,
}

/// One connection of a destination, which a task of its own cares for.
#[derive(Debug)]
struct Running {
    board: Arc<Board>,
    stop: CancellationToken,
}

impl Destinations {
    /// Begins to watch for streams to send. Keys are the secrets [`secret_name`] and [`backup_secret_name`].
    pub fn start(context: Context, config: &[Config], secrets: Secrets) -> Self {
        let tasks = context.supervisor.child();
        let network = Network::default();
        let watching = network.clone();
        let stopping = tasks.stopping().clone();
        tasks.spawn("network", async move {
            tokio::select! {
                end = watching.watch() => end,
                () = stopping.cancelled() => crate::supervise::End::Stopped,
            }
        });
        let destinations = Self(Arc::new(Inner { context, secrets, legs: Mutex::default(), network, tasks }));
        destinations.apply(config);
        destinations
    }

    /// Follows changed settings and keys; destinations that did not change go on.
    pub fn apply(&self, config: &[Config]) {
        // Held throughout: whoever looks meanwhile must not see half of the list.
        let mut legs = self.legs();
        let mut before = std::mem::take(&mut *legs);
        for config in config {
            let order = ordered(config, &self.0.secrets);
            let known = before.iter().position(|leg| leg.id == config.id).map(|at| before.swap_remove(at));
            let mut leg = match known {
                Some(leg) => {
                    leg.order.send_if_modified(|known| {
                        let order = Order { wish: known.wish.clone(), ..order };
                        let changed = **known != order;
                        *known = Arc::new(order);
                        changed
                    });
                    leg
                }
                None => self.begin(Arc::new(order)),
            };
            self.care_for_second(&mut leg);
            legs.push(leg);
        }
        for gone in before {
            gone.stop();
        }
    }

    /// All destinations in the order of the settings.
    pub fn status(&self) -> Vec<Status> {
        let mut list: Vec<Status> = self.legs().iter().map(Leg::status).collect();
        let live = self.0.context.hub.streams().into_iter().filter(|stream| stream.state == StreamState::Live);
        let live: Vec<_> = live.map(|stream| stream.path).collect();
        for status in list.iter_mut().filter(|status| status.path.is_some() && status.chosen.is_none()) {
            let left_out = live.iter().filter(|path| status.streams.takes(path, None));
            let left_out = left_out.filter(|path| status.path.as_deref() != Some(path.as_str()));
            status.also_waiting = left_out.map(|path| path.as_str().to_owned()).collect();
        }
        list
    }

    /// Starts a destination by hand, until its stream is over or it is stopped; with `path` it sends that stream, whatever its
    /// settings say. Returns whether there is such a destination.
    pub fn start_by_hand(&self, id: &str, path: Option<StreamPath>) -> bool {
        let found = self.wish(id, |wish| {
            wish.go = Some(true);
            wish.chosen = path.or_else(|| wish.chosen.take());
        });
        found && self.retry(id)
    }

    /// Stops a destination by hand: until its stream is over, or it is started. Returns whether there is such a destination.
    pub fn stop_by_hand(&self, id: &str) -> bool {
        self.wish(id, |wish| *wish = Wish { go: Some(false), chosen: None })
    }

    fn wish(&self, id: &str, change: impl FnOnce(&mut Wish)) -> bool {
        let legs = self.legs();
        let Some(leg) = legs.iter().find(|leg| leg.id == id) else { return false };
        leg.order.send_modify(|order| {
            let mut changed = Order::clone(order);
            change(&mut changed.wish);
            *order = Arc::new(changed);
        });
        // Whoever asks next must see it, though its task has not had a turn yet.
        leg.main.board.ordered(Arc::clone(&leg.order.borrow()));
        true
    }

    /// Tries again now instead of waiting for the next attempt. Returns whether there is such a destination.
    pub fn retry(&self, id: &str) -> bool {
        self.legs().iter().find(|leg| leg.id == id).map(|leg| leg.retry.notify_waiters()).is_some()
    }

    /// Tries again now, every one that waits for its next attempt.
    pub fn retry_all(&self) {
        self.legs().iter().for_each(|leg| leg.retry.notify_waiters());
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
        let id = order.config.id.clone();
        let (order, retry, epoch) = (Arc::new(watch::channel(order).0), Arc::default(), Epoch::default());
        let main = self.run(&order, &retry, &epoch, Address::Primary);
        Leg { id, order, retry, epoch, main, second: None }
    }

    /// Begins or ends the connection to the second address as the settings want it.
    fn care_for_second(&self, leg: &mut Leg) {
        let wanted = {
            let config = &leg.order.borrow().config;
            config.backup == BackupUse::Both && config.backup_url.is_some()
        };
        match (&leg.second, wanted) {
            (None, true) => {
                let second = self.run(&leg.order, &leg.retry, &leg.epoch, Address::Backup);
                leg.main.board.pair(&second.board);
                leg.second = Some(second);
            }
            (Some(second), false) => {
                leg.main.board.part(&second.board);
                second.stop.cancel();
                leg.second = None;
            }
            (None, false) | (Some(_), true) => {}
        }
    }

    fn run(
        &self,
        order: &Arc<watch::Sender<Arc<Order>>>,
        retry: &Arc<Notify>,
        epoch: &Epoch,
        home: Address,
    ) -> Running {
        let context = &self.0.context;
        let (now, stop) = (Arc::clone(&order.borrow()), self.0.tasks.stopping().child_token());
        let name = format!("destination {}", now.config.id);
        let board = Board::new(now, context.events.clone(), self.0.network.clone());
        let board = Arc::new(board.timed_by(context.timings.clone()));
        let begin = {
            let (context, board, network) = (context.clone(), Arc::clone(&board), self.0.network.clone());
            let (stop, order, retry, epoch) = (stop.clone(), Arc::clone(order), Arc::clone(retry), epoch.clone());
            move || task::Life {
                hub: context.hub.clone(),
                problems: context.problems.clone(),
                board: Arc::clone(&board),
                orders: Orders::new(stop.clone(), order.subscribe(), Arc::clone(&retry)),
                wishes: Arc::clone(&order),
                home,
                network: network.clone(),
                epoch: epoch.clone(),
                carrier: Carriers::new(context.hub.clone(), context.srt_links.clone()),
                jitter,
            }
        };
        self.0.tasks.spawn(name, task::live_on(begin));
        Running { board, stop }
    }
}

impl Leg {
    fn status(&self) -> Status {
        self.main.board.status()
    }

    fn stop(&self) {
        self.main.stop.cancel();
        if let Some(second) = &self.second {
            second.stop.cancel();
        }
    }
}

/// A number in 0..1 from the operating system; without one, delays lose their spread and nothing else.
fn jitter() -> f64 {
    getrandom::u32().map_or(0.5, |random| f64::from(random) / f64::from(u32::MAX))
}
