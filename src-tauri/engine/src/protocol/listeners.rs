//! The listeners of a server, which open, fail and come back each on their own. One that moves opens its new address before it
//! closes the old one, and goes on at the old one while the new one does not open.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;

use crate::engine::Context;
use crate::event::Event;
use crate::net::ListenAddress;
use crate::status::{self, ListenerState, Own};
use crate::supervise::{End, Supervisor};

/// How often a listener that failed is tried again.
const RETRY: Duration = Duration::from_secs(3);
/// How long what ends with a listener gets to say goodbye.
pub(super) const GOODBYE: Duration = Duration::from_secs(3);

/// Where to listen, and for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) address: ListenAddress,
    /// `rtmp`, `rtmps` or `srt`.
    pub(super) protocol: &'static str,
}

/// What serves the connections that come by its listeners. Clones share.
pub(super) trait Serves: Clone + Send + Sync + 'static {
    type Socket: Send + Sync + 'static;

    /// Connections use the socket of their listener, so they end with it.
    const SHARE_SOCKET: bool;

    fn context(&self) -> &Context;

    fn listeners(&self) -> &Listeners;

    /// What else of Weir wants ports of this kind.
    fn neighbours(&self) -> Vec<(Own, ListenAddress)>;

    fn local(socket: &Self::Socket) -> Option<SocketAddr>;

    fn open(&self, place: Place) -> impl Future<Output = Result<Vec<Self::Socket>, ListenerState>> + Send;

    /// Serves what comes until a socket breaks. What is to end with the listener runs in its tasks.
    fn serve(&self, listener: &Listener, sockets: Vec<Self::Socket>) -> impl Future<Output = ()> + Send;
}

/// The listeners that are wanted, in the order of the settings.
#[derive(Debug, Default)]
pub(super) struct Listeners {
    known: Mutex<Vec<Arc<Listener>>>,
    /// Held while any of them is opened, moved or closed.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
pub(super) struct Listener {
    pub(super) place: Place,
    pub(super) tasks: Supervisor,
    state: Mutex<ListenerState>,
    /// What goes on at another address as long as this one does not open.
    held: Mutex<Option<Arc<Self>>>,
}

impl Listeners {
    /// Those of `protocol`.
    pub(super) fn status(&self, protocol: &str) -> Vec<status::Listener> {
        let known = lock(&self.known);
        let alike = known.iter().filter(|listener| listener.place.protocol == protocol);
        alike.enumerate().map(|(at, listener)| listener.status(at)).collect()
    }

    fn all(&self) -> Vec<Arc<Listener>> {
        lock(&self.known).clone()
    }

    /// The tasks of each, what goes on elsewhere included.
    pub(super) fn tasks(&self) -> Vec<Supervisor> {
        let all = self.all();
        let held = all.iter().filter_map(|listener| lock(&listener.held).as_ref().map(|held| held.tasks.clone()));
        held.chain(all.iter().map(|listener| listener.tasks.clone())).collect()
    }

    /// What is to be told of `listener`, or of the one it goes on for.
    fn told(&self, listener: &Arc<Listener>) -> Option<status::Listener> {
        let known = self.all();
        let is = |known: &Arc<Listener>| {
            Arc::ptr_eq(known, listener) || lock(&known.held).as_ref().is_some_and(|held| Arc::ptr_eq(held, listener))
        };
        let mut alike = known.iter().filter(|known| known.place.protocol == listener.place.protocol).enumerate();
        alike.find(|(_, known)| is(known)).map(|(at, known)| known.status(at))
    }
}

impl Listener {
    fn status(&self, at: usize) -> status::Listener {
        let mut state = lock(&self.state).clone();
        if let ListenerState::Failed { bound, .. } = &mut state {
            *bound = lock(&self.held).as_ref().map(|held| held.bound()).unwrap_or_default();
        }
        status_of(at, self.place, state)
    }

    fn is_open(&self) -> bool {
        matches!(*lock(&self.state), ListenerState::Listening { .. })
    }

    fn bound(&self) -> Vec<SocketAddr> {
        match &*lock(&self.state) {
            ListenerState::Listening { bound } => bound.clone(),
            ListenerState::Off | ListenerState::Failed { .. } => Vec::new(),
        }
    }

    /// Whether `address` cannot be opened while this one is.
    fn is_in_the_way_of(&self, address: ListenAddress) -> bool {
        self.bound().iter().any(|bound| ListenAddress::One(*bound).meets(address))
    }

    fn release(&self) -> Option<Arc<Self>> {
        lock(&self.held).take()
    }

