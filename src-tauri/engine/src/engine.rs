//! The engine as one thing: started, changed while it runs, shut down.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::broadcast::{self, error::RecvError};
use weir_hub::{Hub, StreamSnapshot};

use crate::auth::{Gate, KeysError};
use crate::config::{self, Config, ConfigError, Settings};
use crate::destination::Destinations;
use crate::event::{Event, Events};
use crate::history::Histories;
use crate::hook::Hooks;
use crate::lifecycle::{self, LifeCycle};
use crate::limits::Places;
use crate::metrics::{self, Timings};
use crate::paths::Paths;
use crate::problem::{Problems, Report, now_millis};
use crate::protocol::{rtmp, srt};
use crate::recording::Recordings;
use crate::secrets::{Secrets, SecretsError};
use crate::supervise::{End, Supervisor};
use crate::tls::Certificates;
use crate::{net, status, wake};

/// How long a shutdown may take altogether, less than the 5 s after which people reach for the power switch.
const SHUTDOWN: Duration = Duration::from_millis(3900);

/// How much of it hooks get for what is to be told of the end.
const LAST_HOOKS: Duration = Duration::from_millis(700);

/// What every part of the engine shares. Cheap to clone; clones share.
#[derive(Debug, Clone)]
pub struct Context {
    /// The streams.
    pub hub: Hub,
    /// Who hears what happens.
    pub events: Events,
    /// What went wrong lately.
    pub problems: Problems,
    /// Who connects, publishes, plays and goes.
    pub life: LifeCycle,
    /// Who may publish and play.
    pub gate: Gate,
    /// How many may be connected.
    pub places: Places,
    /// What encrypted listeners show.
    pub certificates: Certificates,
    /// How long things take.
    pub timings: Timings,
    /// What numbers that never fall must not fall below.
    pub(crate) floor: metrics::Floor,
    /// What is known of each SRT connection.
    pub(crate) srt_links: srt::Links,
    /// Who owns the tasks.
    pub supervisor: Supervisor,
}

/// Why the engine could not start. A port that is taken is no reason: the listener shows it and the rest works.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The stream keys cannot be read.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// The keys of streams cannot be read.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The program is ending.
    #[error("Weir was asked to end while it started")]
    Interrupted,
    /// TLS cannot be set up at all; a bug.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

/// Why changed settings were not taken.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// They could not be stored; nothing was changed.
    #[error(transparent)]
    Store(#[from] ConfigError),
    /// The program is ending; nothing was changed.
    #[error("Weir was asked to end before the change was stored")]
    Interrupted,
}

/// The running engine. Cheap to clone; clones share.
#[derive(Debug, Clone)]
pub struct Engine(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    context: Context,
    rtmp: rtmp::Server,
    srt: srt::Server,
    paths: Paths,
    settings: Mutex<Settings>,
    secrets: Secrets,
    recordings: Recordings,
    destinations: Destinations,
    hooks: Hooks,
    history: Histories,
    started: Instant,
    started_at: u64,
    /// Held while settings are changed and followed, so that one change is done before the next begins.
    changing: tokio::sync::Mutex<()>,
}

impl Engine {
    /// Starts everything that `settings` ask for.
    pub async fn start(mut settings: Settings, paths: Paths) -> Result<Self, StartError> {
        let places = paths.clone();
        // It may have to wait for the keychain.
        let secrets = tokio::task::spawn_blocking(move || Secrets::open(&places)).await;
        let secrets = secrets.map_err(|_| StartError::Interrupted)??;
        for (name, value) in settings.take_secrets() {
            secrets.hold(&name, value);
        }
        net::limit::raise_open_files();
        let events = Events::default();
        let life = LifeCycle::default();
        let given = settings.take_tokens();
        let config = settings.config();
        let problems = Problems::new(events.clone());
        let supervisor = Supervisor::new();
        let keys = paths.data_dir.join("stream_keys.json");
        let gate = Gate::start(problems.clone(), supervisor.clone(), &config.auth, given, &keys, secrets.clone())?;
        let context = Context {
            hub: Hub::observed(config.streams.hub_options(&config.limits), Arc::new(life.clone())),
            life,
            gate,
            places: Places::new(&config.limits),
            certificates: Certificates::new(events.clone(), problems.clone(), &config.tls, paths.data_dir.join("tls"))?,
            timings: Timings::default(),
            floor: metrics::Floor::default(),
            problems,
            events,
            srt_links: srt::Links::default(),
            supervisor,
        };
        context.certificates.set_open(config.rtmps.is_reached());
        context.certificates.keep_looking(&context.supervisor);
        // Listened to before anything can publish, not when the task gets its first turn.
        let heard = context.hub.events();
        context.supervisor.spawn("stream events", retell(context.clone(), heard));
        let heard = context.events.listen();
        let stopping = context.supervisor.stopping().clone();
        context.supervisor.spawn("output events", lifecycle::outputs::retell(context.life.clone(), heard, stopping));
        let sampler = metrics::sample::sample(context.hub.clone(), context.timings.clone(), context.supervisor.clone());
        context.supervisor.spawn("numbers", sampler);
        let hooks = Hooks::start(context.clone(), &config.hooks, secrets.clone());
        let history = Histories::start(&context);
        let recordings =
            Recordings::start(context.clone(), &config.recording, paths.recordings_dir.clone(), &paths.data_dir);
        let destinations = Destinations::start(context.clone(), &config.destinations, secrets.clone());
        history.follow(&context, destinations.clone());
        context.supervisor.spawn("sleep and wake", wake::watch(context.clone(), destinations.clone()));
        // Last, so that nothing misses the first stream.
        let rtmp = rtmp::Server::start(context.clone(), config).await;
        let srt = srt::Server::start(context.clone(), config, secrets.clone()).await;
        let engine = Self(Arc::new(Inner {
            context,
            rtmp,
            srt,
            paths,
            settings: Mutex::new(settings),
            secrets,
            recordings,
            destinations,
            hooks,
            history,
            started: Instant::now(),
            started_at: now_millis(),
            changing: tokio::sync::Mutex::default(),
        }));
        say_whether_open(false, &engine.config());
        let file = engine.0.paths.config_file.clone();
        engine.0.context.supervisor.spawn("settings file", config::watch::watch(engine.clone(), file));
        Ok(engine)
    }

