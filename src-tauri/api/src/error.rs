//! Every error the API answers with: a code for programs, a sentence for people, and what to do about it.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// What a program branches on. The HTTP status follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// 400: the request cannot be read: no JSON, a wrong type, an unknown field, a bad path or query.
    InvalidRequest,
    /// 401: the token is missing or wrong.
    Unauthorized,
    /// 403: the `Origin` is not this page's.
    WrongOrigin,
    /// 404: there is no such address.
    NotFound,
    /// 404: there is no such stream.
    StreamNotFound,
    /// 404: there is no such reader or publisher.
    ConnectionNotFound,
    /// 404: there is no such listener.
    ListenerNotFound,
    /// 404: there is no such destination.
    DestinationNotFound,
    /// 404: there is no such stream key.
    StreamKeyNotFound,
    /// 404: there is no such hook.
    HookNotFound,
    /// 404: there is no such recording.
    RecordingNotFound,
    /// 404: the stream has no passphrase of its own.
    PassphraseNotFound,
    /// 404: the recording has no such picture or fragment.
    RecordingPartNotFound,
    /// 404: there is no such job.
    RecordingJobNotFound,
    /// 405: the address exists, not with this method.
    MethodNotAllowed,
    /// 409: the stream has no publisher, so there is nothing to record.
    StreamNotLive,
    /// 409: the recording is being written or converted.
    RecordingInUse,
    /// 409: another file has this name.
    RecordingNameTaken,
    /// 409: no trash takes the file; it can be deleted for good.
    TrashUnavailable,
    /// 409: the destination is switched off.
    DestinationDisabled,
    /// 409: nobody has chosen which stream the destination sends.
    NoStreamChosen,
    /// 413: the body is larger than any request needs.
    BodyTooLarge,
    /// 415: the body is not declared as JSON.
    UnsupportedMediaType,
    /// 421: the `Host` is not a name of this computer.
    WrongHost,
    /// 422: a value that can be read but not used.
    InvalidValue,
    /// 422: nothing in the recording can be played.
    RecordingUnplayable,
    /// 422: the certificate or its key cannot be used.
    InvalidCertificate,
    /// 429: too many wrong tokens came from this address.
    TooManyTries,
    /// 500: a bug in Weir; the log has more.
    Internal,
    /// 500: the settings could not be saved.
    SettingsNotSaved,
    /// 500: a file or folder could not be read, written or removed.
    FileError,
    /// 503: too many event streams are open.
    TooManyClients,
    /// 503: who may watch cannot be found out now.
    AccessUnknown,
    /// 503: the engine is shutting down.
    ShuttingDown,
}

impl Code {
    /// Every code, for the documentation and the tests.
    pub const ALL: &[Self] = &[
        Self::InvalidRequest,
        Self::Unauthorized,
        Self::WrongOrigin,
        Self::NotFound,
        Self::StreamNotFound,
        Self::ConnectionNotFound,
        Self::ListenerNotFound,
        Self::DestinationNotFound,
        Self::StreamKeyNotFound,
        Self::HookNotFound,
        Self::RecordingNotFound,
        Self::PassphraseNotFound,
        Self::RecordingPartNotFound,
        Self::RecordingJobNotFound,
        Self::MethodNotAllowed,
        Self::StreamNotLive,
        Self::RecordingInUse,
        Self::RecordingNameTaken,
        Self::TrashUnavailable,
        Self::DestinationDisabled,
        Self::NoStreamChosen,
        Self::BodyTooLarge,
        Self::UnsupportedMediaType,
        Self::WrongHost,
        Self::InvalidValue,
        Self::RecordingUnplayable,
        Self::InvalidCertificate,
        Self::TooManyTries,
        Self::Internal,
        Self::SettingsNotSaved,
        Self::FileError,
        Self::TooManyClients,
        Self::AccessUnknown,
        Self::ShuttingDown,
    ];

    /// The HTTP status that goes with it.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::InvalidRequest => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::WrongOrigin => StatusCode::FORBIDDEN,
            Self::NotFound
            | Self::StreamNotFound
            | Self::ConnectionNotFound
            | Self::ListenerNotFound
            | Self::DestinationNotFound
            | Self::StreamKeyNotFound
            | Self::HookNotFound
            | Self::RecordingNotFound
            | Self::PassphraseNotFound
            | Self::RecordingPartNotFound
            | Self::RecordingJobNotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::StreamNotLive
            | Self::RecordingInUse
            | Self::RecordingNameTaken
            | Self::TrashUnavailable
            | Self::DestinationDisabled
            | Self::NoStreamChosen => StatusCode::CONFLICT,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::WrongHost => StatusCode::MISDIRECTED_REQUEST,
            Self::InvalidValue | Self::RecordingUnplayable | Self::InvalidCertificate => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            Self::TooManyTries => StatusCode::TOO_MANY_REQUESTS,
            Self::Internal | Self::SettingsNotSaved | Self::FileError => StatusCode::INTERNAL_SERVER_ERROR,
            Self::TooManyClients | Self::AccessUnknown | Self::ShuttingDown => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// The body of every answer that is not a success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// What a program branches on.
    pub code: Code,
    /// One plain sentence: what is wrong.
    #[schema(example = "There is no stream live/stream.")]
    pub message: String,
    /// One plain sentence: what to do.
    #[schema(example = "Start your encoder, or look at the list of streams for the right name.")]
    pub hint: String,
    /// The one setting that it is about; null where it is about none.
    pub setting: Option<RefusedSetting>,
}

/// A setting that cannot be as it is asked to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RefusedSetting {
    /// Its name in the settings file.
    #[schema(example = "rtmp.chunk_size")]
    pub name: String,
    /// Why not, to go on from the name.
    pub reason: String,
}

impl Error {
    /// An error in words.
    pub fn new(code: Code, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: hint.into(), setting: None }
    }

    /// A value that can be read but not used.
    pub(crate) fn invalid(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(Code::InvalidValue, message, hint)
    }

    /// The same, said of one setting among many.
    pub(crate) fn at(mut self, setting: &str) -> Self {
        self.message.get_mut(..1).map(str::make_ascii_lowercase);
        let reason = std::mem::take(&mut self.message);
        self.message = format!("The setting {setting} cannot be so: {reason}");
        self.setting = Some(RefusedSetting { name: setting.to_owned(), reason });
        self
    }

    /// A bug of ours: the details belong into the log, not to the client.
    pub(crate) fn internal() -> Self {
        Self::new(
            Code::Internal,
            "Something inside Weir went wrong.",
            "Try again; the log says more about what happened.",
        )
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        // An error about one moment must not be kept for the next by anything between.
        (self.code.status(), [(header::CACHE_CONTROL, "no-store")], Json(self)).into_response()
    }
}
