//! The engine as one thing: started, changed while it runs, shut down.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::broadcast::{self, error::RecvError};
use weir_hub::{Hub, StreamSnapshot};

use crate::config::{Config, ConfigError, Settings};
use crate::destination::Destinations;
use crate::event::{Event, Events};
use crate::paths::Paths;
use crate::problem::{Problems, now_millis};
use crate::protocol::rtmp;
use crate::recording::Recordings;
use crate::secrets::{Secrets, SecretsError};
use crate::supervise::{End, Supervisor};
use crate::{net, status};

/// How long a shutdown may take altogether, less than the 5 s after which people reach for the power switch.
const SHUTDOWN: Duration = Duration::from_millis(4500);

/// What every part of the engine shares. Cheap to clone; clones share.
#[derive(Debug, Clone)]
pub struct Context {
    /// The streams.
    pub hub: Hub,
    /// Who hears what happens.
    pub events: Events,
    /// What went wrong lately.
    pub problems: Problems,
    /// Who owns the tasks.
    pub supervisor: Supervisor,
}

/// Why the engine could not start. A port that is taken is no reason: the listener shows it and the rest works.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The stream keys cannot be read.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
}

/// Why changed settings were not taken.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// They could not be stored; nothing was changed.
    #[error(transparent)]
    Store(#[from] ConfigError),
}

/// The running engine. Cheap to clone; clones share.
#[derive(Debug, Clone)]
pub struct Engine(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    context: Context,
    rtmp: rtmp::Server,
    paths: Paths,
    settings: Mutex<Settings>,
    secrets: Secrets,
    recordings: Recordings,
    destinations: Destinations,
    started: Instant,
    started_at: u64,
}

impl Engine {
    /// Starts everything that `settings` ask for.
    pub async fn start(mut settings: Settings, paths: Paths) -> Result<Self, StartError> {
        let secrets = Secrets::load(&paths.secrets_file)?;
        for (name, value) in settings.take_secrets() {
            secrets.hold(&name, value);
        }
        net::limit::raise_open_files();
        let events = Events::default();
        let config = settings.config();
        let context = Context {
            hub: Hub::new(config.streams.hub_options()),
            problems: Problems::new(events.clone()),
            events,
            supervisor: Supervisor::new(),
        };
        // Listened to before anything can publish, not when the task gets its first turn.
        let heard = context.hub.events();
        context.supervisor.spawn("stream events", retell(context.clone(), heard));
        let recordings = Recordings::start(context.clone(), &config.recording, paths.recordings_dir.clone());
        let destinations = Destinations::start(context.clone(), &config.destinations, secrets.clone());
        // Last, so that nothing misses the first stream.
        let rtmp = rtmp::Server::start(context.clone(), config).await;
        Ok(Self(Arc::new(Inner {
            context,
            rtmp,
            paths,
            settings: Mutex::new(settings),
            secrets,
            recordings,
            destinations,
            started: Instant::now(),
            started_at: now_millis(),
        })))
    }

    /// Stores changed settings, then follows them: only what changed is restarted.
    pub async fn apply(&self, config: Config) -> Result<(), ApplyError> {
        let before = {
            let mut settings = self.0.settings.lock().unwrap_or_else(PoisonError::into_inner);
            let before = settings.config().clone();
            settings.change(config.clone(), &self.0.paths.config_file)?;
            before
        };
        if config.streams != before.streams {
            self.0.context.hub.set_options(config.streams.hub_options());
        }
        if config.rtmp != before.rtmp || config.streams != before.streams {
            self.0.rtmp.apply(&config).await;
        }
        if config.recording != before.recording {
            self.0.recordings.apply(&config.recording);
        }
        // Keys are no part of the settings, so destinations look for themselves whether anything changed.
        self.0.destinations.apply(&config.destinations);
        self.0.context.events.tell(Event::SettingsChanged);
        Ok(())
    }

