//! Serving a connection that does not play: handshake, commands, publishing, waiting for a stream.

use std::fmt;
use std::future::pending;
use std::pin::{Pin, pin};
use std::time::Instant;

use weir_hub::{EndReason, PublishError, SubscribeError, SubscribeOptions};
use weir_media::StreamPath;
use weir_rtmp::session::server::{Event, PlayRequest, PublishRequest, Rejection, RequestId};

use super::connection::Connection;
use super::over::Over;
use super::play::Player;
use super::publish::{PublishFault, Publishing};
use super::reconnect::{Client, Doing};
use crate::auth::{Action, Attempt, Grant, Refusal, Why};
use crate::problem::Report;

/// The parameter of an address that holds a key.
const TOKEN: &str = "token";
/// What somebody is told whose key was revoked, or who came before keys were asked for and has none.
const REVOKED: &str = "There is no valid key for this any more. Ask whoever runs this server for one.";

/// What follows.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "made once a connection, never kept in a list")]
pub(super) enum Next {
    /// The client plays.
    Play(Player),
    /// The connection is over.
    Over(Over),
}

/// What the client does.
#[derive(Debug)]
enum Role {
    /// Nothing yet, or nothing any more.
    Idle,
    /// It is being found out whether it may do what it wants.
    Asking { id: RequestId, wanted: Wanted, answer: Answer },
    /// It publishes.
    Publishing { id: RequestId, stream: Publishing, grant: Grant },
    /// It wants to play a stream that need not be there yet.
    Waiting { id: RequestId, path: StreamPath, player: Player },
}

/// What the client wants.
#[derive(Debug)]
enum Wanted {
    Publish(Box<PublishRequest>),
    Play(Box<PlayRequest>),
}

/// What the gate will answer.
struct Answer(Pin<Box<dyn Future<Output = Result<Grant, Refusal>> + Send>>);

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answer")
    }
}

/// What happened to the role from the hub's side.
enum Hub {
    Answered(Result<Grant, Refusal>),
    Revoked,
    PublisherClosed(EndReason),
    PlayerReady,
}

/// What woke the loop.
enum Wake {
    Hub(Hub),
    Readable,
    Writable,
    Time,
    /// Somebody wants the client to connect anew.
    Asked,
    Stopping,
}

/// Serves until the client plays or the connection is over.
pub(super) async fn serve(connection: &mut Connection) -> Next {
    let mut role = Role::Idle;
    let over = match attend(connection, &mut role).await {
        Ok(player) => return Next::Play(player),
        Err(over) => over,
    };
    if let Role::Publishing { stream, .. } = &role {
        let id = connection.life().id().0;
        tracing::info!(path = %stream.path(), peer = %connection.peer(), connection = id, reason = %over, "publishing ended");
    }
    Next::Over(over)
}

async fn attend(connection: &mut Connection, role: &mut Role) -> Result<Player, Over> {
    let stopping = connection.stopping().clone();
    let mut stopping = pin!(stopping.cancelled());
    loop {
        let now = Instant::now();
        connection.pass_on_request();
        while let Some(event) = connection.next_event() {
            handle(connection, role, event, now)?;
        }
        if let Role::Publishing { stream, .. } = role {
            stream.batch_done(now, &connection.shared().caches);
        }
        connection.flush(now)?;
        connection.check_unsent()?;
        if connection.is_closing() {
            if connection.is_turned_away() {
                return Err(Over::NotTls);
            }
            return Err(Over::Refused("by the session".to_owned()));
        }
        let wake = {
            let held_back = match role {
                Role::Publishing { stream, .. } => stream.due(),
                _ => None,
            };
            let due = [connection.look_at(), held_back].into_iter().flatten().min();
            let unsent = connection.has_unsent();
            let client = connection.client();
            let socket = connection.stream();
            tokio::select! {
                biased;
                () = &mut stopping => Wake::Stopping,
                hub = hub_side(role) => Wake::Hub(hub),
                _ = socket.readable() => Wake::Readable,
                _ = socket.writable(), if unsent => Wake::Writable,
                () = asked(client.as_deref()) => Wake::Asked,
                () = until(due) => Wake::Time,
            }
        };
        let now = Instant::now();
        match wake {
            Wake::Readable => connection.read_now(now)?,
            Wake::Writable | Wake::Asked => {}
            Wake::Time => {
                connection.look(now)?;
                if let Role::Publishing { stream, .. } = role
                    && stream.due().is_some_and(|due| due <= now)
                {
                    stream.flush();
                }
            }
            Wake::Stopping => return Err(stop(connection, role, EndReason::Shutdown)),
            Wake::Hub(Hub::Answered(answer)) => answered(connection, role, answer)?,
            Wake::Hub(Hub::Revoked) => return Err(revoke(connection, role)),
            Wake::Hub(Hub::PublisherClosed(reason)) => return Err(stop(connection, role, reason)),
            Wake::Hub(Hub::PlayerReady) => {
                if let Role::Waiting { id, path, mut player } = std::mem::replace(role, Role::Idle) {
                    match player.begin() {
                        Ok(()) if connection.session().accept_play(id).is_ok() => {
                            let id = connection.life().id().0;
                            tracing::info!(%path, peer = %connection.peer(), connection = id, "player");
                            return Ok(player);
                        }
                        Ok(()) => {}
                        Err(reason) => return Err(refuse_play(connection, id, &path, reason)),
                    }
                }
            }
        }
    }
}

