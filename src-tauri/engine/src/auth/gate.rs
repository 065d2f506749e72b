//! The one place where it is decided who may publish and play.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use tokio_util::sync::CancellationToken;
use weir_media::Secret;

use super::attempt::{Action, Attempt, Grant, Refusal, Why};
use super::callback::{Callback, NoAnswer};
use super::config::{Config, Mode};
use super::file::{self, FileError};
use super::guests::{Guest, Guests};
use super::keys::{Keys, KeysError, StreamKey};
use super::no::{AUTH_FILE, No};
use super::rules::Rules;
use super::tokens::{Found, Given, Tokens};
use crate::net::network;
use crate::net::tries::{Patience, Tries};
use crate::problem::{Problems, Report, now_millis};
use crate::secrets::Secrets;
use crate::streams::StreamPattern;
use crate::supervise::{End, Supervisor};
use crate::watch::Watch;

/// About how many of those who are in the callback is asked at a time: half of its calls are left for who comes.
const ASKED_TOGETHER: usize = 32;

/// Refusals of one address that hooks are told of one after the other, and after which time of one more: whoever comes without any
/// key is not shut out, and a flood of them must not become a flood of hooks.
const TOLD: Patience = Patience { tries: 20, forgive: Duration::from_secs(10) };

/// How often it is written down when keys were used: it is for people, and not worth a disk at each connection.
const SETTLE_EVERY: Duration = Duration::from_secs(60);

/// Decides who may publish and play. Cheap to clone; clones share.
#[derive(Debug, Clone)]
pub struct Gate(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    problems: Problems,
    supervisor: Supervisor,
    rules: RwLock<Arc<Rules>>,
    secrets: Secrets,
    /// Of the command line.
    given: Tokens,
    keys: Keys,
    file: RwLock<FileState>,
    /// Ends the task that watches the file.
    watching: Mutex<Option<(PathBuf, CancellationToken)>>,
    callback: Callback,
    tries: Mutex<Tries>,
    /// Refusals that hooks were told of, by whom.
    told: Mutex<Tries>,
    guests: Guests,
    /// Ends the round in which the callback is asked about who is in.
    asking: Mutex<CancellationToken>,
}

/// The tokens of the file.
#[derive(Debug, Default)]
struct FileState {
    /// The last ones that could be read; `None` when none ever could.
    tokens: Option<Arc<Tokens>>,
    /// What is wrong with the file as it is now.
    trouble: Option<String>,
}

/// How the file of tokens stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileStatus {
    /// Tokens in force.
    pub tokens: usize,
    /// What is wrong with the file as it is now; the tokens before stay in force.
    pub trouble: Option<String>,
}

impl Gate {
    /// A gate that follows `config`, knows the tokens that the command line gave, keeps its keys at `keys`, and finds among the
    /// `secrets` what of the callback's address is one.
    pub fn start(
        problems: Problems,
        supervisor: Supervisor,
        config: &Config,
        given: impl IntoIterator<Item = Given>,
        keys: &Path,
        secrets: Secrets,
    ) -> Result<Self, KeysError> {
        let gate = Self(Arc::new(Inner {
            problems,
            supervisor,
            rules: RwLock::new(Arc::new(Rules::new(config, &secrets))),
            secrets,
            given: Tokens::new(given, &Tokens::default()),
            keys: Keys::load(keys)?,
            file: RwLock::default(),
            watching: Mutex::default(),
            callback: Callback::new(),
            tries: Mutex::default(),
            told: Mutex::default(),
            guests: Guests::default(),
            asking: Mutex::default(),
        }));
        if config.mode == Mode::File {
            let _ = gate.take_file(file_of(config));
        }
        gate.watch();
        let (keeper, stopping) = (gate.clone(), gate.0.supervisor.stopping().clone());
        gate.0.supervisor.spawn("stream keys", async move { keeper.settle_keys(stopping).await });
        Ok(gate)
    }

    /// Follows changed settings. When who may enter is another question than before, it is asked of those who are in as well.
    pub async fn apply(&self, config: &Config) {
        let rules = Arc::new(Rules::new(config, &self.0.secrets));
        let before =
            std::mem::replace(&mut *self.0.rules.write().unwrap_or_else(PoisonError::into_inner), Arc::clone(&rules));
        if config.mode == Mode::File && (before.mode != Mode::File || before.file != config.file) {
            let _ = self.read_file().await;
        }
        self.watch();
        if before.admission() != rules.admission() {
            self.look_again();
        }
    }

