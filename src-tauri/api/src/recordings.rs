//! Files that were or are being written.

use std::path::PathBuf;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue};
use axum::response::{IntoResponse, Response};
use tower::ServiceExt as _;
use tower_http::services::ServeFile;
use weir_engine::recording::{DeleteError, Entry, Recordings, Removal, RenameError, Status};

use crate::error::{Code, Error};
use crate::extract::{Json, Path, Query};
use crate::model::{Recording, RecordingFolder, RecordingList, RecordingPatch, RecordingQuery, RecordingRemoval};
use crate::router::Api;

/// A page of the recordings in the folder.
#[utoipa::path(get, path = "/recordings", tag = "recordings", params(RecordingQuery),
    responses((status = 200, body = RecordingList)))]
pub(crate) async fn list(
    State(api): State<Api>,
    Query(query): Query<RecordingQuery>,
) -> Result<Json<RecordingList>, Error> {
    blocking(&api, move |recordings| {
        let found = recordings.find(&query.into()).map_err(|error| unreadable(&error))?;
        let known = Known::new(recordings);
        Ok(Json(RecordingList {
            folder: look_at(recordings),
            recordings: found.entries.into_iter().map(|entry| known.complete(entry)).collect(),
            matched: found.matched,
            matched_bytes: found.matched_bytes,
            total: found.total,
            total_bytes: found.total_bytes,
            is_partial: found.is_partial,
        }))
    })
    .await
}

/// One recording.
#[utoipa::path(get, path = "/recordings/{id}", tag = "recordings",
    params(("id" = String, Path, description = "The recording's `id`")),
    responses((status = 200, body = Recording))
)]
pub(crate) async fn show(State(api): State<Api>, Path(id): Path<String>) -> Result<Json<Recording>, Error> {
    blocking(&api, move |recordings| find(recordings, &id)).await
}

/// Give a recording another name. Its `id` changes with it.
#[utoipa::path(patch, path = "/recordings/{id}", tag = "recordings", request_body = RecordingPatch,
    params(("id" = String, Path, description = "The recording's `id`")),
    responses((status = 200, body = Recording))
)]
pub(crate) async fn rename(
    State(api): State<Api>,
    Path(id): Path<String>,
    Json(patch): Json<RecordingPatch>,
) -> Result<Json<Recording>, Error> {
    blocking(&api, move |recordings| {
        let renamed = recordings.rename(&id, &patch.file_name).map_err(|error| match error {
            RenameError::NotFound(_) => unknown(),
            RenameError::InProgress(_) => in_use(),
            RenameError::Taken(name) => {
                Error::new(Code::RecordingNameTaken, format!("There is already a file {name}."), "Choose another name.")
            }
            RenameError::Name(name, why) => {
                Error::invalid(format!("A recording cannot be called \"{name}\": {why}."), "Choose another name.")
            }
            RenameError::Disk(_, cause) => Error::new(
                Code::FileError,
                format!("The file could not be renamed: {cause}."),
                "Close the programs that use it, and check that you may write to its folder.",
            ),
        })?;
        find(recordings, &renamed)
    })
    .await
}

/// The recordings folder.
#[utoipa::path(get, path = "/recordings-folder", tag = "recordings",
    responses((status = 200, body = RecordingFolder)))]
pub(crate) async fn folder(State(api): State<Api>) -> Result<Json<RecordingFolder>, Error> {
    blocking(&api, |recordings| Ok(Json(look_at(recordings)))).await
}

/// Move a recording to the system's trash, or delete it for good. One that is being written must be stopped first.
///
/// Where no trash takes it the answer is `trash_unavailable` and the file stays: ask the person, then delete it `permanently`.
#[utoipa::path(delete, path = "/recordings/{id}", tag = "recordings",
    params(("id" = String, Path, description = "The recording's `id`"), RecordingRemoval),
    responses((status = 204, description = "It is gone"))
)]
pub(crate) async fn remove(
    State(api): State<Api>,
    Path(id): Path<String>,
    Query(removal): Query<RecordingRemoval>,
) -> Result<StatusCode, Error> {
    blocking(&api, move |recordings| {
        let removal = if removal.permanently { Removal::Permanent } else { Removal::Trash };
        recordings.delete(&id, removal).map_err(|error| match error {
            DeleteError::NotFound(_) => unknown(),
            DeleteError::InProgress(_) => in_use(),
            DeleteError::NoTrash(_, why) => Error::new(
                Code::TrashUnavailable,
                format!("The recording could not be moved to the trash: {why}."),
                "Delete it for good instead, or remove the file by hand.",
            ),
            DeleteError::Disk(_, cause) => Error::new(
                Code::FileError,
                format!("The file could not be deleted: {cause}."),
                "Close the programs that use it, and check that you may write to its folder.",
            ),
        })
    })
    .await?;
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
    let folder = folder_of(recordings);
    let room = recordings.room();
    RecordingFolder {
        exists: folder.is_dir(),
        free_bytes: room.free_bytes,
        reserve_bytes: room.reserve_bytes,
        time_left_seconds: room.time_left.map(|left| left.as_secs_f64().round()),
        path: folder.display().to_string(),
    }
}

/// What this run of the program knows of files: how their recording went.
struct Known {
    folder: PathBuf,
    status: Vec<Status>,
}

impl Known {
    fn new(recordings: &Recordings) -> Self {
        Self { folder: recordings.folder(), status: recordings.status() }
    }

    fn complete(&self, entry: Entry) -> Recording {
        let path = self.folder.join(&entry.name);
        let known = self.status.iter().rev().find(|recording| recording.file.as_deref() == Some(path.as_path()));
        Recording::new(entry, known)
    }
}

fn find(recordings: &Recordings, id: &str) -> Result<Json<Recording>, Error> {
    let entry = recordings.entry(id).map_err(|error| unreadable(&error))?.ok_or_else(unknown)?;
    Ok(Json(Known::new(recordings).complete(entry)))
}

fn unreadable(error: &std::io::Error) -> Error {
    Error::new(
        Code::FileError,
        format!("The recordings folder cannot be read: {error}."),
        "Check that the disk is connected, or choose another folder in the settings.",
    )
}

/// The full path of the folder.
fn folder_of(recordings: &Recordings) -> PathBuf {
    let folder = recordings.folder();
    std::path::absolute(&folder).unwrap_or(folder)
}

/// Files are asked where waiting for a slow disk holds up nobody else.
pub(crate) async fn blocking<T: Send + 'static>(
    api: &Api,
    ask: impl FnOnce(&Recordings) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let recordings = api.engine.recordings().clone();
    tokio::task::spawn_blocking(move || ask(&recordings)).await.unwrap_or_else(|_| Err(Error::internal()))
}

pub(crate) fn unknown() -> Error {
    Error::new(
        Code::RecordingNotFound,
        "There is no such recording.",
        "It may have been moved or deleted: look at the list of recordings again.",
    )
}

pub(crate) fn in_use() -> Error {
    Error::new(
        Code::RecordingInUse,
        "This recording is being written or converted.",
        "Stop the recording or the conversion first.",
    )
}