    /// Stores changed settings, then follows them: only what changed is restarted.
    pub async fn apply(&self, config: Config) -> Result<(), ApplyError> {
        self.apply_change(&self.config(), &config).await
    }

    /// Stores what was changed from `before`, the settings as somebody saw them, to `after`, then follows it. What the settings
    /// file or somebody else changed meanwhile holds as well; where both changed the same, this change does, and that is told.
    pub async fn apply_change(&self, before: &Config, after: &Config) -> Result<(), ApplyError> {
        let _turn = self.0.changing.lock().await;
        let (before, after, path) = (before.clone(), after.clone(), self.0.paths.config_file.clone());
        let (held, met) = self.edit_settings(move |settings| settings.change(&before, &after, &path)).await?;
        self.tell(met, "what was changed in Weir holds");
        self.follow(&held, &self.config()).await;
        Ok(())
    }

    /// Reads or writes the settings file with `edit`, on a thread of its own: the settings in force can be looked at meanwhile,
    /// however long the disk takes. Only for who has the turn. Returns the settings that were in force before.
    async fn edit_settings(
        &self,
        edit: impl FnOnce(&mut Settings) -> Result<config::Met, ConfigError> + Send + 'static,
    ) -> Result<(Config, config::Met), ApplyError> {
        let mut settings = self.settings().clone();
        let edited = tokio::task::spawn_blocking(move || edit(&mut settings).map(|met| (settings, met)));
        let (settings, met) = edited.await.map_err(|_| ApplyError::Interrupted)??;
        let before = std::mem::replace(&mut *self.settings(), settings);
        Ok((before.config().clone(), met))
    }

    fn settings(&self) -> MutexGuard<'_, Settings> {
        self.0.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the settings file again and follows what changed in it. One that cannot be read changes nothing and becomes a
    /// problem with line and column. Returns whether it could be read.
    pub async fn reload_settings(&self) -> bool {
        let _turn = self.0.changing.lock().await;
        let path = self.0.paths.config_file.clone();
        match self.edit_settings(move |settings| settings.reread(&path)).await {
            Ok((before, met)) => {
                self.tell(met, "what the file says holds");
                let config = self.config();
                if before != config {
                    tracing::info!("the settings file changed and is followed");
                    self.follow(&before, &config).await;
                }
                true
            }
            Err(ApplyError::Store(error)) => {
                self.0.context.problems.report(Report {
                    code: "settings_invalid",
                    message: format!("The settings file changed but cannot be used, so nothing is changed: {error}."),
                    hint: "Correct the file there; it is read again as soon as it is saved.".to_owned(),
                    path: None,
                    peer: None,
                });
                false
            }
            Err(ApplyError::Interrupted) => false,
        }
    }

    /// Tells what a change of settings did to another one that was made at the same time.
    fn tell(&self, met: config::Met, holds: &str) {
        let problems = &self.0.context.problems;
        if !met.overwritten.is_empty() {
            let settings = met.overwritten.join(", ");
            problems.report(Report {
                code: "settings_overwritten",
                message: format!(
                    "The settings file and Weir were changed at the same time, both at {settings}: {holds}."
                ),
                hint: "Look whether it is as you want it, and change it again if not.".to_owned(),
                ..Report::default()
            });
        }
        if let Some((aside, mistake)) = met.aside {
            problems.report(Report {
                code: "settings_put_aside",
                message: format!(
                    "The settings file could not be used ({mistake}) when a setting was changed in Weir. It is kept as {}.",
                    aside.display()
                ),
                hint: "Take from it what you still want; the settings file now holds what is in force.".to_owned(),
                ..Report::default()
            });
        }
    }