    /// Puts out who is in and would not be let in now. Whatever an earlier round finds out counts no more.
    fn look_again(&self) {
        let round = self.0.supervisor.stopping().child_token();
        let earlier =
            std::mem::replace(&mut *self.0.asking.lock().unwrap_or_else(PoisonError::into_inner), round.clone());
        earlier.cancel();
        match self.rules().mode {
            Mode::Callback => self.ask_everybody(round),
            _ => self.look_at_everybody(),
        }
    }

    /// Puts out who would not be let in any more, as far as that can be told without asking anybody.
    fn look_at_everybody(&self) {
        let rules = self.rules();
        let out = |guest: &Arc<Guest>| matches!(self.look_up(&rules, &guest.attempt), Some(Err(no)) if no.is_final());
        self.put_out(self.0.guests.all().into_iter().filter(out));
    }

    /// Asks the callback about everybody who is in, a few at a time. Whom it says nothing about stays: it may only be down.
    fn ask_everybody(&self, round: CancellationToken) {
        let (gate, rules) = (self.clone(), self.rules());
        self.0.supervisor.spawn("callback about who is in", async move {
            let asked = futures_util::stream::iter(gate.0.guests.all()).map(|guest| async {
                let refused = gate.decide(&rules, &guest.attempt).await.is_err_and(|no| no.is_final());
                refused.then_some(guest)
            });
            let all = asked.buffer_unordered(ASKED_TOGETHER).filter_map(std::future::ready).collect::<Vec<_>>();
            let Some(refused) = round.run_until_cancelled(all).await else { return End::Stopped };
            // The settings may be others already, while whoever changed them has not come here yet.
            if gate.rules().admission() == rules.admission() {
                gate.put_out(refused.into_iter());
            }
            End::done("everybody has been asked about")
        });
    }

    fn put_out(&self, guests: impl Iterator<Item = Arc<Guest>>) {
        let out = guests.inspect(|guest| guest.put_out()).count();
        if out > 0 {
            tracing::warn!(out, "connections were ended, since they have no valid key any more");
        }
    }

    /// Reads the file of tokens again: checked as a whole, then taken as a whole. What is no longer in it is revoked.
    pub async fn read_file(&self) -> Result<(), FileError> {
        let (gate, rules) = (self.clone(), self.rules());
        if rules.mode != Mode::File {
            return Ok(());
        }
        let read = tokio::task::spawn_blocking(move || gate.take_file(file_of(&rules))).await;
        self.look_at_everybody();
        read.unwrap_or(Err(FileError::NotSet))
    }

    /// Whether anybody may publish.
    pub fn is_open(&self) -> bool {
        self.rules().mode == Mode::None
    }

    /// Tokens that the command line gave.
    pub fn given(&self) -> usize {
        self.0.given.len()
    }

    /// How the file of tokens stands.
    pub fn file(&self) -> FileStatus {
        let state = self.0.file.read().unwrap_or_else(PoisonError::into_inner);
        FileStatus { tokens: state.tokens.as_ref().map_or(0, |tokens| tokens.len()), trouble: state.trouble.clone() }
    }

    /// The keys that Weir made, the oldest first.
    pub fn keys(&self) -> Vec<StreamKey> {
        self.0.keys.list()
    }

    /// Makes a key for publishing or for watching. It is returned here and never again. Blocks for a small file.
    pub fn create_key(
        &self,
        name: &str,
        streams: StreamPattern,
        action: Action,
    ) -> Result<(StreamKey, Secret<String>), KeysError> {
        self.0.keys.create(name, streams, action, now_millis())
    }

    /// Revokes a key and ends what it opened. Returns whether it was there. Blocks for a small file.
    pub fn revoke_key(&self, id: &str) -> Result<bool, KeysError> {
        let there = self.0.keys.revoke(id)?;
        // It may have let in somebody who came before keys were asked for.
        self.look_at_everybody();
        Ok(there)
    }

    /// Whether `peer` showed too many wrong keys of late; for doors of another kind, such as the page's.
    pub fn is_shut_out(&self, peer: IpAddr) -> bool {
        self.tries().check(&network(peer), self.rules().patience(), Instant::now()).is_some()
    }

