//! Changes and numbers as they happen.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse;
use axum::response::{IntoResponse, Response, Sse};
use futures_util::stream;

use crate::error::{Code, Error};
use crate::feed::Feed;
use crate::model::Event;
use crate::router::Api;

/// Event streams at a time: a bound on work, since each computes the numbers of every second.
pub(crate) const MAX_STREAMS: usize = 32;
/// Silence after which a comment is sent; the numbers of each second make it rare.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Changes and numbers as server-sent events. The `data` of each is one `Event`, its name is the event's `type`.
#[utoipa::path(get, path = "/events", tag = "events",
    responses((status = 200, body = Event, content_type = "text/event-stream", description = "Events, until one side ends")))]
pub(crate) async fn listen(State(api): State<Api>) -> Result<Response, Error> {
    let place = std::sync::Arc::clone(&api.event_streams).try_acquire_owned().map_err(|_| {
        Error::new(
            Code::TooManyClients,
            "Too many pages follow Weir at once.",
            "Close the ones you do not need, then reload this one.",
        )
    })?;
    let events = stream::unfold((Feed::new(api), place), |(mut feed, place)| async move {
        let event = feed.next().await?;
        Some((Ok::<_, Infallible>(on_the_wire(&event)), (feed, place)))
    });
    Ok(Sse::new(events).keep_alive(sse::KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}

fn on_the_wire(event: &Event) -> sse::Event {
    let name = match event {
        Event::Resync { .. } => "resync",
        Event::Changed { .. } => "changed",
        Event::Problem { .. } => "problem",
        Event::Stats { .. } => "stats",
        Event::ShuttingDown => "shutting_down",
    };
    let event_without_data = || sse::Event::default().event(name);
    event_without_data().json_data(event).unwrap_or_else(|_| event_without_data())
}
