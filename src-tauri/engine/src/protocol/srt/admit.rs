//! Whether a caller is let in, and what for: its stream id, the stream's passphrase, the gate, and the hub are asked in turn.
//! Any of them may take its time; the port goes on.

use std::sync::LazyLock;

use tokio::sync::Semaphore;
use weir_hub::{Hub, Origin, StreamState, SubscribeOptions};
use weir_media::{Secret, StreamPath};
use weir_srt::handshake::{Access, Mode, Reject, StreamId};
use weir_srt::listener::{Encryption, Request, Unlocked};

use super::listen::{Settings, Shared};
use super::passphrases::Needed;
use super::refusal::Refusal;
use super::session::Job;
use super::{BareStreamId, PROTOCOL, gate, refusal};
use crate::auth::{Action, Grant};
use crate::lifecycle;
use crate::limits::Place;

/// Key derivations at the same time: each costs a processor a millisecond, and callers of any kind can ask for one.
static DERIVATIONS: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(2));

/// A caller that is let in.
#[derive(Debug)]
pub(super) struct Admitted {
    pub(super) unlocked: Unlocked,
    pub(super) job: Job,
    pub(super) pass: Pass,
}

/// What a caller keeps while it is here.
#[derive(Debug)]
pub(super) struct Pass {
    /// The connection as hooks and metrics see it.
    pub(super) life: lifecycle::Connection,
    /// Its place among all connections, held for as long as it is here.
    _place: Place,
    /// Leave to do what it does.
    pub(super) grant: Grant,
    /// What the leave is for.
    pub(super) action: Action,
}

/// What a caller wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Intent {
    Publish,
    Play,
    /// It does not say: whoever sends publishes, whoever listens plays.
    Unsaid,
}

/// What a stream id asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) path: StreamPath,
    pub(super) intent: Intent,
    /// What came along for the gate.
    pub(super) token: Option<Secret<String>>,
}

/// Decides on a caller.
pub(super) async fn decide(shared: &Shared, request: &Request) -> Result<Admitted, Refusal> {
    let settings = shared.settings();
    let wish = read(&request.stream_id, &settings)?;
    let unlocked = unlock(shared, &settings, request, &wish.path).await?;
    let place = shared.context.places.take(request.id.peer).map_err(refusal::full)?;
    // Only now: who has no passphrase has not come in.
    let life = shared.context.life.accept(PROTOCOL, Some(request.id.peer), false);
    // It has answered the cookie and said what it wants; told before what it does.
    life.handshake_complete();
    let origin = Origin { protocol: PROTOCOL, peer: Some(request.id.peer), agent: None, connection: Some(life.id()) };
    let hub = &shared.context.hub;
    let action = match wish.intent {
        Intent::Publish => Action::Publish,
        Intent::Play => Action::Play,
        Intent::Unsaid if is_live(hub, &wish.path) => Action::Play,
        Intent::Unsaid => Action::Publish,
    };
    let grant = gate::ask(shared, action, &wish, &origin, &life).await?;
    let job = match wish.intent {
        Intent::Publish => Job::publish(publish(hub, &wish.path, origin)?),
        Intent::Play => Job::play(subscribe(hub, &wish.path, origin, &settings)?),
        Intent::Unsaid => match subscribe(hub, &wish.path, origin.clone(), &settings) {
            // Where so many wait already that one more player cannot, there is room for an encoder yet.
            Err(refusal) if refusal.code == refusal::TOO_MANY_STREAMS && action == Action::Publish => {
                Job::publish(publish(hub, &wish.path, origin)?)
            }
            reader => Job::unsaid(reader?, wish, origin),
        },
    };
    Ok(Admitted { unlocked, job, pass: Pass { life, _place: place, grant, action } })
}

/// What the stream id asks for.
pub(super) fn read(id: &StreamId, settings: &Settings) -> Result<Wish, Refusal> {
    let access = id.parse().map_err(|error| refusal::stream_id(&error.to_string()))?;
    match access.kind.as_deref() {
        None | Some("stream") => {}
        Some("file") => return Err(refusal::file_mode()),
        Some(other) => return Err(refusal::stream_id(&format!("it asks for a transfer of kind {other:?}"))),
    }
    let token = token(&access);
    let path = match &access.resource {
        Some(resource) => StreamPath::parse(resource).map_err(|error| refusal::stream_id(&error.to_string()))?,
        None => settings.srt.default_path.path().cloned().ok_or_else(refusal::no_stream_id)?,
    };
    let intent = match (access.mode, settings.srt.bare_stream_id) {
        (Some(Mode::Publish), _) | (None, BareStreamId::Publish) => Intent::Publish,
        (Some(Mode::Request), _) | (None, BareStreamId::Play) => Intent::Play,
        (Some(Mode::Bidirectional), _) => return Err(refusal::both_ways()),
        (None, BareStreamId::Auto) => Intent::Unsaid,
    };
    Ok(Wish { path, intent, token })
}

/// `?token=`, or what the standard form of the stream id has for it. FFmpeg and OBS turn a plus sign into a space, so a space
/// is read as one: no token holds spaces.
fn token(access: &Access) -> Option<Secret<String>> {
    let given = access.query("token").or(access.session.as_deref())?;
    Some(Secret::new(given.replace(' ', "+")))
}

