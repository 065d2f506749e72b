//! Files that were or are being written.

use std::path::PathBuf;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue};
use axum::response::{IntoResponse, Response};
use tower::ServiceExt as _;
use tower_http::services::ServeFile;
use weir_engine::recording::{DeleteError, Recordings};

use crate::error::{Code, Error};
use crate::extract::{Json, Path};
use crate::model::{Recording, RecordingFolder, RecordingList, Topic};
use crate::router::Api;

/// The recordings folder and what is in it.
#[utoipa::path(get, path = "/recordings", tag = "recordings", responses((status = 200, body = RecordingList)))]
pub(crate) async fn list(State(api): State<Api>) -> Result<Json<RecordingList>, Error> {
    blocking(&api, |recordings| {
        let entries = recordings.list().map_err(|error| {
            Error::new(
                Code::FileError,
                format!("The recordings folder cannot be read: {error}."),
                "Check that the disk is connected, or choose another folder in the settings.",
            )
        })?;
        let known = recordings.status();
        let recordings_found = entries.into_iter().map(|entry| Recording::new(entry, &known)).collect();
        Ok(Json(RecordingList { folder: look_at(recordings), recordings: recordings_found }))
    })
    .await
}

/// The recordings folder.
#[utoipa::path(get, path = "/recordings-folder", tag = "recordings",
    responses((status = 200, body = RecordingFolder)))]
pub(crate) async fn folder(State(api): State<Api>) -> Result<Json<RecordingFolder>, Error> {
    blocking(&api, |recordings| Ok(Json(look_at(recordings)))).await
}

/// Delete a recording. One that is being written must be stopped first.
#[utoipa::path(delete, path = "/recordings/{id}", tag = "recordings",
    params(("id" = String, Path, description = "The recording's `id`")),
    responses((status = 204, description = "It is deleted"))
)]
pub(crate) async fn remove(State(api): State<Api>, Path(id): Path<String>) -> Result<StatusCode, Error> {
    blocking(&api, move |recordings| {
        recordings.delete(&id).map_err(|error| match error {
            DeleteError::NotFound(_) => unknown(),
            DeleteError::InProgress(_) => Error::new(
                Code::RecordingInUse,
                "This recording is being written.",
                "Stop the recording first, then delete the file.",
            ),
            DeleteError::Disk(_, cause) => Error::new(
                Code::FileError,
                format!("The file could not be deleted: {cause}."),
                "Close the programs that use it, and check that you may write to its folder.",
            ),
        })
    })
    .await?;
    // Nobody listening is fine.
    let _ = api.changed.send(Topic::Recordings);
    Ok(StatusCode::NO_CONTENT)
}

/// The file itself. Takes `Range`.
#[utoipa::path(get, path = "/recordings/{id}/file", tag = "recordings",
    params(("id" = String, Path, description = "The recording's `id`")),
    responses(
        (status = 200, description = "The whole file", content_type = "video/x-flv"),
        (status = 206, description = "The asked part", content_type = "video/x-flv")
    )
)]
pub(crate) async fn file(
    State(api): State<Api>,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Result<Response, Error> {
    let name = id.clone();
    let path = blocking(&api, move |recordings| Ok(recordings.locate(&name))).await?.ok_or_else(unknown)?;
    let Ok(served) = ServeFile::new(&path).oneshot(request).await;
    let status = served.status();
    if status == StatusCode::NOT_FOUND {
        return Err(unknown());
    }
    let mut response = served.into_response();
    let headers = response.headers_mut();
    if status.is_success() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type(&path)));
        if let Ok(value) = HeaderValue::try_from(disposition(&id)) {
            headers.insert(CONTENT_DISPOSITION, value);
        }
    }
    Ok(response)
}

fn media_type(path: &std::path::Path) -> &'static str {
    let mp4 = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("mp4"));
    if mp4 { "video/mp4" } else { "video/x-flv" }
}

/// The name to save it under (RFC 6266); what is no plain character is written as RFC 5987 wants it.
fn disposition(name: &str) -> String {
    use std::fmt::Write as _;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let mut text = String::from("attachment; filename*=UTF-8''");
    for byte in name.bytes() {
        if plain(byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

fn look_at(recordings: &Recordings) -> RecordingFolder {
    let folder = recordings.folder();
    let folder = std::path::absolute(&folder).unwrap_or(folder);
    RecordingFolder { exists: folder.is_dir(), free_bytes: free_bytes(&folder), path: folder.display().to_string() }
}

/// Free space where `folder` is or will be made.
pub(crate) fn free_bytes(folder: &std::path::Path) -> Option<u64> {
    let there = folder.ancestors().find(|folder| folder.exists())?;
    fs4::available_space(there).ok()
}

/// The full path of the folder.
pub(crate) fn folder_of(recordings: &Recordings) -> PathBuf {
    let folder = recordings.folder();
    std::path::absolute(&folder).unwrap_or(folder)
}

/// Files are asked where waiting for a slow disk holds up nobody else.
async fn blocking<T: Send + 'static>(
    api: &Api,
    ask: impl FnOnce(&Recordings) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let recordings = api.engine.recordings().clone();
    tokio::task::spawn_blocking(move || ask(&recordings)).await.unwrap_or_else(|_| Err(Error::internal()))
}

fn unknown() -> Error {
    Error::new(
        Code::RecordingNotFound,
        "There is no such recording.",
        "It may have been moved or deleted: look at the list of recordings again.",
    )
}