    /// Reads every file again, as SIGHUP asks: the settings, and what is kept in files beside them. Running connections go on.
    pub async fn reload(&self) {
        self.reload_settings().await;
        self.0.srt.read_passphrases().await;
        // What is wrong with them has been told as problems.
        let _ = self.0.context.gate.read_file().await;
        self.0.context.certificates.follow(&self.config().tls).await;
    }

    /// Tries at once to open the listeners that do not.
    pub async fn open_again(&self) {
        let _turn = self.0.changing.lock().await;
        self.0.rtmp.open_again().await;
        self.0.srt.open_again().await;
    }

    /// Restarts what changed, and nothing else.
    async fn follow(&self, before: &Config, config: &Config) {
        if config.log != before.log
            && let Some(log) = crate::log::current()
        {
            log.apply(&config.log);
        }
        if config.limits != before.limits {
            self.0.context.places.apply(&config.limits);
        }
        if config.streams != before.streams || config.limits != before.limits {
            self.0.context.hub.set_options(config.streams.hub_options(&config.limits));
        }
        // A part of the callback's address may be a secret, which is no part of the settings.
        self.0.context.gate.apply(&config.auth).await;
        if config.tls != before.tls {
            self.0.context.certificates.follow(&config.tls).await;
        }
        self.0.context.certificates.set_open(config.rtmps.is_reached());
        if config.rtmp != before.rtmp || config.rtmps != before.rtmps || config.streams != before.streams {
            self.0.rtmp.apply(config).await;
        }
        self.0.srt.apply(config).await;
        if config.recording != before.recording {
            self.0.recordings.apply(&config.recording);
        }
        // Keys are no part of the settings, so destinations and hooks look for themselves whether anything changed.
        self.0.destinations.apply(&config.destinations);
        self.0.hooks.apply(&config.hooks);
        say_whether_open(before.lets_everybody_in(), config);
        self.0.context.events.tell(Event::SettingsChanged);
    }

    /// Tells players and destinations, closes recordings, ends every task; within 5 s.
    pub async fn shutdown(&self) {
        self.0.rtmp.close_listeners();
        self.0.context.hub.close();
        let outputs = async {
            tokio::join!(
                self.0.rtmp.shutdown(),
                self.0.srt.shutdown(),
                self.0.recordings.shutdown(),
                self.0.destinations.shutdown()
            );
        };
        if tokio::time::timeout(SHUTDOWN, outputs).await.is_err() {
            tracing::warn!("recordings or destinations did not end in time");
        }
        self.0.hooks.shutdown(LAST_HOOKS).await;
        let left = self.0.context.supervisor.shutdown(Duration::from_millis(200)).await;
        if left > 0 {
            tracing::warn!(left, "tasks did not end in time");
        }
    }

    /// The settings in force.
    pub fn config(&self) -> Config {
        self.settings().config().clone()
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

    /// The hooks.
    pub fn hooks(&self) -> &Hooks {
        &self.0.hooks
    }

    /// What the streams were like, and how they are.
    pub fn history(&self) -> &Histories {
        &self.0.history
    }

    /// The engine as a whole.
    pub fn status(&self) -> status::Engine {
        status::Engine {
            version: env!("CARGO_PKG_VERSION"),
            profile: self.settings().profile(),
            started_at: self.0.started_at,
            uptime_seconds: self.0.started.elapsed().as_secs(),
            connections: self.0.rtmp.connections() + self.0.srt.connections(),
        }
    }

    /// Asks RTMP clients to connect anew, to `url` or to the same address (Enhanced RTMP v2, "Reconnect Request"). Those that
    /// did not say that they understand it are told nothing. Returns how many are asked.
    pub fn request_reconnect(&self, whom: &rtmp::Whom, url: Option<&rtmp::ReconnectUrl>) -> usize {
        self.0.rtmp.request_reconnect(whom, url)
    }

    /// The listeners in the order of the settings.
    pub fn listeners(&self) -> Vec<status::Listener> {
        let mut listeners = self.0.rtmp.listeners();
        listeners.extend(self.0.srt.listeners());
        listeners
    }

    /// The SRT server.
    pub fn srt(&self) -> &srt::Server {
        &self.0.srt
    }

    /// The streams in the order of their paths.
    pub fn streams(&self) -> Vec<StreamSnapshot> {
        self.0.context.hub.streams()
    }
}

/// Says so in the log when everybody on the network may publish and watch, and did not say so before.
fn say_whether_open(was_open: bool, config: &Config) {
    if config.lets_everybody_in() && !was_open {
        tracing::warn!(
            "every device that reaches this computer may publish and watch: ask for keys (auth.mode, --auth-mode), or listen on \
             localhost alone"
        );
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
        Hub::Reading { .. } | Hub::TimestampsRepaired { .. } => return None,
    })
}
