//! Changing settings: one change at a time, stored before it is followed.

use tokio::sync::OwnedMutexGuard;
use weir_engine::Engine;
use weir_engine::config::Config;
use weir_media::Secret;

use crate::error::{Code, Error};
use crate::router::Api;

/// A secret that changes along with the settings; without a value it is forgotten.
#[derive(Debug)]
pub(crate) struct SecretChange {
    pub(crate) name: String,
    pub(crate) value: Option<Secret<String>>,
}

/// A change that has its turn: nobody else changes settings until it is done or dropped.
#[derive(Debug)]
pub(crate) struct Change {
    engine: Engine,
    turn: OwnedMutexGuard<()>,
    /// The settings as they are.
    pub(crate) config: Config,
}

impl Change {
    /// Waits for its turn.
    pub(crate) async fn begin(api: &Api) -> Self {
        let turn = std::sync::Arc::clone(&api.changing).lock_owned().await;
        Self { engine: api.engine.clone(), turn, config: api.engine.config() }
    }

    /// Stores the secrets, then the settings, then follows both. On an error nothing changes.
    ///
    /// It runs to its end even when the client that asked for it has gone: half of a change must not stay.
    pub(crate) async fn finish(
        self,
        secrets: impl IntoIterator<Item = SecretChange>,
        edit: impl FnOnce(&mut Config),
    ) -> Result<(), Error> {
        let Self { engine, turn, config: before } = self;
        let mut config = before.clone();
        edit(&mut config);
        let secrets: Vec<SecretChange> = secrets.into_iter().collect();
        let done = tokio::spawn(async move {
            let done = store(&engine, &before, &config, secrets).await;
            drop(turn);
            done
        });
        done.await.unwrap_or_else(|_| Err(Error::internal()))
    }
}

/// Lets `edit` change the settings, stores and follows them. Nothing happens when `edit` refuses.
pub(crate) async fn apply(api: &Api, edit: impl FnOnce(&mut Config) -> Result<(), Error>) -> Result<(), Error> {
    apply_with(api, |config| edit(config).map(|()| None)).await
}

/// The same with secrets that change along with the settings.
pub(crate) async fn apply_with<I>(api: &Api, edit: impl FnOnce(&mut Config) -> Result<I, Error>) -> Result<(), Error>
where
    I: IntoIterator<Item = SecretChange>,
{
    let change = Change::begin(api).await;
    let mut edited = change.config.clone();
    let secrets: Vec<SecretChange> = edit(&mut edited)?.into_iter().collect();
    if edited == change.config && secrets.is_empty() {
        return Ok(());
    }
    change.finish(secrets, |config| *config = edited).await
}

async fn store(engine: &Engine, before: &Config, after: &Config, secrets: Vec<SecretChange>) -> Result<(), Error> {
    let mut secrets_before = Vec::new();
    let mut stored = Ok(());
    for SecretChange { name, value } in secrets {
        secrets_before.push((name.clone(), engine.secrets().before(&name)));
        stored = keep(engine, name, value).await;
        if stored.is_err() {
            break;
        }
    }
    if stored.is_ok() {
        // The settings file may have been changed meanwhile.
        stored = engine.apply_change(before, after).await.map_err(|error| not_saved(&error));
    }
    if stored.is_err() {
        // The settings stay as they were, and so must the secrets. That this can fail too changes nothing about the answer.
        for (name, before) in secrets_before {
            let secrets = engine.secrets().clone();
            let _ = tokio::task::spawn_blocking(move || secrets.put_back(&name, before)).await;
        }
    }
    stored
}

async fn keep(engine: &Engine, name: String, value: Option<Secret<String>>) -> Result<(), Error> {
    let secrets = engine.secrets().clone();
    let kept = tokio::task::spawn_blocking(move || secrets.set(&name, value)).await;
    kept.map_err(|_| Error::internal())?.map_err(|error| not_saved(&error))
}

fn not_saved(error: &dyn std::error::Error) -> Error {
    Error::new(
        Code::SettingsNotSaved,
        format!("The change could not be saved: {error}."),
        "Check that the disk has room and that you may write to the settings folder, then try again.",
    )
}