    /// Likewise, with what whoever guesses on and on is told, and whether it was told a moment ago.
    pub(crate) fn shut_out(&self, peer: IpAddr) -> Option<Refusal> {
        let shut_out = self.tries().check(&network(peer), self.rules().patience(), Instant::now())?;
        Some(No::shut_out(shut_out).refusal)
    }

    /// Takes note of a wrong secret at a door of another kind; the operator is told elsewhere.
    pub(crate) fn guessed(&self, peer: IpAddr) {
        self.tries().wrong(&network(peer), self.rules().patience(), Instant::now());
    }

    /// Takes note of a wrong key at a door of another kind, and tells the operator.
    pub fn wrong_key(&self, peer: IpAddr, door: &str) {
        self.guessed(peer);
        let peer = peer.to_canonical().to_string();
        self.0.problems.report(Report {
            code: "wrong_token",
            message: format!("Somebody at {peer} used a wrong access token for {door}."),
            hint: "If this was you, open the address that weir serve printed; if not, somebody is guessing.".to_owned(),
            path: None,
            peer: Some(peer),
        });
    }

    /// Decides. May take as long as the callback may; everybody else goes on meanwhile. A refusal has been told to the
    /// operator when it comes. Cancel-safe.
    pub async fn check(&self, attempt: Attempt) -> Result<Grant, Refusal> {
        let (rules, now) = (self.rules(), Instant::now());
        let shut_out = match attempt.peer {
            Some(peer) if rules.asks_for(attempt.action) => {
                self.tries().check(&network(peer.ip()), rules.patience(), now)
            }
            _ => None,
        };
        let decided = match shut_out {
            Some(shut_out) => Err(No::shut_out(shut_out)),
            None => self.decide(&rules, &attempt).await,
        };
        match decided {
            Ok(grant) => {
                let grant = self.0.guests.let_in(attempt, grant);
                // It may have become another question while it was being answered.
                if self.rules().admission() != rules.admission() {
                    self.look_again();
                }
                Ok(grant)
            }
            Err(mut no) => {
                self.note(&rules, &attempt, &no, now);
                no.refusal.repeated =
                    no.refusal.repeated || attempt.peer.is_some_and(|peer| self.was_told(peer.ip(), now));
                Err(no.refusal)
            }
        }
    }

    /// Whether so much was told of this address of late that one more refusal is no news.
    fn was_told(&self, peer: IpAddr, now: Instant) -> bool {
        let mut told = self.0.told.lock().unwrap_or_else(PoisonError::into_inner);
        match told.check(&network(peer), TOLD, now) {
            Some(over) => !over.tell,
            None => {
                told.wrong(&network(peer), TOLD, now);
                false
            }
        }
    }

    async fn decide(&self, rules: &Rules, attempt: &Attempt) -> Result<Grant, No> {
        if let Some(decided) = self.look_up(rules, attempt) {
            return decided;
        }
        let limit = rules.callback_timeout_seconds.duration();
        match self.0.callback.ask(rules.callback.as_ref(), limit, attempt).await {
            Ok(()) => Ok(Grant::for_good()),
            Err(NoAnswer::Refused(status)) => Err(No::by_callback(attempt, status)),
            Err(NoAnswer::Failed(why)) => Err(No::without_answer(&why)),
        }
    }

    /// The answer, unless another program has to be asked for it.
    fn look_up(&self, rules: &Rules, attempt: &Attempt) -> Option<Result<Grant, No>> {
        if !rules.asks_for(attempt.action) {
            return Some(Ok(Grant::open()));
        }
        (rules.mode != Mode::Callback).then(|| self.find(rules, attempt))
    }

    fn find(&self, rules: &Rules, attempt: &Attempt) -> Result<Grant, No> {
        match rules.mode {
            Mode::None | Mode::Callback => Ok(Grant::open()),
            Mode::Token => {
                let offered = attempt.offered()?;
                match self.0.keys.find(&attempt.path, attempt.action, &offered, now_millis()) {
                    Found::Nothing => self.found(attempt, self.0.given.find(&attempt.path, attempt.action, &offered)),
                    found => self.found(attempt, found),
                }
            }
            Mode::File => {
                let tokens = self.0.file.read().unwrap_or_else(PoisonError::into_inner).tokens.clone();
                let tokens = tokens.ok_or_else(|| No::unavailable("auth_file_unusable", AUTH_FILE))?;
                self.found(attempt, tokens.find(&attempt.path, attempt.action, &attempt.offered()?))
            }
        }
    }

