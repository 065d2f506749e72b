//! Guessing keys on and on, from one address: a thousand tries. By itself in a process, since it looks at the memory.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use support::rtmp::{Peer, Server};
use support::srt::{self, Caller};
use support::{frames, stream, tracks, until};
use weir_engine::Config;
use weir_engine::auth::{Given, Mode};
use weir_engine::config::Seconds;
use weir_media::Secret;
use weir_srt::handshake::Reject;

/// One at a time, or one would be taken for the memory of the other.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

async fn with_a_token(change: impl FnOnce(&mut Config)) -> Server {
    let token = Given { path: stream("live/show"), action: None, token: Secret::new("right".to_owned()) };
    let change = |config: &mut Config| {
        config.auth.mode = Mode::Token;
        change(config);
    };
    Server::start_with(change, |settings| settings.lend_tokens([token])).await
}

#[tokio::test]
async fn a_thousand_wrong_tries_over_rtmp_leave_a_live_stream_unharmed_and_memory_flat() {
    let _alone = ALONE.lock().await;
    let server = with_a_token(|_| ()).await;
    let mut publisher = server.publish("show?token=right").await;
    publisher.send_headers(0).await;
    publisher.send_video(0, true, b"first").await;
    let mut player = server.play("show?token=right").await;
    player.media_until(|message| message.payload.ends_with(b"first")).await;
    let try_once = async |n: u32| {
        let mut guesser = server.peer().await;
        match n % 2 {
            0 => guesser.publish(&format!("show{}?token=guess{n}", n % 7)).await,
            _ => guesser.play(&format!("show?token=guess{n}")).await,
        }
        assert_eq!(guesser.last_words().await.len(), 1, "everybody is told");
    };
    for n in 0..100 {
        try_once(n).await;
    }
    let before = support::memory();
    for n in 100..1000_u32 {
        try_once(n).await;
        if n % 50 == 0 {
            publisher.send_video(n, n % 100 == 0, &n.to_be_bytes()).await;
            player.media_until(|message| message.payload.ends_with(&n.to_be_bytes())).await;
        }
    }
    let grown = support::memory().saturating_sub(before);
    assert!(grown < 8 << 20, "{grown} bytes more");
    let problems = server.engine.context().problems.list();
    assert!(problems.len() < 20, "{problems:?}");
    let shut_out = problems.iter().find(|problem| problem.code == "too_many_wrong_keys").unwrap();
    assert_eq!(shut_out.peer.as_deref(), Some("127.0.0.1"));
    // Whoever has the key gets in from elsewhere at once, and from there when enough is forgiven.
    let right = async |from: [u8; 4]| {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind((from, 0).into()).unwrap();
        let mut peer = Peer::over(socket.connect(server.address).await.unwrap()).await;
        peer.play("show?token=right").await;
        peer.status().await
    };
    assert_eq!(right([127, 0, 0, 2]).await, "NetStream.Play.Reset");
    assert_eq!(right([127, 0, 0, 1]).await, "NetStream.Play.Failed");
    let mut config = server.engine.config();
    config.auth.wrong_try_seconds = Seconds::from(Duration::from_millis(1));
    server.engine.apply(config).await.unwrap();
    until(&server.engine, "ten milliseconds", || {
        (!server.engine.context().gate.is_shut_out([127, 0, 0, 1].into())).then_some(())
    })
    .await;
    assert_eq!(right([127, 0, 0, 1]).await, "NetStream.Play.Reset");
}

/// Who brings no key guesses nothing and is not shut out: a player that knows no better must not shut out an encoder beside it. What
/// it costs others is bounded all the same.
#[tokio::test]
async fn attempts_without_any_key_flood_neither_hooks_nor_the_list_of_problems() {
    let _alone = ALONE.lock().await;
    let server = with_a_token(|_| ()).await;
    let mut told = server.engine.context().life.listen();
    let problems = server.engine.context().problems.clone();
    let other = weir_engine::problem::Report {
        code: "stream_not_found",
        message: "what somebody must read.".to_owned(),
        peer: Some("192.0.2.1".to_owned()),
        ..Default::default()
    };
    problems.report(other);
    for n in 0..300 {
        let mut stranger = server.peer().await;
        stranger.publish(&format!("show{n}")).await;
        assert_eq!(stranger.last_words().await, ["NetStream.Publish.Denied"], "everybody is told");
    }
    let list = problems.list();
    assert_eq!(list.iter().filter(|problem| problem.peer.as_deref() == Some("127.0.0.1")).count(), 20);
    assert!(list.iter().any(|problem| problem.peer.as_deref() == Some("192.0.2.1")), "{list:?}");
    let mut failed = 0;
    while let Ok(event) = told.try_recv() {
        failed += usize::from(event.kind() == weir_engine::lifecycle::Kind::AuthFailed);
    }
    assert!((20..100).contains(&failed), "{failed} of 300");
    assert_eq!(server.engine.context().life.totals().auth_failures.load(Ordering::Relaxed), 300);
    let _encoder = server.publish("show?token=right").await;
}