async fn hub_side(role: &mut Role) -> Hub {
    match role {
        Role::Idle => pending().await,
        Role::Asking { answer, .. } => Hub::Answered(answer.0.as_mut().await),
        Role::Publishing { stream, grant, .. } => tokio::select! {
            reason = stream.closed() => Hub::PublisherClosed(reason),
            () = grant.revoked() => Hub::Revoked,
        },
        Role::Waiting { player, .. } => {
            let grant = player.grant().clone();
            tokio::select! {
                () = player.wait() => Hub::PlayerReady,
                () = grant.revoked() => Hub::Revoked,
            }
        }
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => pending().await,
    }
}

async fn asked(client: Option<&Client>) {
    match client {
        Some(client) => client.asked().await,
        None => pending().await,
    }
}

fn handle(connection: &mut Connection, role: &mut Role, event: Event, now: Instant) -> Result<(), Over> {
    match event {
        Event::HandshakeFinished(scheme) => {
            tracing::debug!(peer = %connection.peer(), ?scheme, "handshake");
            connection.life().handshake_complete();
        }
        Event::Connected(connect) => {
            connection.set_agent(&connect.flash_ver);
            connection.set_capabilities(connect.capabilities);
        }
        Event::PublishRequested(request) => ask(connection, role, Wanted::Publish(request))?,
        Event::PlayRequested(request) => ask(connection, role, Wanted::Play(request))?,
        Event::Media { id, message } => {
            if let Role::Publishing { id: current, stream, .. } = role
                && *current == id
            {
                match stream.take(&message, now) {
                    Ok(()) => {}
                    Err(PublishFault::Closed(closed)) => return Err(stop(connection, role, closed.0)),
                    Err(PublishFault::Broken(error)) => return Err(Over::Unreadable(error)),
                }
            }
        }
        Event::Ended { id, .. } => {
            let ours = match role {
                Role::Idle => false,
                Role::Asking { id: current, .. }
                | Role::Publishing { id: current, .. }
                | Role::Waiting { id: current, .. } => *current == id,
            };
            if ours {
                if let Role::Publishing { stream, .. } = role {
                    let id = connection.life().id().0;
                    tracing::info!(path = %stream.path(), peer = %connection.peer(), connection = id, "publishing ended by the encoder");
                }
                *role = Role::Idle;
                connection.does(Doing::Nothing);
            }
        }
        Event::PlayControl { .. } => {}
    }
    Ok(())
}

/// Asks the gate, which may take a while; the connection goes on meanwhile.
fn ask(connection: &mut Connection, role: &mut Role, wanted: Wanted) -> Result<(), Over> {
    if !matches!(role, Role::Idle) {
        let sentence = "This connection already publishes or plays; use another one.";
        reject(connection, &wanted, Rejection::Denied, sentence);
        return Err(Over::Refused(sentence.to_owned()));
    }
    let (id, action, path, query) = match &wanted {
        Wanted::Publish(request) => (request.id, Action::Publish, &request.path, &request.query),
        Wanted::Play(request) => (request.id, Action::Play, &request.path, &request.query),
    };
    connection.set_path(path);
    let origin = connection.origin();
    let attempt = Attempt {
        action,
        path: path.clone(),
        token: query.get(TOKEN),
        peer: origin.peer,
        protocol: origin.protocol,
        agent: origin.agent,
    };
    let gate = connection.shared().context.gate.clone();
    let answer = Answer(Box::pin(async move { gate.check(attempt).await }));
    *role = Role::Asking { id, wanted, answer };
    Ok(())
}

