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
    /// 404: there is no such recording.
    RecordingNotFound,
    /// 405: the address exists, not with this method.
    MethodNotAllowed,
    /// 409: the stream has no publisher, so there is nothing to record.
    StreamNotLive,
    /// 409: the recording is being written.
    RecordingInUse,
    /// 409: the destination is switched off.
    DestinationDisabled,
    /// 413: the body is larger than any request needs.
    BodyTooLarge,
    /// 415: the body is not declared as JSON.
    UnsupportedMediaType,
    /// 421: the `Host` is not a name of this computer.
    WrongHost,
    /// 422: a value that can be read but not used.
    InvalidValue,
    /// 500: a bug in Weir; the log has more.
    Internal,
    /// 500: the settings could not be saved.
    SettingsNotSaved,
    /// 500: a file or folder could not be read, written or removed.
    FileError,
    /// 503: too many event streams are open.
    TooManyClients,
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
        Self::RecordingNotFound,
        Self::MethodNotAllowed,
        Self::StreamNotLive,
        Self::RecordingInUse,
        Self::DestinationDisabled,
        Self::BodyTooLarge,
        Self::UnsupportedMediaType,
        Self::WrongHost,
        Self::InvalidValue,
        Self::Internal,
        Self::SettingsNotSaved,
        Self::FileError,
        Self::TooManyClients,
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
            | Self::RecordingNotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::StreamNotLive | Self::RecordingInUse | Self::DestinationDisabled => StatusCode::CONFLICT,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::WrongHost => StatusCode::MISDIRECTED_REQUEST,
            Self::InvalidValue => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Internal | Self::SettingsNotSaved | Self::FileError => StatusCode::INTERNAL_SERVER_ERROR,
            Self::TooManyClients | Self::ShuttingDown => StatusCode::SERVICE_UNAVAILABLE,
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
}

impl Error {
    /// An error in words.
    pub fn new(code: Code, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: hint.into() }
    }

    /// A value that can be read but not used.
    pub(crate) fn invalid(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(Code::InvalidValue, message, hint)
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