async fn call(server: &Server, id: &str) -> Result<Caller, Reject> {
    Caller::call(srt::address(&server.engine), id).await
}

async fn refused(server: &Server, id: &str) -> Reject {
    match call(server, id).await {
        Err(reject) => reject,
        Ok(_) => panic!("{id} must be refused"),
    }
}

/// Sends a second of a stream; returns when it is in the hub.
async fn publish(server: &Server, encoder: &mut Caller, path: &str) {
    let count = || {
        let live = server.engine.streams().into_iter().find(|known| known.path.as_str() == path);
        live.map_or(0, |live| live.tracks.iter().map(|track| track.frames).sum::<u64>())
    };
    let before = count();
    encoder.send_frames(&tracks(), &frames(&tracks(), 0, 1000)).await;
    encoder.run(|_| count() > before + 10).await;
}

/// Wrong tries of each form that a stream id may have.
#[tokio::test]
async fn a_thousand_wrong_tries_over_srt_leave_a_live_stream_unharmed_and_memory_flat() {
    let _alone = ALONE.lock().await;
    let server = with_a_token(|config| {
        srt::on(config);
        config.srt.latency_ms = 2000.try_into().unwrap();
        config.auth.wrong_try_seconds = Seconds::new(3600);
    })
    .await;
    let mut encoder = call(&server, "publish:live/show?token=right").await.unwrap();
    publish(&server, &mut encoder, "live/show").await;
    let mut told = server.engine.context().life.listen();
    let (over, mut codes) = (AtomicBool::new(false), Vec::new());
    let guesses = async {
        let mut before = 0;
        for n in 0..1000_u32 {
            let id = match n % 4 {
                0 => format!("publish:live/show{}?token=guess{n}", n % 7),
                1 => format!("read:live/show?token=guess{n}"),
                2 => format!("#!::r=live/show,m=publish,s=guess{n}"),
                _ => format!("live/show?token=guess{n}"),
            };
            codes.push(refused(&server, &id).await);
            if n == 100 {
                before = support::memory();
            }
        }
        over.store(true, Ordering::Relaxed);
        support::memory().saturating_sub(before)
    };
    let lives = async {
        while !over.load(Ordering::Relaxed) && encoder.closed.is_none() {
            let slice = std::time::Instant::now() + Duration::from_secs(1);
            encoder.run(|_| over.load(Ordering::Relaxed) || std::time::Instant::now() > slice).await;
        }
    };
    let (grown, ()) = tokio::join!(guesses, lives);
    assert!(encoder.closed.is_none(), "{:?}", encoder.closed);
    assert!(grown < 8 << 20, "{grown} bytes more");
    assert!(codes[..10].iter().all(|code| *code == Reject::UNAUTHORIZED), "{codes:?}");
    assert!(codes[10..].iter().all(|code| *code == Reject::FORBIDDEN), "{codes:?}");
    publish(&server, &mut encoder, "live/show").await;
    let problems = server.engine.context().problems.list();
    let shut_out = problems.iter().find(|problem| problem.code == "too_many_wrong_keys").unwrap();
    assert_eq!(shut_out.peer.as_deref(), Some("127.0.0.1"));
    assert!(problems.len() < 20, "{problems:?}");
    // Each is counted; hooks hear of the first ones, and now and then that it goes on.
    let mut failed = 0;
    while let Ok(event) = told.try_recv() {
        failed += usize::from(event.kind() == weir_engine::lifecycle::Kind::AuthFailed);
    }
    assert!((11..100).contains(&failed), "{failed} of 1000");
    assert_eq!(server.engine.context().life.totals().auth_failures.load(Ordering::Relaxed), 1000);

    // Whoever has the key gets in from elsewhere at once, and from there when enough is forgiven.
    let (id, elsewhere) = ("read:live/show?token=right", std::net::Ipv4Addr::new(127, 0, 0, 2));
    assert!(Caller::call_from(elsewhere, srt::address(&server.engine), id).await.is_ok());
    assert_eq!(refused(&server, id).await, Reject::FORBIDDEN);
    let mut config = server.engine.config();
    config.auth.wrong_try_seconds = Seconds::from(Duration::from_millis(1));
    server.engine.apply(config).await.unwrap();
    let gate = &server.engine.context().gate;
    until(&server.engine, "forgiveness", || (!gate.is_shut_out([127, 0, 0, 1].into())).then_some(())).await;
    assert!(call(&server, id).await.is_ok());
}