/// Does what the client wants, or tells it why not.
fn answered(connection: &mut Connection, role: &mut Role, answer: Result<Grant, Refusal>) -> Result<(), Over> {
    let Role::Asking { wanted, .. } = std::mem::replace(role, Role::Idle) else { return Ok(()) };
    let (action, path) = match &wanted {
        Wanted::Publish(request) => (Action::Publish, &request.path),
        Wanted::Play(request) => (Action::Play, &request.path),
    };
    match &answer {
        Ok(grant) if grant.was_asked_for() => connection.life().auth_succeeded(),
        Ok(_) => {}
        Err(refusal) => connection.life().auth_failed(action, path, refusal),
    }
    match (answer, &wanted) {
        (Ok(grant), Wanted::Publish(request)) => publish(connection, role, request, grant),
        (Ok(grant), Wanted::Play(request)) => play(connection, role, request, grant),
        (Err(refusal), wanted) => {
            let rejection = match refusal.why {
                Why::Unauthorized | Why::TooManyTries => Rejection::Unauthorized,
                Why::Unavailable => Rejection::Failed,
            };
            reject(connection, wanted, rejection, &format!("{} {}", refusal.message, refusal.hint));
            Err(refused(connection, refusal.code))
        }
    }
}

fn reject(connection: &mut Connection, wanted: &Wanted, rejection: Rejection, sentence: &str) {
    let _ = match wanted {
        Wanted::Publish(request) => connection.session().reject_publish(request.id, rejection, sentence),
        Wanted::Play(request) => connection.session().reject_play(request.id, rejection, sentence),
    };
}

/// Ends what the client does, because its key holds no more.
fn revoke(connection: &mut Connection, role: &Role) -> Over {
    let _ = match role {
        Role::Publishing { id, .. } => connection.session().reject_publish(*id, Rejection::Denied, REVOKED),
        Role::Waiting { id, .. } => connection.session().reject_play(*id, Rejection::Denied, REVOKED),
        Role::Idle | Role::Asking { .. } => Ok(()),
    };
    Over::Refused("its key was revoked".to_owned())
}

/// Tells a player that its key holds no more.
pub(super) fn revoke_play(connection: &mut Connection, id: RequestId) -> Over {
    let _ = connection.session().reject_play(id, Rejection::Denied, REVOKED);
    Over::Refused("its key was revoked".to_owned())
}

fn publish(connection: &mut Connection, role: &mut Role, request: &PublishRequest, grant: Grant) -> Result<(), Over> {
    let path = &request.path;
    match connection.shared().context.hub.publish(path, connection.origin()) {
        Ok(publisher) => {
            if connection.session().accept_publish(request.id).is_ok() {
                let id = connection.life().id().0;
                tracing::info!(%path, peer = %connection.peer(), connection = id, "publishing");
                connection.does(Doing::Publishing(path.clone()));
                *role = Role::Publishing { id: request.id, stream: Publishing::new(publisher), grant };
            }
            Ok(())
        }
        Err(error) => {
            let (rejection, code, hint) = match &error {
                PublishError::AlreadyLive { .. } => (
                    Rejection::NameTaken,
                    "stream_in_use",
                    "Stop the other encoder, use another stream key, or let a newcomer take over in the settings.",
                ),
                PublishError::TooManyStreams(_) => {
                    (Rejection::Failed, "too_many_streams", "Stop streams that are no longer needed.")
                }
                PublishError::Shutdown => (Rejection::Failed, "shutting_down", ""),
            };
            let message = match &error {
                PublishError::AlreadyLive { by, .. } => {
                    let from = by.as_ref().and_then(|by| by.peer).map(|peer| format!(" from {peer}"));
                    format!("{error}{}; a second encoder was refused.", from.unwrap_or_default())
                }
                _ => format!("An encoder was refused: {error}."),
            };
            let refused = refused(connection, &error.to_string());
            let _ = connection.session().reject_publish(request.id, rejection, &format!("{error}."));
            if !matches!(error, PublishError::Shutdown) {
                report(connection, code, message, hint, Some(path));
            }
            Err(refused)
        }
    }
}

