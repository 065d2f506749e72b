//! Who may publish and watch.

use std::path::PathBuf;
use std::time::Duration;

use axum::extract::State;
use weir_engine::auth;
use weir_engine::secrets::Secrets;

use crate::addresses::change_callback;
use crate::apply::{SecretChange, apply_with};
use crate::error::Error;
use crate::extract::Json;
use crate::model::{Access, AccessPatch};
use crate::router::Api;

/// Who may publish and watch.
#[utoipa::path(get, path = "/access", tag = "access", responses((status = 200, body = Access)))]
pub(crate) async fn show(State(api): State<Api>) -> Json<Access> {
    Json(Access::new(&api.engine))
}

/// Change who may publish and watch. It is checked, applied at once and saved. Who is in without a valid key is disconnected.
#[utoipa::path(patch, path = "/access", tag = "access", request_body = AccessPatch,
    responses((status = 200, body = Access)))]
pub(crate) async fn change(State(api): State<Api>, Json(patch): Json<AccessPatch>) -> Result<Json<Access>, Error> {
    if let Some(file) = patch.file.clone() {
        let read = tokio::task::spawn_blocking(move || auth::file::read(&PathBuf::from(file))).await;
        let read = read.map_err(|_| Error::internal())?;
        read.map_err(|error| {
            Error::invalid(
                format!("The file of tokens cannot be used: {error}."),
                "Correct the file or choose another one.",
            )
        })?;
    }
    apply_with(&api, |config| merge(&mut config.auth, &patch, api.engine.secrets())).await?;
    Ok(Json(Access::new(&api.engine)))
}

/// Changes the settings. What is to happen to what is kept of the callback's address, if anything.
fn merge(config: &mut auth::Config, patch: &AccessPatch, secrets: &Secrets) -> Result<Option<SecretChange>, Error> {
    if let Some(file) = &patch.file {
        config.file = Some(PathBuf::from(file));
    }
    let kept = match &patch.callback {
        Some(url) => change_callback(config, secrets, url.expose())?,
        None => None,
    };
    if let Some(seconds) = patch.callback_timeout_seconds {
        config.callback_timeout_seconds = within(seconds, 0.1..=60.0, "The callback's time-out")?.into();
    }
    if let Some(tries) = patch.wrong_tries {
        if !(1..=1000).contains(&tries) {
            return Err(Error::invalid(
                format!("{tries} wrong tries cannot be set."),
                "Choose 1 to 1000; 10 suits most.",
            ));
        }
        config.wrong_tries = tries;
    }
    if let Some(seconds) = patch.wrong_try_seconds {
        config.wrong_try_seconds = within(seconds, 1.0..=3600.0, "The time after which a try is forgiven")?.into();
    }
    config.open_playback = patch.open_playback.unwrap_or(config.open_playback);
    config.mode = patch.mode.map_or(config.mode, auth::Mode::from);
    match config.mode {
        auth::Mode::File if config.file.is_none() => {
            Err(Error::invalid("There is no file of tokens to look at.", "Choose the file along with this mode."))
        }
        auth::Mode::Callback if config.callback.is_none() => {
            Err(Error::invalid("There is no address to ask.", "Give the callback's address along with this mode."))
        }
        _ => Ok(kept),
    }
}

fn within(seconds: f64, range: std::ops::RangeInclusive<f64>, what: &str) -> Result<Duration, Error> {
    if range.contains(&seconds) {
        return Ok(Duration::from_secs_f64(seconds));
    }
    Err(Error::invalid(
        format!("{what} cannot be {seconds} s."),
        format!("Choose {} to {} seconds.", range.start(), range.end()),
    ))
}
