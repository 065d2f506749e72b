//! The live picture over a WebSocket. The window gets the same messages over a channel of its own.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::response::Response;
use futures_util::{SinkExt as _, StreamExt as _};
use serde::Deserialize;
use serde::de::IgnoredAny;
use utoipa::{IntoParams, ToSchema};
use weir_engine::preview::{Mode, OpenError, Options, Preview};
use weir_engine::problem::Report;
use weir_hub::SubscribeError;

use crate::error::{Code, Error};
use crate::extract::{Path, Query};
use crate::http::Viewer;
use crate::router::Api;
use crate::streams::{parse, unknown};

/// Previews at a time: a bound on memory, since each holds what its network has not taken yet.
pub(crate) const MAX_PREVIEWS: usize = 64;
/// Largest message a client may send, bytes; it has nothing to say.
const MAX_SAID: usize = 1024;
/// How long one message may wait for the network: a page that was put to sleep must not keep its place.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a page can decode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PreviewMode {
    /// Access units, for WebCodecs.
    #[default]
    Frames,
    /// MP4 fragments, for Media Source Extensions.
    Segments,
}

/// How a page wants its preview.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Wanted {
    /// What the page can decode. Default `frames`.
    #[param(inline)]
    mode: PreviewMode,
    /// With sound; only segments carry it. Default false.
    audio: bool,
    /// A key for watching the stream, for who has no access token. It opens the live picture and nothing else, where keys are asked
    /// for.
    #[serde(rename = "token")]
    #[param(value_type = Option<String>)]
    _token: Option<IgnoredAny>,
}

/// The live picture as a WebSocket (RFC 6455) of binary messages. The first byte of each says what follows: 1 a
/// configuration (u16 length, a JSON object, the decoder's description or an initialization segment), 2 an access unit
/// (u8 flags, 1 = key frame; i64 presentation time in microseconds; the unit), 3 an MP4 fragment, 4 a JSON object with
/// `state` (`gap`, `skipped`, `ended`, `no_video`, `unsupported`) and perhaps `reason`. Numbers are in network order.
#[utoipa::path(get, path = "/streams/{path}/preview", tag = "streams",
    params(("path" = String, Path, description = "The stream, `app/name`, its slashes written as `%2F`"), Wanted),
    responses((status = 101, description = "The picture, until one side ends"))
)]
pub(crate) async fn preview(
    State(api): State<Api>,
    viewer: Option<Extension<Viewer>>,
    Path(path): Path<String>,
    Query(wanted): Query<Wanted>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Error> {
    let hub = &api.engine.context().hub;
    let known = parse(&path)?;
    if hub.stream(&known).is_none() {
        return Err(unknown(&path));
    }
    let upgrade = upgrade.map_err(|_| {
        Error::new(
            Code::InvalidRequest,
            "The live picture needs a WebSocket.",
            "Ask for it with ws:// and a WebSocket client.",
        )
    })?;
    let viewer = viewer.map(|Extension(viewer)| viewer);
    let places = if viewer.is_some() { &api.viewers } else { &api.previews };
    let place = Arc::clone(places).try_acquire_owned().map_err(|_| {
        Error::new(
            Code::TooManyClients,
            "Too many live pictures are open at once.",
            "Close the ones you do not look at.",
        )
    })?;
    let mode = match wanted.mode {
        PreviewMode::Frames => Mode::Frames,
        PreviewMode::Segments => Mode::Segments,
    };
    let options = Options { mode, audio: wanted.audio };
    let opened = match &viewer {
        None => Preview::open(hub, known.as_str(), options),
        // The gate was asked about this very stream.
        Some(viewer) => Preview::watch(hub, &known, viewer.origin(&known).ok_or_else(Error::internal)?, options),
    };
    let preview = opened.map_err(|error| not_opened(&api, error))?;
    let upgrade = upgrade.max_message_size(MAX_SAID).max_frame_size(MAX_SAID);
    Ok(upgrade.on_upgrade(move |socket| async move {
        send(socket, preview, viewer.as_ref()).await;
        drop(place);
    }))
}

fn not_opened(api: &Api, error: OpenError) -> Error {
    match error {
        OpenError::NoStream(name) => unknown(&name),
        OpenError::Subscribe(SubscribeError::TooManyPlayers(players)) => {
            api.engine.context().problems.report(Report {
                code: "too_many_players",
                message: format!("A player over HTTP was refused: the stream has {players} players already."),
                hint: "Raise limits.players_per_stream in the settings if this audience is expected.".to_owned(),
                ..Report::default()
            });
            Error::new(Code::TooManyClients, "The stream has as many players as it may have.", "Try again later.")
        }
        OpenError::Subscribe(error) => Error::new(
            Code::ShuttingDown,
            format!("The live picture cannot be opened: {error}."),
            "Try again in a moment.",
        ),
    }
}

async fn send(socket: WebSocket, mut preview: Preview, viewer: Option<&Viewer>) {
    let (mut out, mut back) = socket.split();
    let put_out = async {
        match viewer {
            Some(viewer) => viewer.put_out().await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(put_out);
    loop {
        tokio::select! {
            () = &mut put_out => {
                let end = CloseFrame { code: close_code::POLICY, reason: "the key is valid no more".into() };
                sent(&mut out, Message::Close(Some(end))).await;
                return;
            }
            message = preview.next() => {
                let Some(message) = message else { break };
                if !sent(&mut out, Message::Binary(message)).await {
                    return;
                }
            }
            // A client says nothing but that it goes.
            said = back.next() => match said {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                _ => return,
            },
        }
    }
    let end = CloseFrame { code: close_code::NORMAL, reason: "the stream is over".into() };
    sent(&mut out, Message::Close(Some(end))).await;
}

async fn sent(out: &mut (impl futures_util::Sink<Message> + Unpin), message: Message) -> bool {
    matches!(tokio::time::timeout(PATIENCE, out.send(message)).await, Ok(Ok(())))
}