fn play(connection: &mut Connection, role: &mut Role, request: &PlayRequest, grant: Grant) -> Result<(), Over> {
    let wait = Some(connection.settings().streams.play_wait_seconds.duration());
    let options = SubscribeOptions { wait, ..SubscribeOptions::player(connection.origin()) };
    match connection.shared().context.hub.subscribe(&request.path, options) {
        Ok(subscriber) => {
            let chunk_size = connection.session().chunk_size();
            connection.does(Doing::Playing(subscriber.id()));
            let capabilities = connection.capabilities();
            let player = Player::new(request.id, subscriber, request.message_stream_id, chunk_size, capabilities)
                .with_grant(grant);
            *role = Role::Waiting { id: request.id, path: request.path.clone(), player };
            Ok(())
        }
        Err(error) => {
            let refused = refused(connection, &error.to_string());
            let _ = connection.session().reject_play(request.id, Rejection::Failed, &format!("{error}."));
            let told = match error {
                SubscribeError::TooManyStreams(_) => {
                    Some(("too_many_streams", "Stop streams that are no longer needed.", None))
                }
                SubscribeError::TooManyPlayers(_) => {
                    let hint = "Raise limits.players_per_stream in the settings if this audience is expected.";
                    Some(("too_many_players", hint, Some(&request.path)))
                }
                SubscribeError::Shutdown => None,
            };
            if let Some((code, hint, path)) = told {
                report(connection, code, format!("A player was refused: {error}."), hint, path);
            }
            Err(refused)
        }
    }
}

fn refuse_play(connection: &mut Connection, id: RequestId, path: &StreamPath, reason: EndReason) -> Over {
    let rejection = if reason == EndReason::NotFound { Rejection::NotFound } else { Rejection::Failed };
    let _ = connection.session().reject_play(id, rejection, &format!("{path}: {reason}."));
    if reason == EndReason::NotFound {
        let message = format!("A player asked for {path}, which nobody publishes.");
        let hint = "Start the encoder, or correct the path in the player.";
        report(connection, "stream_not_found", message, hint, Some(path));
    }
    Over::Ended(reason)
}

/// Ends what the client does, because the hub or Weir as a whole says so.
fn stop(connection: &mut Connection, role: &Role, reason: EndReason) -> Over {
    match role {
        Role::Idle => connection.session().disconnect(),
        Role::Publishing { id, .. } => {
            let rejection = match reason {
                EndReason::Kicked => Rejection::Denied,
                EndReason::Replaced => Rejection::NameTaken,
                _ => Rejection::Failed,
            };
            let _ = connection.session().reject_publish(*id, rejection, &format!("The stream was stopped: {reason}."));
        }
        Role::Asking { wanted, .. } => reject(connection, wanted, Rejection::Failed, &format!("{reason}.")),
        Role::Waiting { id, .. } => {
            let _ = connection.session().reject_play(*id, Rejection::Failed, &format!("{reason}."));
        }
    }
    Over::Ended(reason)
}

/// Tells a player why its stream is over.
pub(super) fn end_play(connection: &mut Connection, id: RequestId, reason: EndReason) {
    let session = connection.session();
    let _ = match reason {
        EndReason::PublisherLeft | EndReason::Shutdown => session.end_play(id),
        _ => session.reject_play(id, Rejection::Failed, &format!("Playing was stopped: {reason}.")),
    };
    session.disconnect();
}

fn refused(connection: &Connection, why: &str) -> Over {
    tracing::debug!(peer = %connection.peer(), why, "refused");
    Over::Refused(why.to_owned())
}

fn report(connection: &Connection, code: &'static str, message: String, hint: &str, path: Option<&StreamPath>) {
    connection.shared().context.problems.report(Report {
        code,
        message,
        hint: hint.to_owned(),
        path: path.map(|path| path.as_str().to_owned()),
        peer: Some(connection.peer().ip().to_canonical().to_string()),
    });
}