    fn found(&self, attempt: &Attempt, found: Found) -> Result<Grant, No> {
        match found {
            Found::Grant(grant) => Ok(grant),
            Found::OtherAction => Err(No::wrong(attempt, "wrong_kind_of_key")),
            Found::Nothing => Err(No::wrong(attempt, "wrong_key")),
        }
    }

    /// Tells the operator, and remembers who guesses.
    fn note(&self, rules: &Rules, attempt: &Attempt, no: &No, now: Instant) {
        if let Some(peer) = attempt.peer.filter(|_| no.guess) {
            self.tries().wrong(&network(peer.ip()), rules.patience(), now);
        }
        let peer = attempt.peer.map(|peer| peer.ip().to_canonical().to_string());
        if no.tell {
            // The path of somebody who guesses on and on may be anything: one line for all of it.
            let path = (no.refusal.why != Why::TooManyTries).then(|| attempt.path.as_str().to_owned());
            let message = no.told(attempt, peer.as_deref());
            let report = Report { code: no.refusal.code, message, hint: no.advice.clone(), path, peer };
            self.0.problems.report(report);
        }
    }

    fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.0.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn tries(&self) -> MutexGuard<'_, Tries> {
        self.0.tries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_file(&self, path: Result<PathBuf, FileError>) -> Result<(), FileError> {
        let given = path.and_then(|path| file::read(&path));
        let mut state = self.0.file.write().unwrap_or_else(PoisonError::into_inner);
        match given {
            Ok(given) => {
                let before = state.tokens.take().unwrap_or_default();
                let tokens = Arc::new(Tokens::new(given, &before));
                before.revoke_all_but(&tokens);
                tracing::info!(tokens = tokens.len(), "the file of tokens was read");
                *state = FileState { tokens: Some(tokens), trouble: None };
                Ok(())
            }
            Err(error) => {
                state.trouble = Some(error.to_string());
                let kept = state.tokens.is_some();
                drop(state);
                self.0.problems.report(Report {
                    code: "auth_file_unusable",
                    message: format!("The file of tokens cannot be used: {error}."),
                    hint: match kept {
                        true => "Correct the file; until then the tokens before stay in force.",
                        false => "Correct the file; until then nobody is let in.",
                    }
                    .to_owned(),
                    ..Report::default()
                });
                Err(error)
            }
        }
    }

    /// Watches the file of the settings, and no other.
    fn watch(&self) {
        let rules = self.rules();
        let wanted = rules.file.clone().filter(|_| rules.mode == Mode::File);
        let mut watching = self.0.watching.lock().unwrap_or_else(PoisonError::into_inner);
        if watching.as_ref().map(|(path, _)| path) == wanted.as_ref() {
            return;
        }
        if let Some((_, end)) = watching.take() {
            end.cancel();
        }
        let Some(path) = wanted else { return };
        let end = self.0.supervisor.stopping().child_token();
        *watching = Some((path.clone(), end.clone()));
        let gate = self.clone();
        let mut watch = Watch::of(&path);
        self.0.supervisor.spawn("file of tokens", async move {
            loop {
                tokio::select! {
                    () = watch.changed() => {}
                    () = end.cancelled() => return End::Stopped,
                }
                // What is wrong with it has been reported.
                let _ = gate.read_file().await;
            }
        });
    }

    async fn settle_keys(&self, stopping: CancellationToken) -> End {
        loop {
            let over = tokio::select! {
                () = tokio::time::sleep(SETTLE_EVERY) => false,
                () = stopping.cancelled() => true,
            };
            let gate = self.clone();
            if let Ok(Err(error)) = tokio::task::spawn_blocking(move || gate.0.keys.settle()).await {
                tracing::warn!(%error, "when keys were last used is not stored");
            }
            if over {
                return End::Stopped;
            }
        }
    }
}

fn file_of(config: &Config) -> Result<PathBuf, FileError> {
    config.file.clone().ok_or(FileError::NotSet)
}
