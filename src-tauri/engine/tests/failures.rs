//! Every way in which a server can fail a destination, each by a server that does so: what people read, and what follows.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod support;

use support::proxy::{Fault, Proxy};
use support::target::{Manner, Target};
use support::tls::{self, tls_front};
use support::*;
use weir_engine::Event;
use weir_engine::destination::{Config, Failure, FailureCode, State, secret_name};
use weir_engine::status::ListenerState;
use weir_hub::Publisher;
use weir_media::Secret;
use weir_rtmp::session::server::Rejection;

const KEY: &str = "canary-key?auth=canary-token";

/// What follows a failure.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Then {
    /// Nothing, until something changes.
    Stops,
    /// Another attempt, after a first wait of so many seconds: the least and the most.
    Tries(f64, f64),
}

/// A way that is broken is tried again soon.
const SOON: Then = Then::Tries(0.75, 1.0);
/// A server that does not want the stream now is left alone a little longer.
const LATER: Then = Then::Tries(1.5, 2.0);
/// An old session gets its time to die.
const AFTER_TEN_SECONDS: Then = Then::Tries(10.0, 10.0);

/// An engine with one destination, and a stream for it.
struct Trial {
    rig: Rig,
    events: tokio::sync::broadcast::Receiver<Event>,
    _publisher: Publisher,
}

impl Trial {
    async fn of(url: String) -> Self {
        let rig = Rig::start(|_| {}).await;
        let is_srt = url.starts_with("srt:");
        if !is_srt {
            rig.engine.secrets().set(&secret_name("a"), Some(Secret::new(KEY.to_owned()))).unwrap();
        }
        let events = rig.engine.context().events.listen();
        let mut config = rig.engine.config();
        config.destinations.push(Config::new("a", url));
        rig.engine.apply(config).await.unwrap();
        let mut publisher = rig.publish("live/show");
        publisher.set_tracks(&tracks()).unwrap();
        write(&mut publisher, &frames(&tracks(), 0, 1_000));
        Self { rig, events, _publisher: publisher }
    }

    /// The first failure, and what was to follow at that moment.
    async fn failure(&mut self, name: &str) -> (Failure, Then) {
        let search = async {
            loop {
                let Event::Destination { destination } = self.events.recv().await.unwrap() else { continue };
                match destination.line.state {
                    State::Retrying { in_seconds, reason } => return (reason, Then::Tries(in_seconds, in_seconds)),
                    State::Stopped { reason } => return (reason, Then::Stops),
                    _ => {}
                }
            }
        };
        tokio::time::timeout(PATIENCE, search)
            .await
            .unwrap_or_else(|_| panic!("{name}: nothing failed: {:?}", self.rig.engine.destinations().status()[0].line))
    }
}

fn holds(meant: Then, came: Then) -> bool {
    match (meant, came) {
        (Then::Stops, Then::Stops) => true,
        // A moment passes between the decision and the look at it.
        (Then::Tries(least, most), Then::Tries(at, _)) => at > least - 0.25 && at <= most,
        _ => false,
    }
}

async fn provoke(name: &str, url: String, codes: &[FailureCode], then: Then, says: &str) {
    let mut trial = Trial::of(url).await;
    let (failure, followed) = trial.failure(name).await;
    assert!(codes.contains(&failure.code), "{name}: {failure:?}");
    assert!(holds(then, followed), "{name}: {then:?} was meant, {followed:?} came");
    assert!(failure.message.contains(says), "{name}: {failure:?}");
    assert!(failure.message.ends_with('.') && failure.hint.ends_with('.'), "{name}: {failure:?}");
    assert!(!format!("{failure:?}").contains("canary"), "{name}: {failure:?}");
    // What has stopped stands among the problems, wherever people are.
    let problems = trial.rig.engine.context().problems.list();
    let told = problems.iter().any(|problem| problem.code == "destination_stopped");
    assert_eq!(told, then == Then::Stops, "{name}: {problems:?}");
}

#[tokio::test]
async fn every_failure_of_an_rtmp_server_has_its_words_and_what_follows() {
    use FailureCode as Is;
    let cases: [(&str, Manner, &[FailureCode], Then, &str); 11] = [
        (
            "the key is refused",
            Manner::Refuse(Rejection::Denied, "no such key: canary-key"),
            &[Is::KeyRefused],
            Then::Stops,
            "refuses the stream key",
        ),
        (
            "the account may not stream any more",
            Manner::Throw(5, Rejection::Denied, "suspended"),
            &[Is::KeyRefused],
            Then::Stops,
            "suspended",
        ),
        (
            "the codec is refused",
            Manner::Refuse(Rejection::Failed, "Unsupported video codec"),
            &[Is::CodecRefused],
            Then::Stops,
            "does not take this codec",
        ),
        (
            "the application is unknown",
            Manner::Deny("NetConnection.Connect.InvalidApp", "no such application"),
            &[Is::AppRefused],
            Then::Stops,
            "does not know the path",
        ),
        (
            "a login is asked for",
            Manner::Deny("NetConnection.Connect.Rejected", "[ code=403 need auth; authmod=adobe ]"),
            &[Is::LoginNeeded],
            Then::Stops,
            "user name and a password",
        ),
        (
            "a login is asked for in a way that nobody knows",
            Manner::Deny("NetConnection.Connect.Rejected", "[ code=403 need auth; authmod=other ]"),
            &[Is::Refused],
            LATER,
            "refuses the stream",
        ),
        (
            "the key is in use",
            Manner::Refuse(Rejection::NameTaken, "canary-key is live"),
            &[Is::AlreadyPublishing],
            AFTER_TEN_SECONDS,
            "already in use",
        ),
        (
            "the server is in trouble",
            Manner::Refuse(Rejection::Failed, "the disk is full"),
            &[Is::Refused],
            LATER,
            "the disk is full",
        ),
        (
            "the platform ends the stream",
            Manner::Throw(5, Rejection::Failed, "the event is over"),
            &[Is::ClosedByPeer],
            LATER,
            "the event is over",
        ),
        // With data on its way, a system may tell the end as a broken connection.
        (
            "the platform hangs up",
            Manner::HangUp(5),
            &[Is::ClosedByPeer, Is::NetworkError],
            Then::Tries(0.75, 2.0),
            "destination",
        ),
        ("something else answers", Manner::Http, &[Is::NotRtmp], LATER, "does not speak RTMP"),
    ];
    for (name, manner, codes, then, says) in cases {
        let target = Target::start(move |_| manner).await;
        provoke(name, target.url(), codes, then, says).await;
    }
    let wrong = "[ AccessManager.Reject ] : [ authmod=adobe ] : ?reason=authfailed&opaque=vgoAAA==";
    let more = "[ AccessManager.Reject ] : [ authmod=adobe ] : ?reason=needauth&user=canary-user&salt=a&challenge=b";
    for (name, sentence, calls) in [("the login is refused", wrong, 1), ("it never ends asking", more, 3)] {
        let target = Target::start(move |_| Manner::Deny("NetConnection.Connect.Rejected", sentence)).await;
        let url = target.url().replace("rtmp://", "rtmp://canary-user:canary@");
        provoke(name, url, &[Is::LoginRefused], Then::Stops, "does not accept the user name or the password").await;
        assert_eq!(target.visits().len(), calls, "{name}");
    }
}

