//! SRT: what holds for all its listeners, and the passphrases of streams.

use std::path::PathBuf;

use axum::extract::State;
use axum::http::StatusCode;
use weir_engine::protocol::srt::{self, StreamName, passphrases};
use weir_media::{Secret, StreamPath};

use crate::apply::{Change, SecretChange};
use crate::error::{Code, Error};
use crate::extract::{Json, Path};
use crate::model::{
    BareStreamId, SrtDelivery, SrtEncryption, SrtPassphrase, SrtPassphraseCreate, SrtPassphraseFile, SrtPassphraseList,
    SrtPatch, SrtSettings,
};
use crate::router::Api;

/// The settings in force.
#[utoipa::path(get, path = "/srt", tag = "srt", responses((status = 200, body = SrtSettings)))]
pub(crate) async fn show(State(api): State<Api>) -> Json<SrtSettings> {
    Json(SrtSettings::new(&api.engine))
}

/// Change settings. They hold for connections to come; those that stand go on as they are.
#[utoipa::path(patch, path = "/srt", tag = "srt", request_body = SrtPatch, responses((status = 200, body = SrtSettings)))]
pub(crate) async fn change(State(api): State<Api>, Json(patch): Json<SrtPatch>) -> Result<Json<SrtSettings>, Error> {
    let change = Change::begin(&api).await;
    let mut changed = change.config.srt.clone();
    merge(&mut changed, &patch)?;
    if let Some(file) = changed.passphrase_file.clone().filter(|_| patch.passphrase_file.is_some()) {
        read_file(file).await?;
    }
    let secret = match &patch.passphrase {
        None => None,
        Some(given) if !given.is_set() => Some(SecretChange { name: passphrases::ONE.to_owned(), value: None }),
        Some(given) => Some(SecretChange { name: passphrases::ONE.to_owned(), value: Some(usable(given.clone())?) }),
    };
    let will_be_set = match &secret {
        Some(secret) => secret.value.is_some(),
        None => api.engine.secrets().find(passphrases::ONE).is_some(),
    };
    let lacks = match changed.encryption {
        srt::Encryption::One if !will_be_set => Some("Set the passphrase too, or have one made."),
        srt::Encryption::File if changed.passphrase_file.is_none() => Some("Name the passphrase file too."),
        _ => None,
    };
    if let Some(hint) = lacks {
        return Err(Error::invalid("Encryption needs a passphrase, and there is none.", hint));
    }
    change.finish(secret, |config| config.srt = changed).await?;
    Ok(Json(SrtSettings::new(&api.engine)))
}

/// Make a strong passphrase for all streams, in place of the one that is set. The answer shows it, this once.
#[utoipa::path(post, path = "/srt/passphrase", tag = "srt", responses((status = 200, body = SrtPassphrase)))]
pub(crate) async fn generate(State(api): State<Api>) -> Result<Json<SrtPassphrase>, Error> {
    let made = passphrases::generate().map_err(|_| Error::internal())?;
    let secret = SecretChange { name: passphrases::ONE.to_owned(), value: Some(made.clone()) };
    Change::begin(&api).await.finish(Some(secret), |_| {}).await?;
    Ok(Json(SrtPassphrase { path: None, generated: Some(made.into_exposed()) }))
}

/// The streams that have a passphrase of their own.
#[utoipa::path(get, path = "/srt/passphrases", tag = "srt_passphrases",
    responses((status = 200, body = SrtPassphraseList)))]
pub(crate) async fn list(State(api): State<Api>) -> Json<SrtPassphraseList> {
    let mut streams: Vec<String> = api.engine.config().srt.streams.into_iter().map(String::from).collect();
    streams.sort();
    Json(SrtPassphraseList { streams })
}