/// Opens the caller's encryption with the stream's passphrase.
async fn unlock(
    shared: &Shared,
    settings: &Settings,
    request: &Request,
    path: &StreamPath,
) -> Result<Unlocked, Refusal> {
    let passphrase = match shared.passphrases.needed(path) {
        Needed::Nothing => None,
        Needed::This(passphrase) => Some(passphrase),
        Needed::NotSet => return Err(refusal::passphrase_not_set(path)),
        Needed::NoFile => return Err(refusal::no_passphrase_file(path)),
        Needed::UnknownStream => return Err(refusal::unknown_stream(path)),
    };
    match (&request.encryption, &passphrase) {
        (Encryption::Clear, None) => return request.unlock(None).map_err(|reject| refusal::wrong(reject, path)),
        (Encryption::Clear, Some(_)) => return Err(refusal::passphrase_missing(path)),
        (Encryption::Key(_), None) => return Err(refusal::passphrase_unexpected(path)),
        (Encryption::Key(_), Some(_)) => {}
    }
    if let (Some(required), Some(used)) = (settings.srt.required_key(), request.key_length())
        && required != used
    {
        return Err(refusal::key_length(path, required.bytes(), used.bytes()));
    }
    // A passphrase is a key like any other: who guesses is not listened to, and costs nothing then.
    let (gate, peer) = (&shared.context.gate, request.id.peer.ip());
    if let Some(shut_out) = gate.shut_out(peer) {
        return Err(refusal::shut_out(&shut_out));
    }
    // Never closed, so this waits and does not fail.
    let _turn = DERIVATIONS.acquire().await;
    let request = request.clone();
    let unlocked = tokio::task::spawn_blocking(move || request.unlock(passphrase.as_ref())).await;
    unlocked.unwrap_or(Err(Reject::INTERNAL)).map_err(|reject| {
        if reject == Reject::BAD_SECRET {
            gate.guessed(peer);
        }
        refusal::wrong(reject, path)
    })
}

fn is_live(hub: &Hub, path: &StreamPath) -> bool {
    hub.stream(path).is_some_and(|stream| stream.state == StreamState::Live)
}

/// Becomes the publisher of `path`.
pub(super) fn publish(hub: &Hub, path: &StreamPath, origin: Origin) -> Result<weir_hub::Publisher, Refusal> {
    hub.publish(path, origin).map_err(|error| refusal::publish(&error, path))
}

fn subscribe(
    hub: &Hub,
    path: &StreamPath,
    origin: Origin,
    settings: &Settings,
) -> Result<weir_hub::Subscriber, Refusal> {
    let wait = settings.streams.play_wait_seconds.duration();
    if wait.is_zero() && hub.stream(path).is_none_or(|stream| stream.state == StreamState::Waiting) {
        return Err(refusal::not_found(path));
    }
    let options = SubscribeOptions { wait: Some(wait), ..SubscribeOptions::player(origin) };
    hub.subscribe(path, options).map_err(|error| refusal::subscribe(&error, path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn wish(id: &str, change: impl FnOnce(&mut Config)) -> String {
        let mut config = Config::default();
        change(&mut config);
        match read(&StreamId::new(id.to_owned()), &Settings::new(&config)) {
            Ok(wish) => {
                format!("{} {:?} {}", wish.path, wish.intent, wish.token.map(Secret::into_exposed).unwrap_or_default())
            }
            Err(refusal) => format!("{:?} {}", refusal.reject.name().unwrap_or_default(), refusal.code),
        }
    }

    #[test]
    fn stream_ids_mean_what_their_senders_mean() {
        for (id, expected) in [
            ("#!::r=live/show,m=publish", "live/show Publish "),
            ("#!::r=/live/show,m=request,u=joe", "live/show Play "),
            ("#!::r=live/show?token=a b,m=publish", "live/show Publish a+b"),
            ("#!::r=live/show,s=key,m=publish", "live/show Publish key"),
            ("#!::bmd_uuid=1,bmd_name=Blackmagic Web Presenter 4K", "live/stream Unsaid "),
            ("publish:live/show?token=secret", "live/show Publish secret"),
            ("read:live/show", "live/show Play "),
            ("play:live/show", "live/show Play "),
            ("request:live/show", "live/show Play "),
            ("live/show", "live/show Unsaid "),
            ("", "live/stream Unsaid "),
            ("#!::r=live/show,m=bidirectional", "\"bad_mode\" srt_stream_id"),
            ("#!::r=live/show,m=publish,t=file", "\"bad_mode\" srt_file_mode"),
            ("#!::r=live/show,m=nonsense", "\"bad_request\" srt_stream_id"),
            ("publish:../etc", "\"bad_request\" srt_stream_id"),
        ] {
            assert_eq!(wish(id, |_| {}), expected, "{id}");
        }
        let bare = |bare| move |config: &mut Config| config.srt.bare_stream_id = bare;
        assert_eq!(wish("live/a", bare(BareStreamId::Publish)), "live/a Publish ");
        assert_eq!(wish("live/a", bare(BareStreamId::Play)), "live/a Play ");
        let none = |config: &mut Config| config.srt.default_path = String::new().try_into().unwrap();
        assert_eq!(wish("", none), "\"bad_request\" srt_no_stream_id");
    }
}
