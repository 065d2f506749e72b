//! What is served over HTTP, as the settings ask for: the page with the API, and the numbers. Addresses open and close while Weir
//! runs; what did not change goes on.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use weir_engine::net::{self, ListenAddress};
use weir_engine::problem::Report;
use weir_engine::status::ListenerState;
use weir_engine::{Config, Engine, Event};

use super::{Guard, Names, Own, Token, guarded, numbers, serve};

/// How often an address that does not open is tried again.
const RETRY: Duration = Duration::from_secs(3);

/// What is served at an address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Service {
    /// The page and the API.
    Page,
    /// Numbers for monitoring.
    Numbers,
}

/// An address and what is served there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    /// What.
    pub service: Service,
    /// Where.
    pub address: ListenAddress,
}

impl Place {
    /// The places that `config` asks for.
    pub fn wanted(config: &Config) -> Vec<Self> {
        let pages = config.http.listen.iter().map(|address| Self { service: Service::Page, address: *address });
        let numbers = config.metrics.listen.map(|address| Self { service: Service::Numbers, address });
        pages.chain(numbers).collect()
    }
}

/// What is served over HTTP. Ends with [`Front::end`], or when it is dropped.
#[derive(Debug)]
pub struct Front {
    stop: CancellationToken,
    tasks: TaskTracker,
    bound: Bound,
}

/// Where it is served, with real ports. Clones share.
type Bound = Arc<Mutex<Vec<(Place, Vec<SocketAddr>)>>>;

impl Front {
    /// Serves what the settings of `engine` ask for, and follows them. `open` are sockets that are open already; `token_file` is
    /// where the access token is kept.
    pub fn start(engine: Engine, token_file: PathBuf, open: Vec<(Place, Vec<TcpListener>)>) -> Self {
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        // Listened to before the settings are read, so that no change falls between.
        let events = engine.context().events.listen();
        let bound = Bound::default();
        let follower = Follower {
            router: crate::router(engine.clone()),
            names: engine.config().http.names.into(),
            engine,
            token_file,
            serving: HashMap::new(),
            bound: Arc::clone(&bound),
            stop: stop.clone(),
            tasks: tasks.clone(),
        };
        tasks.spawn(follower.run(open, events));
        Self { stop, tasks, bound }
    }

    /// Where what is served now.
    pub fn bound(&self) -> Vec<(Place, Vec<SocketAddr>)> {
        self.bound.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Lets running answers end for a moment, then ends.
    pub async fn end(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// What serves a place.
struct Serving {
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

struct Follower {
    engine: Engine,
    router: Router,
    token_file: PathBuf,
    /// Names that the page is served under.
    names: Names,
    serving: HashMap<Place, Serving>,
    bound: Bound,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Follower {
    async fn run(mut self, open: Vec<(Place, Vec<TcpListener>)>, mut events: tokio::sync::broadcast::Receiver<Event>) {
        for (place, sockets) in open {
            // What is missing is tried again below.
            self.serve(place, sockets);
        }
        loop {
            let missing = self.follow().await;
            let retry = async {
                match missing {
                    true => tokio::time::sleep(RETRY).await,
                    false => std::future::pending().await,
                }
            };
            let changed =
                async { while matches!(events.recv().await, Ok(event) if event != Event::SettingsChanged) {} };
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = retry => {}
                () = changed => {}
            }
        }
    }

    /// Closes and opens what the settings changed. Returns whether something is wanted that does not open.
    async fn follow(&mut self) -> bool {
        let config = self.engine.config();
        self.names.set(config.http.names.clone());
        let wanted = Place::wanted(&config);
        let gone: Vec<Serving> =
            self.serving.extract_if(|place, _| !wanted.contains(place)).map(|(_, it)| it).collect();
        gone.iter().for_each(|serving| serving.stop.cancel());
        self.bound.lock().unwrap_or_else(PoisonError::into_inner).retain(|(place, _)| wanted.contains(place));
        // The same port may be wanted again, on other addresses: it must be free before. Takes a moment at most.
        for task in gone.into_iter().flat_map(|serving| serving.tasks) {
            let _ = task.await;
        }
        let mut missing = false;
        for place in wanted {
            if self.serving.contains_key(&place) {
                continue;
            }
            match net::open(place.address).await {
                Ok(sockets) => missing |= !self.serve(place, sockets),
                Err(state) => {
                    missing = true;
                    self.report(&place, state);
                }
            }
        }
        missing
    }

    /// Returns whether it is served now.
    fn serve(&mut self, place: Place, sockets: Vec<TcpListener>) -> bool {
        let bound: Vec<SocketAddr> = sockets.iter().filter_map(|socket| socket.local_addr().ok()).collect();
        let token = match Token::load_or_create(&self.token_file) {
            Ok(token) => token,
            Err(error) => {
                let message = format!("The access token cannot be kept in {}: {error}.", self.token_file.display());
                self.say("token_not_kept", message, "Check that you may write to Weir's data folder.");
                return false;
            }
        };
        let near = is_near(&bound);
        let addresses: Vec<IpAddr> = bound.iter().map(SocketAddr::ip).collect();
        let router = match place.service {
            Service::Page => {
                if !near {
                    tracing::warn!(
                        "the page is open to the network: whoever has its address with the token controls Weir"
                    );
                }
                let context = Some(self.engine.context().clone());
                guarded(self.router.clone(), Guard { context, token, bound: addresses, names: self.names.clone() })
            }
            Service::Numbers => {
                let own = Own { bound: addresses, names: self.names.clone() };
                numbers(self.engine.clone(), (!near).then_some(token), own)
            }
        };
        tracing::info!(address = %place.address, service = ?place.service, ?bound, "HTTP listens");
        let stop = self.stop.child_token();
        let served = sockets.into_iter();
        let tasks = served
            .map(|socket| self.tasks.spawn(serve(socket, router.clone(), stop.clone().cancelled_owned())))
            .collect();
        self.bound.lock().unwrap_or_else(PoisonError::into_inner).push((place.clone(), bound));
        self.serving.insert(place, Serving { stop, tasks });
        true
    }

    fn report(&self, place: &Place, state: ListenerState) {
        let ListenerState::Failed { code, message, hint, .. } = state else { return };
        let what = match place.service {
            Service::Page => "The page",
            Service::Numbers => "The address for numbers",
        };
        self.say(code, format!("{what} cannot be served on {}: {message}", place.address), &hint);
    }

    fn say(&self, code: &'static str, message: String, hint: &str) {
        let hint = hint.to_owned();
        self.engine.context().problems.report(Report { code, message, hint, path: None, peer: None });
    }
}

/// Whether only this computer reaches all of them.
fn is_near(bound: &[SocketAddr]) -> bool {
    bound.iter().all(|address| address.ip().to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_near_when_only_this_computer_reaches_it() {
        for (addresses, near) in [
            (&["127.0.0.1:1", "[::1]:1"][..], true),
            (&["[::ffff:127.0.0.1]:1"], true),
            (&["127.0.0.1:1", "192.0.2.1:1"], false),
            (&["0.0.0.0:1"], false),
            (&["[::]:1"], false),
        ] {
            let bound: Vec<SocketAddr> = addresses.iter().map(|address| address.parse().unwrap()).collect();
            assert_eq!(is_near(&bound), near, "{addresses:?}");
        }
    }
}