    /// Tells players and destinations, closes recordings, ends every task; within 5 s.
    pub async fn shutdown(&self) {
        self.0.rtmp.close_listeners();
        self.0.context.hub.close();
        let outputs = async {
            tokio::join!(self.0.rtmp.shutdown(), self.0.recordings.shutdown(), self.0.destinations.shutdown());
        };
        if tokio::time::timeout(SHUTDOWN, outputs).await.is_err() {
            tracing::warn!("recordings or destinations did not end in time");
        }
        let left = self.0.context.supervisor.shutdown(Duration::from_millis(400)).await;
        if left > 0 {
            tracing::warn!(left, "tasks did not end in time");
        }
    }

    /// The settings in force.
    pub fn config(&self) -> Config {
        self.0.settings.lock().unwrap_or_else(PoisonError::into_inner).config().clone()
    }

    /// The places on this machine.
    pub fn paths(&self) -> &Paths {
        &self.0.paths
    }

    /// What the parts of the engine share: hub, events, problems, tasks.
    pub fn context(&self) -> &Context {
        &self.0.context
    }

    /// Stream keys. After a change of a destination's key call [`Engine::apply`].
    pub fn secrets(&self) -> &Secrets {
        &self.0.secrets
    }

    /// The recordings.
    pub fn recordings(&self) -> &Recordings {
        &self.0.recordings
    }

    /// The destinations.
    pub fn destinations(&self) -> &Destinations {
        &self.0.destinations
    }

    /// The engine as a whole.
    pub fn status(&self) -> status::Engine {
        status::Engine {
            version: env!("CARGO_PKG_VERSION"),
            profile: self.0.settings.lock().unwrap_or_else(PoisonError::into_inner).profile(),
            started_at: self.0.started_at,
            uptime_seconds: self.0.started.elapsed().as_secs(),
            connections: self.0.rtmp.connections(),
        }
    }

    /// Asks RTMP clients to connect anew, to `url` or to the same address (Enhanced RTMP v2, "Reconnect Request"). Those that
    /// did not say that they understand it are told nothing. Returns how many are asked.
    pub fn request_reconnect(&self, whom: &rtmp::Whom, url: Option<&rtmp::ReconnectUrl>) -> usize {
        self.0.rtmp.request_reconnect(whom, url)
    }

    /// The listeners in the order of the settings.
    pub fn listeners(&self) -> Vec<status::Listener> {
        self.0.rtmp.listeners()
    }

    /// The streams in the order of their paths.
    pub fn streams(&self) -> Vec<StreamSnapshot> {
        self.0.context.hub.streams()
    }
}

/// Retells what happens in the hub in the engine's own words.
async fn retell(context: Context, mut heard: broadcast::Receiver<weir_hub::Event>) -> End {
    loop {
        let event = tokio::select! {
            event = heard.recv() => event,
            () = context.supervisor.stopping().cancelled() => return End::Stopped,
        };
        match event {
            Ok(event) => event_of(event).into_iter().for_each(|event| context.events.tell(event)),
            Err(RecvError::Lagged(lost)) => context.events.tell(Event::Lost { events: lost }),
            Err(RecvError::Closed) => return End::done("the hub is gone"),
        }
    }
}

fn event_of(event: weir_hub::Event) -> Option<Event> {
    use weir_hub::Event as Hub;
    let text = |path: weir_media::StreamPath| path.as_str().to_owned();
    Some(match event {
        Hub::PublishStarted { path, resumed, .. } => Event::StreamStarted { path: text(path), resumed },
        Hub::PublishStopped { path, .. } => Event::StreamWaiting { path: text(path) },
        Hub::TracksChanged { path, .. } => Event::StreamTracks { path: text(path) },
        Hub::StreamEnded { path, reason, .. } => Event::StreamEnded { path: text(path), reason: reason.to_string() },
        Hub::Subscribed { path, .. } | Hub::Unsubscribed { path, .. } => Event::StreamReaders { path: text(path) },
        Hub::TimestampsRepaired { .. } => return None,
    })
}
