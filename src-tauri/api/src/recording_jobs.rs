//! Work on recordings that takes its time.

use axum::extract::State;
use axum::http::StatusCode;
use weir_engine::recording::JobError;

use crate::error::{Code, Error};
use crate::extract::{Json, Path};
use crate::model::{RecordingJob, RecordingJobCreate, RecordingJobList};
use crate::recordings::{blocking, in_use, unknown};
use crate::router::Api;

/// Convert a recording to MP4, or repair it. Jobs are done one after the other; a `changed` event with the topic
/// `recording_jobs` tells how they go.
#[utoipa::path(post, path = "/recordings/{id}/jobs", tag = "recording_jobs", request_body = RecordingJobCreate,
    params(("id" = String, Path, description = "The recording's `id`")),
    responses((status = 202, description = "It is begun, or queued", body = RecordingJob))
)]
pub(crate) async fn create(
    State(api): State<Api>,
    Path(id): Path<String>,
    Json(create): Json<RecordingJobCreate>,
) -> Result<(StatusCode, Json<RecordingJob>), Error> {
    let job = blocking(&api, move |recordings| {
        recordings.start_job(&id, create.kind.into()).map_err(|error| match error {
            JobError::NotFound(_) => unknown(),
            JobError::InUse(_) => in_use(),
            JobError::NotFlv(_) => {
                Error::invalid("This recording is no FLV file.", "Only FLV files are converted to MP4.")
            }
            JobError::TooMany => {
                Error::new(Code::TooManyClients, "Too many jobs are waiting.", "Wait until some of them are done.")
            }
        })
    })
    .await?;
    Ok((StatusCode::ACCEPTED, Json(RecordingJob::from(job))))
}

/// All jobs since the start.
#[utoipa::path(get, path = "/recording-jobs", tag = "recording_jobs", responses((status = 200, body = RecordingJobList)))]
pub(crate) async fn list(State(api): State<Api>) -> Json<RecordingJobList> {
    Json(RecordingJobList { jobs: api.engine.recordings().jobs().into_iter().map(RecordingJob::from).collect() })
}

/// Call a job off, or forget one that is over.
#[utoipa::path(delete, path = "/recording-jobs/{id}", tag = "recording_jobs",
    params(("id" = String, Path, description = "The job's `id`")),
    responses((status = 204, description = "It stops, or is forgotten"))
)]
pub(crate) async fn remove(State(api): State<Api>, Path(id): Path<String>) -> Result<StatusCode, Error> {
    if api.engine.recordings().remove_job(&id) {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Error::new(Code::RecordingJobNotFound, "There is no such job.", "Look at the list of jobs again."))
}