#[tokio::test]
async fn every_failure_of_the_way_there_has_its_words_and_what_follows() {
    use FailureCode as Is;
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    // A name that no resolver looks up: its first part is too long for one.
    let unknown = format!("rtmp://{}.invalid/app", "a".repeat(70));
    provoke("the name is unknown", unknown, &[Is::DnsFailed], SOON, "No connection").await;
    provoke("nobody listens", format!("rtmp://{nobody}/app"), &[Is::ConnectionRefused], SOON, "cannot be reached")
        .await;
    let target = Target::start(|_| Manner::Take).await;
    let proxy = Proxy::before(target.address).await;
    proxy.break_with(Fault::Reset);
    let broken = [Is::NetworkError, Is::ClosedByPeer];
    provoke("it is reset", format!("rtmp://{}/app", proxy.address), &broken, Then::Tries(0.75, 2.0), "destination")
        .await;
    provoke("it is no address", "rtmp://127.0.0.1".to_owned(), &[Is::InvalidUrl], Then::Stops, "Nothing can be sent")
        .await;
}

#[tokio::test]
async fn every_failure_of_the_encryption_has_its_words_and_what_follows() {
    use FailureCode as Is;
    let target = Target::start(|_| Manner::Take).await;
    for (name, years, code, says) in [
        ("nobody vouches", tls::HOLDS, Is::CertificateUntrusted, "Nobody whom this computer trusts"),
        ("its time is over", (2000, 2001), Is::CertificateExpired, "out of date"),
        ("its time has not begun", (2088, 2090), Is::CertificateExpired, "not valid yet"),
    ] {
        let (front, _) = tls_front(target.address, years).await;
        provoke(name, format!("rtmps://localhost:{}/app", front.port()), &[code], Then::Stops, says).await;
    }
    assert!(target.visits().is_empty(), "something was sent before a certificate was believed");
    let plain = Target::start(|_| Manner::Http).await;
    let url = plain.url().replace("rtmp://", "rtmps://");
    provoke("it does not speak TLS", url, &[Is::TlsFailed], LATER, "no encrypted connection").await;
    let (front, _) = tls_front(target.address, tls::HOLDS).await;
    let proxy = Proxy::before(front).await;
    proxy.break_with(Fault::CutAfter(100));
    let url = format!("rtmps://localhost:{}/app", proxy.address.port());
    provoke("it is cut off amid TLS", url, &[Is::NetworkError], SOON, "while the encryption was agreed on").await;
}

#[tokio::test]
async fn every_failure_of_an_srt_server_has_its_words_and_what_follows() {
    use FailureCode as Is;
    let far = Rig::start(|config| {
        config.srt.enabled = true;
        config.srt.listen = vec!["127.0.0.1:0".parse().unwrap()];
    })
    .await;
    let ListenerState::Listening { bound } = far.engine.srt().listeners().remove(0).state else {
        panic!("no listener")
    };
    let _taken = far.publish("live/taken");
    let to = |query: &str| format!("srt://{}?{query}", bound[0]);
    for (name, url, code, then, says) in [
        (
            "the name is in use",
            to("streamid=publish:live/taken"),
            Is::AlreadyPublishing,
            AFTER_TEN_SECONDS,
            "SRT listener",
        ),
        (
            "the passphrase is refused",
            to("streamid=publish:live/a&passphrase=canary-passphrase"),
            Is::KeyRefused,
            Then::Stops,
            "SRT listener",
        ),
        (
            "the stream id is refused",
            to("streamid=%23!::r=live/a,m=canary"),
            Is::AppRefused,
            Then::Stops,
            "SRT listener",
        ),
        ("the address asks too much", to("streamid=a&mode=listener"), Is::InvalidUrl, Then::Stops, "cannot be used"),
    ] {
        provoke(name, url, &[code], then, says).await;
    }
    let nobody = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let url = format!("srt://{}?streamid=a&conntimeo=500", nobody.local_addr().unwrap());
    provoke("nobody answers", url, &[Is::TimedOut], SOON, "SRT listener").await;
}
