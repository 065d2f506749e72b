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

    /// Stores the secret, then the settings, then follows both. On an error nothing changes.
    ///
    /// It runs to its end even when the client that asked for it has gone: half of a change must not stay.
    pub(crate) async fn finish(
        self,
        secret: Option<SecretChange>,
        edit: impl FnOnce(&mut Config),
    ) -> Result<(), Error> {
        let Self { engine, turn, mut config } = self;
        edit(&mut config);
        let done = tokio::spawn(async move {
            let done = store(&engine, config, secret).await;
            drop(turn);
            done
        });
        done.await.unwrap_or_else(|_| Err(Error::internal()))
    }
}

/// Lets `edit` change the settings, stores and follows them. Nothing happens when `edit` refuses.
pub(crate) async fn apply(api: &Api, edit: impl FnOnce(&mut Config) -> Result<(), Error>) -> Result<(), Error> {
    let change = Change::begin(api).await;
    let mut edited = change.config.clone();
    edit(&mut edited)?;
    if edited == change.config {
        return Ok(());
    }
    change.finish(None, |config| *config = edited).await
}

async fn store(engine: &Engine, config: Config, secret: Option<SecretChange>) -> Result<(), Error> {
    let Some(SecretChange { name, value }) = secret else {
        return engine.apply(config).await.map_err(|error| not_saved(&error));
    };
    let before = engine.secrets().find(&name);
    keep(engine, name.clone(), value).await?;
    let applied = engine.apply(config).await;
    if let Err(error) = applied {
        // The settings stay as they were, and so must the key. That this can fail too changes nothing about the answer.
        let _ = keep(engine, name, before).await;
        return Err(not_saved(&error));
    }
    Ok(())
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
