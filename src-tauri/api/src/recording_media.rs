//! A recording as a browser plays it: its first picture, and fragments for `MediaSource`.

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use weir_engine::recording::{Choice, FilmError, KeyPicture, Recordings};
use weir_media::Codec;

use crate::error::{Code, Error};
use crate::extract::{Json, Path, Query};
use crate::model::{RecordingChoice, RecordingMedia, RecordingPicture};
use crate::recordings::{blocking, unknown};
use crate::router::Api;

/// The first picture, for WebCodecs to draw.
#[utoipa::path(get, path = "/recordings/{id}/picture", tag = "recording_media",
    params(("id" = String, Path, description = "The recording's `id`")),
    responses((status = 200, body = RecordingPicture))
)]
pub(crate) async fn picture(State(api): State<Api>, Path(id): Path<String>) -> Result<Json<RecordingPicture>, Error> {
    let picture = blocking(&api, move |recordings| find_picture(recordings, &id)).await?;
    // VP8 and VP9 are decoded by their frames alone, and WebCodecs knows no description for them.
    let config = picture.track.config.as_ref().filter(|_| !matches!(picture.track.codec, Codec::Vp8 | Codec::Vp9));
    let size = picture.track.video.as_ref();
    Ok(Json(RecordingPicture {
        width: size.and_then(|video| video.width),
        height: size.and_then(|video| video.height),
        description: config.map(|config| STANDARD.encode(config)),
        data: STANDARD.encode(&picture.data),
        codec: picture.codec,
    }))
}

/// The first picture as an MP4 film of one second, for a `<video>` element where WebCodecs is missing.
#[utoipa::path(get, path = "/recordings/{id}/picture.mp4", tag = "recording_media",
    params(("id" = String, Path, description = "The recording's `id`")),
    responses((status = 200, description = "The film", content_type = "video/mp4"))
)]
pub(crate) async fn picture_film(State(api): State<Api>, Path(id): Path<String>) -> Result<Response, Error> {
    let film = blocking(&api, move |recordings| find_picture(recordings, &id)?.film().map_err(refused)).await?;
    Ok(mp4(film))
}

/// How to play it: initialization segments and fragments with their times.
#[utoipa::path(get, path = "/recordings/{id}/media", tag = "recording_media",
    params(("id" = String, Path, description = "The recording's `id`"), RecordingChoice),
    responses((status = 200, body = RecordingMedia))
)]
pub(crate) async fn show(
    State(api): State<Api>,
    Path(id): Path<String>,
    Query(choice): Query<RecordingChoice>,
) -> Result<Json<RecordingMedia>, Error> {
    let choice = chosen(&choice)?;
    blocking(&api, move |recordings| {
        let film = recordings.film(&id).map_err(refused)?;
        let plan = film.plan(choice).map_err(refused)?;
        Ok(Json(RecordingMedia::new(&film, &plan)))
    })
    .await
}

/// One initialization segment.
#[utoipa::path(get, path = "/recordings/{id}/media/init/{number}", tag = "recording_media",
    params(
        ("id" = String, Path, description = "The recording's `id`"),
        ("number" = usize, Path, description = "The number in the list, from 0"),
        RecordingChoice
    ),
    responses((status = 200, description = "The segment", content_type = "video/mp4"))
)]
pub(crate) async fn initialization(
    State(api): State<Api>,
    Path((id, number)): Path<(String, usize)>,
    Query(choice): Query<RecordingChoice>,
) -> Result<Response, Error> {
    let choice = chosen(&choice)?;
    let segment = blocking(&api, move |recordings| {
        recordings.film(&id).and_then(|film| film.initialization(choice, number)).map_err(refused)
    });
    Ok(mp4(segment.await?))
}

/// One media segment.
#[utoipa::path(get, path = "/recordings/{id}/media/fragment/{number}", tag = "recording_media",
    params(
        ("id" = String, Path, description = "The recording's `id`"),
        ("number" = usize, Path, description = "The number in the list, from 0"),
        RecordingChoice
    ),
    responses((status = 200, description = "The segment", content_type = "video/mp4"))
)]
pub(crate) async fn fragment(
    State(api): State<Api>,
    Path((id, number)): Path<(String, usize)>,
    Query(choice): Query<RecordingChoice>,
) -> Result<Response, Error> {
    let choice = chosen(&choice)?;
    let segment = blocking(&api, move |recordings| {
        recordings.film(&id).and_then(|film| film.fragment(choice, number)).map_err(refused)
    });
    Ok(mp4(segment.await?))
}

fn find_picture(recordings: &Recordings, id: &str) -> Result<KeyPicture, Error> {
    recordings.picture(id).map_err(refused)?.ok_or_else(|| {
        Error::new(
            Code::RecordingPartNotFound,
            "This recording has no picture.",
            "It holds sound alone, or is damaged.",
        )
    })
}

fn chosen(choice: &RecordingChoice) -> Result<Choice, Error> {
    choice.read().ok_or_else(|| {
        Error::invalid("A track has a number from 0 to 255, or is `none`.", "Look at the recording's list of tracks.")
    })
}

fn mp4(bytes: impl IntoResponse) -> Response {
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, axum::http::HeaderValue::from_static("video/mp4"));
    headers.insert(CACHE_CONTROL, axum::http::HeaderValue::from_static("no-store"));
    response
}

fn refused(error: FilmError) -> Error {
    match error {
        FilmError::NotFound(_) => unknown(),
        FilmError::NoSuchPart => Error::new(
            Code::RecordingPartNotFound,
            "The recording has no such part.",
            "Ask for the list of its fragments again.",
        ),
        FilmError::Unplayable(why) => Error::new(
            Code::RecordingUnplayable,
            format!("This recording cannot be played here: {why}."),
            "Repair it if it was cut off, or play the file with another program.",
        ),
        FilmError::Disk(cause) => Error::new(
            Code::FileError,
            format!("The recording cannot be read: {cause}."),
            "Check that the disk is connected, then try again.",
        ),
    }
}
