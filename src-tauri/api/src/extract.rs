//! Path, query and body of a request, with our own words when they cannot be read.

use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::error::{Code, Error};

/// A JSON body, in and out.
#[derive(Debug, FromRequest)]
#[from_request(via(axum::Json), rejection(Error))]
pub(crate) struct Json<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        ([(axum::http::header::CACHE_CONTROL, "no-store")], axum::Json(self.0)).into_response()
    }
}

/// The parameters in the path.
#[derive(Debug, FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(Error))]
pub(crate) struct Path<T>(pub(crate) T);

/// What stands behind the question mark.
#[derive(Debug, FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(Error))]
pub(crate) struct Query<T>(pub(crate) T);

impl From<QueryRejection> for Error {
    fn from(rejection: QueryRejection) -> Self {
        Self::new(
            Code::InvalidRequest,
            format!("What stands behind the question mark cannot be read: {}.", innermost(&rejection)),
            "Compare it with the description in /api/v1/openapi.json.",
        )
    }
}

impl From<JsonRejection> for Error {
    fn from(rejection: JsonRejection) -> Self {
        match rejection.status() {
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::new(
                Code::UnsupportedMediaType,
                "The body is not declared as JSON.",
                "Send it with the header Content-Type: application/json.",
            ),
            StatusCode::PAYLOAD_TOO_LARGE => too_large(),
            _ => Self::new(
                Code::InvalidRequest,
                format!("The body cannot be read: {}.", plain(&rejection)),
                "Compare it with the description in /api/v1/openapi.json.",
            ),
        }
    }
}

impl From<PathRejection> for Error {
    fn from(_: PathRejection) -> Self {
        Self::new(
            Code::InvalidRequest,
            "A part of the address cannot be read.",
            "Write it as UTF-8 with percent signs, a slash inside a name as %2F.",
        )
    }
}

/// A body over the limit, whoever noticed it.
pub(crate) fn too_large() -> Error {
    Error::new(Code::BodyTooLarge, "The body is too large.", "No request of this API needs more than 64 KiB.")
}

/// The innermost cause, which names the field and the place, without the framework's preamble. The value itself is left
/// out: it may be a stream key.
fn plain(rejection: &JsonRejection) -> String {
    redacted(&innermost(rejection))
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// `invalid type: string "secret", expected u32` without the quoted value.
pub(crate) fn redacted(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut quoted = false;
    let mut escaped = false;
    for letter in text.chars() {
        match (quoted, letter) {
            (false, '"') => {
                quoted = true;
                shown.push_str("\"…\"");
            }
            (true, '\\') if !escaped => {
                escaped = true;
                continue;
            }
            (true, '"') if !escaped => quoted = false,
            (true, _) => {}
            (false, other) => shown.push(other),
        }
        escaped = false;
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::redacted;

    #[test]
    fn a_quoted_value_never_reaches_the_answer() {
        let text = r#"url: invalid type: string "can\"ary", expected u32 at line 1 column 4"#;
        assert_eq!(redacted(text), r#"url: invalid type: string "…", expected u32 at line 1 column 4"#);
    }
}