    /// Whether it may be tried again by itself: not at the cost of what goes on meanwhile.
    fn may_be_tried<S: Serves>(&self) -> bool {
        lock(&self.held).as_ref().is_none_or(|held| {
            // One of the tasks is the listener itself.
            let is_used = S::SHARE_SOCKET && held.tasks.running() > 1;
            !is_used && !held.is_in_the_way_of(self.place.address)
        })
    }
}

/// One that moves.
struct Move {
    /// Its place in the settings.
    at: usize,
    from: Option<From>,
    failed: Option<Arc<Listener>>,
}

/// Where it moves from.
struct From {
    listener: Arc<Listener>,
    port: u16,
    is_closed: bool,
}

impl From {
    /// Where it goes on when the new place does not open. Nobody is let in whom the new place would not let in.
    fn back(&self, wanted: Place) -> Place {
        let before = self.listener.place;
        let address = if shuts_out(before, wanted) { wanted.address } else { before.address };
        Place { address: address.with_port(self.port), ..before }
    }
}

/// Whether other devices reach `before` and are not to reach `wanted`.
const fn shuts_out(before: Place, wanted: Place) -> bool {
    wanted.address.is_loopback() && !before.address.is_loopback()
}

/// Opens what is wanted and closes what no longer is. What is as it was goes on; with `again` what does not open is tried at once.
pub(super) async fn follow<S: Serves>(server: &S, places: &[Place], again: bool) {
    let _turn = server.listeners().turn.lock().await;
    let (mut slots, old) = sort(server, places, again).await;
    let mut old = old.into_iter().map(Some).collect::<Vec<_>>();
    let fresh: Vec<usize> = (0..places.len()).filter(|at| slots.get(*at).is_some_and(Option::is_none)).collect();
    let new: Vec<Place> = fresh.iter().filter_map(|at| places.get(*at).copied()).collect();
    let mut moves = Vec::new();
    for (at, place) in fresh.iter().zip(&new) {
        let alike = |old: &&mut Option<Arc<Listener>>| {
            old.as_ref().is_some_and(|old| old.place.protocol == place.protocol && old.is_open())
        };
        let from = old.iter_mut().find(alike).and_then(Option::take).map(|listener| From {
            port: listener.bound().first().map_or(0, SocketAddr::port),
            is_closed: shuts_out(listener.place, *place)
                || new.iter().any(|place| listener.is_in_the_way_of(place.address)),
            listener,
        });
        moves.push(Move { at: *at, from, failed: None });
    }
    let first = moves.iter().filter_map(|one| one.from.as_ref()).filter(|from| from.is_closed);
    let first = first.map(|from| Arc::clone(&from.listener)).chain(old.into_iter().flatten());
    close(first.collect()).await;

    let mut left = Vec::new();
    for (one, place) in moves.iter_mut().zip(&new) {
        let opened = server.open(*place).await;
        if opened.is_ok() {
            left.extend(one.from.take().filter(|from| !from.is_closed).map(|from| from.listener));
        }
        let listener = start(server, *place, opened, places);
        if !listener.is_open() {
            one.failed = Some(Arc::clone(&listener));
        }
        if let Some(slot) = slots.get_mut(one.at) {
            *slot = Some(listener);
        }
    }
    // After everything that is wanted, so that it takes no port of that.
    for (one, place) in moves.into_iter().zip(&new) {
        let (Some(failed), Some(from)) = (one.failed, one.from) else { continue };
        let held = if from.is_closed { go_back(server, from.back(*place), *place).await } else { Some(from.listener) };
        if let Some(held) = &held {
            let protocol = place.protocol.to_uppercase();
            tracing::warn!(address = %held.place.address, wanted = %place.address, "{protocol} goes on where it was");
        }
        *lock(&failed.held) = held;
    }
    *lock(&server.listeners().known) = slots.into_iter().flatten().collect();
    close(left).await;
    let mut told: Vec<&str> = Vec::new();
    for place in places {
        if !told.contains(&place.protocol) {
            told.push(place.protocol);
            for listener in server.listeners().status(place.protocol) {
                server.context().events.tell(Event::Listener { listener });
            }
        }
    }
}

/// For each place the listener that it has already, and what listens where nobody wants it any more.
async fn sort<S: Serves>(
    server: &S,
    places: &[Place],
    again: bool,
) -> (Vec<Option<Arc<Listener>>>, Vec<Arc<Listener>>) {
    let (mut kept, mut old, mut ended, mut holding) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for listener in server.listeners().all() {
        let held = listener.release();
        let stays = places.contains(&listener.place) && (listener.is_open() || !again);
        if let Some(held) = held {
            match places.contains(&held.place) {
                true => kept.push(held),
                false if stays => holding.push((Arc::clone(&listener), held)),
                false => old.push(held),
            }
        }
        match stays {
            true => kept.push(listener),
            false if listener.is_open() => old.push(listener),
            false => ended.push(listener),
        }
    }
    close(ended).await;
    let slots: Vec<Option<Arc<Listener>>> = places
        .iter()
        .map(|place| kept.iter().position(|kept| kept.place == *place).map(|at| kept.remove(at)))
        .collect();
    old.extend(kept);
    for (listener, held) in holding {
        let fresh = places.iter().zip(&slots).filter(|(_, slot)| slot.is_none());
        let is_in_the_way = fresh.into_iter().any(|(place, _)| held.is_in_the_way_of(place.address));
        if is_in_the_way {
            old.push(held);
        } else {
            *lock(&listener.held) = Some(held);
        }
    }
    (slots, old)
}

async fn close(listeners: Vec<Arc<Listener>>) {
    join_all(listeners.iter().map(|listener| listener.tasks.shutdown(GOODBYE))).await;
}

/// Opens again what was closed for `wanted`, which did not open.
async fn go_back<S: Serves>(server: &S, place: Place, wanted: Place) -> Option<Arc<Listener>> {
    if place == wanted {
        return None;
    }
    let sockets = server.open(place).await.ok()?;
    Some(start(server, place, Ok(sockets), &[]))
}

fn start<S: Serves>(
    server: &S,
    place: Place,
    opened: Result<Vec<S::Socket>, ListenerState>,
    places: &[Place],
) -> Arc<Listener> {
    let (state, sockets) = stand::<S>(server, place, opened, places);
    log(place, &state);
    let tasks = server.context().supervisor.child();
    let listener = Arc::new(Listener { place, tasks, state: Mutex::new(state), held: Mutex::default() });
    let name = format!("{} listener {}", place.protocol, place.address);
    listener.tasks.spawn(name, keep_open(server.clone(), Arc::clone(&listener), sockets));
    listener
}

/// How a listener stands after it was tried to open it.
fn stand<S: Serves>(
    server: &S,
    place: Place,
    opened: Result<Vec<S::Socket>, ListenerState>,
    places: &[Place],
) -> (ListenerState, Vec<S::Socket>) {
    match opened {
        Ok(sockets) => (ListenerState::Listening { bound: sockets.iter().filter_map(S::local).collect() }, sockets),
        Err(mut state) => {
            let others = places.iter().filter(|other| **other != place);
            let others = others.filter_map(|other| Some((Own::of_protocol(other.protocol)?, other.address)));
            let held = server.listeners().all().into_iter().flat_map(|listener| {
                let own = Own::of_protocol(listener.place.protocol);
                let bound = lock(&listener.held).as_ref().map(|held| held.bound()).unwrap_or_default();
                bound.into_iter().filter_map(move |bound| Some((own?, ListenAddress::One(bound))))
            });
            let all = server.neighbours().into_iter().chain(others).chain(held);
            state.name_own(place.address, all);
            (state, Vec::new())
        }
    }
}

/// Serves `sockets`; while there are none tries again to open them.
async fn keep_open<S: Serves>(server: S, listener: Arc<Listener>, mut sockets: Vec<S::Socket>) -> End {
    let stopping = listener.tasks.stopping().clone();
    loop {
        if !sockets.is_empty() {
            tokio::select! {
                () = server.serve(&listener, std::mem::take(&mut sockets)) => {}
                () = stopping.cancelled() => return End::Stopped,
            }
        }
        let turn = async {
            tokio::time::sleep(RETRY).await;
            server.listeners().turn.lock().await
        };
        let _turn = tokio::select! {
            turn = turn => turn,
            () = stopping.cancelled() => return End::Stopped,
        };
        if !listener.may_be_tried::<S>() {
            continue;
        }
        let opened = server.open(listener.place).await;
        let places: Vec<Place> = server.listeners().all().iter().map(|known| known.place).collect();
        let (state, opened) = stand::<S>(&server, listener.place, opened, &places);
        sockets = opened;
        let changed = std::mem::replace(&mut *lock(&listener.state), state.clone()) != state;
        if listener.is_open() {
            close(listener.release().into_iter().collect()).await;
        }
        if changed {
            log(listener.place, &state);
            if let Some(listener) = server.listeners().told(&listener) {
                server.context().events.tell(Event::Listener { listener });
            }
        }
    }
}

pub(super) fn status_of(at: usize, place: Place, state: ListenerState) -> status::Listener {
    let Place { address, protocol } = place;
    let id = if at == 0 { protocol.to_owned() } else { format!("{protocol}-{}", at + 1) };
    status::Listener { id, protocol, address, open_to_network: !address.is_loopback(), state }
}

fn log(place: Place, state: &ListenerState) {
    let (protocol, address) = (place.protocol.to_uppercase(), place.address);
    match state {
        ListenerState::Listening { bound } => tracing::info!(%address, ?bound, "{protocol} listens"),
        ListenerState::Failed { message, hint, .. } => tracing::error!(%address, hint, "{protocol}: {message}"),
        ListenerState::Off => {}
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