/// Give a stream a passphrase of its own, or another one: the given, or a strong one that the answer shows, this once.
/// Connections that stand go on; the next one needs the new passphrase.
#[utoipa::path(put, path = "/srt/passphrases/{path}", tag = "srt_passphrases",
    params(("path" = String, Path, description = "The stream, `app/name`, its slashes written as `%2F`")),
    request_body = SrtPassphraseCreate, responses((status = 200, body = SrtPassphrase))
)]
pub(crate) async fn set(
    State(api): State<Api>,
    Path(path): Path<String>,
    Json(given): Json<SrtPassphraseCreate>,
) -> Result<Json<SrtPassphrase>, Error> {
    let path = name(&path)?;
    let (value, generated) = match given.passphrase {
        Some(given) => (usable(given)?, None),
        None => {
            let made = passphrases::generate().map_err(|_| Error::internal())?;
            (made.clone(), Some(made.into_exposed()))
        }
    };
    let secret = SecretChange { name: passphrases::secret_of(&path), value: Some(value) };
    let stream = StreamName::from(path.clone());
    let change = Change::begin(&api).await;
    change
        .finish(Some(secret), |config| {
            if !config.srt.streams.contains(&stream) {
                config.srt.streams.push(stream);
                config.srt.streams.sort();
            }
        })
        .await?;
    Ok(Json(SrtPassphrase { path: Some(path.as_str().to_owned()), generated }))
}

/// Take a stream's passphrase away.
#[utoipa::path(delete, path = "/srt/passphrases/{path}", tag = "srt_passphrases",
    params(("path" = String, Path, description = "The stream, `app/name`, its slashes written as `%2F`")),
    responses((status = 204, description = "It has none any more"))
)]
pub(crate) async fn remove(State(api): State<Api>, Path(path): Path<String>) -> Result<StatusCode, Error> {
    let path = name(&path)?;
    let stream = StreamName::from(path.clone());
    let change = Change::begin(&api).await;
    if !change.config.srt.streams.contains(&stream) {
        return Err(Error::new(
            Code::PassphraseNotFound,
            format!("The stream {path} has no passphrase of its own."),
            "Look at the list of passphrases for the right name.",
        ));
    }
    let secret = SecretChange { name: passphrases::secret_of(&path), value: None };
    change.finish(Some(secret), |config| config.srt.streams.retain(|known| *known != stream)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Every stream's own passphrase in the form of the passphrase file. It is as secret as they are.
#[utoipa::path(get, path = "/srt/passphrase_file", tag = "srt_passphrases",
    responses((status = 200, body = SrtPassphraseFile)))]
pub(crate) async fn export(State(api): State<Api>) -> Json<SrtPassphraseFile> {
    let secrets = api.engine.secrets();
    let streams = api.engine.config().srt.streams;
    let all = streams.iter().filter_map(|stream| {
        let secret = secrets.find(&passphrases::secret_of(stream.path()))?;
        Some((stream.path().as_str().to_owned(), secret))
    });
    Json(SrtPassphraseFile(all.collect()))
}

/// Take every stream's own passphrase from the form of the passphrase file: all of them, or none. Streams that it does not
/// name lose theirs.
#[utoipa::path(put, path = "/srt/passphrase_file", tag = "srt_passphrases", request_body = SrtPassphraseFile,
    responses((status = 200, body = SrtPassphraseList)))]
pub(crate) async fn import(
    State(api): State<Api>,
    Json(given): Json<SrtPassphraseFile>,
) -> Result<Json<SrtPassphraseList>, Error> {
    let mut book = passphrases::Book::new();
    for (path, passphrase) in given.0 {
        let path = name(&path)?;
        let value =
            usable(passphrase).map_err(|error| Error { message: format!("{path}: {}", error.message), ..error })?;
        if book.insert(path.clone(), value).is_some() {
            return Err(Error::invalid(format!("{path} has two passphrases."), "Leave one of them out."));
        }
    }
    let change = Change::begin(&api).await;
    let before = change.config.srt.streams.clone();
    let secrets = api.engine.secrets().clone();
    let streams: Vec<StreamName> = book.keys().cloned().map(StreamName::from).collect();
    let stored = tokio::task::spawn_blocking(move || {
        let gone = before.iter().map(StreamName::path).filter(|path| !book.contains_key(*path));
        gone.map(|path| (path.clone(), None))
            .chain(book.iter().map(|(path, value)| (path.clone(), Some(value.clone()))))
            .try_for_each(|(path, value)| secrets.set(&passphrases::secret_of(&path), value))
    });
    stored.await.map_err(|_| Error::internal())?.map_err(|error| {
        Error::new(
            Code::SettingsNotSaved,
            format!("The passphrases could not be saved: {error}."),
            "Check that the disk has room and that you may write to the settings folder, then try again.",
        )
    })?;
    change.finish(None, |config| config.srt.streams = streams).await?;
    Ok(list(State(api)).await)
}

fn merge(config: &mut srt::Config, patch: &SrtPatch) -> Result<(), Error> {
    if let Some(millis) = patch.latency_ms {
        config.latency_ms = srt::LatencyMillis::try_from(millis).map_err(|_| {
            Error::invalid(
                format!("The latency cannot be {millis} milliseconds."),
                "Choose 20 to 8000 milliseconds; four times the round trip time is a good value.",
            )
        })?;
    }
    if let Some(delivery) = patch.delivery {
        config.delivery = match delivery {
            SrtDelivery::InOrder => srt::Delivery::InOrder,
            SrtDelivery::Exact => srt::Delivery::Exact,
        };
    }
    if let Some(bare) = patch.bare_stream_id {
        config.bare_stream_id = match bare {
            BareStreamId::Auto => srt::BareStreamId::Auto,
            BareStreamId::Publish => srt::BareStreamId::Publish,
            BareStreamId::Play => srt::BareStreamId::Play,
        };
    }
    if let Some(path) = patch.default_path.clone() {
        config.default_path = srt::DefaultPath::try_from(path.trim().to_owned()).map_err(|error| no_name(&error))?;
    }
    if let Some(encryption) = patch.encryption {
        config.encryption = match encryption {
            SrtEncryption::Off => srt::Encryption::Off,
            SrtEncryption::One => srt::Encryption::One,
            SrtEncryption::PerStream => srt::Encryption::PerStream,
            SrtEncryption::File => srt::Encryption::File,
        };
    }
    if let Some(file) = patch.passphrase_file.as_deref().map(str::trim) {
        config.passphrase_file = (!file.is_empty()).then(|| PathBuf::from(file));
    }
    match patch.key_length {
        None => {}
        Some(0) => config.key_length = None,
        Some(bytes) => {
            let length = srt::KeyLength::try_from(bytes).map_err(|_| {
                Error::invalid(
                    format!("A key cannot have {bytes} bytes."),
                    "Choose 16, 24 or 32, or 0 to take the caller's.",
                )
            })?;
            config.key_length = Some(length);
        }
    }
    Ok(())
}

/// The file must be there and right when it is named; what becomes of it later is told as a problem.
async fn read_file(file: PathBuf) -> Result<(), Error> {
    if !file.is_absolute() {
        return Err(Error::invalid("The passphrase file must be a full path.", "Write it from the top."));
    }
    let read = tokio::task::spawn_blocking(move || passphrases::read(&file).map(drop)).await;
    read.map_err(|_| Error::internal())?.map_err(|error| {
        Error::invalid(
            format!("The passphrases were not taken: {error}."),
            "Correct the file: JSON of the form {\"live/show\": \"passphrase\"}, each passphrase 10 to 79 bytes.",
        )
    })
}

fn usable(passphrase: Secret<String>) -> Result<Secret<String>, Error> {
    if passphrase.is_set() && passphrase.expose().trim().is_empty() {
        return Err(Error::invalid(
            "Nothing but spaces is no passphrase.",
            "Choose another one, or have Weir make one.",
        ));
    }
    match passphrases::check(passphrase.expose()) {
        Ok(()) => Ok(passphrase),
        Err(error) => {
            let mut message = format!("{error}.");
            message.get_mut(..1).map(str::make_ascii_uppercase);
            Err(Error::invalid(message, "Choose a longer or shorter one, or have Weir make one."))
        }
    }
}

fn name(path: &str) -> Result<StreamPath, Error> {
    StreamPath::parse(path).map_err(|error| no_name(&error))
}

fn no_name(error: &weir_media::PathError) -> Error {
    Error::invalid(
        format!("This cannot be the name of a stream: {error}."),
        "Write it as app/name, such as live/camera1.",
    )
}
