//! Who may enter, and how many, over SRT: every mode and every limit, with the code that the caller is told.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod support;

use std::time::Duration;

use support::callback::{Callback, answer};
use support::rtmp::Server;
use support::srt::{self, Caller};
use support::{frames, stream, tracks, until};
use weir_engine::Config;
use weir_engine::auth::{Action, Given, Mode};
use weir_engine::config::Seconds;
use weir_media::{Secret, TrackId};
use weir_srt::connection::Closed;
use weir_srt::handshake::Reject;

async fn call(server: &Server, id: &str) -> Result<Caller, Reject> {
    Caller::call(srt::address(&server.engine), id).await
}

async fn refused(server: &Server, id: &str) -> Reject {
    match call(server, id).await {
        Err(reject) => reject,
        Ok(_) => panic!("{id} must be refused"),
    }
}

async fn reported(server: &Server, code: &str) {
    until(&server.engine, code, || server.problems().iter().any(|known| known == code).then_some(())).await;
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

#[tokio::test]
async fn connections_beyond_the_limits_are_told_so_and_become_possible_again() {
    for (change, code) in [
        ((|config| config.limits.connections = 2) as fn(&mut Config), "too_many_connections"),
        (|config| config.limits.connections_per_address = 2, "too_many_connections_from_address"),
    ] {
        let server = Server::start(|config| {
            srt::on(config);
            change(config);
        })
        .await;
        let mut first = call(&server, "publish:live/a").await.unwrap();
        // Connections of all protocols count together.
        let _second = server.publish("b").await;
        assert_eq!(refused(&server, "publish:live/c").await, Reject::RESOURCE, "{code}");
        reported(&server, code).await;
        publish(&server, &mut first, "live/a").await;
        first.close().await;
        until(&server.engine, "a free place", || (server.engine.context().places.taken_now() < 2).then_some(())).await;
        call(&server, "publish:live/c").await.unwrap();
    }
}

#[tokio::test]
async fn streams_players_and_bits_beyond_the_limits_are_refused() {
    let server = Server::start(|config| {
        srt::on(config);
        (config.limits.streams, config.limits.players_per_stream) = (1, 1);
        config.limits.publisher_megabits = 1;
    })
    .await;
    let mut encoder = call(&server, "publish:live/show").await.unwrap();
    assert_eq!(refused(&server, "publish:live/another").await, Reject::RESOURCE);
    reported(&server, "too_many_streams").await;
    let mut player = call(&server, "read:live/show").await.unwrap();
    assert_eq!(refused(&server, "read:live/show").await, Reject::RESOURCE);
    reported(&server, "too_many_players").await;
    publish(&server, &mut encoder, "live/show").await;
    player.run(|player| player.received.len() > 10_000).await;
    // Ten seconds' worth may come at once: 1.25 MB.
    let mut many = frames(&tracks(), 1000, 4000);
    for frame in many.iter_mut().filter(|frame| frame.track == TrackId::VIDEO) {
        let mut unit = vec![1; 40_000];
        unit[0] = if frame.is_key() { 0x65 } else { 0x41 };
        frame.data = [&(unit.len() as u32).to_be_bytes()[..], &unit].concat().into();
    }
    encoder.send_frames(&tracks(), &many).await;
    assert_eq!(encoder.last().await, Closed::ByPeer);
    reported(&server, "publisher_too_fast").await;
}

#[tokio::test]
async fn every_mode_lets_in_the_right_key_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("auth.json");
    std::fs::write(&file, r#"{"live/show": {"publish": "send", "play": "watch"}}"#).unwrap();
    let callback = Callback::start(|body| {
        let right = body.contains("\"action\":\"publish\"") && body.contains("\"token\":\"send\"")
            || body.contains("\"action\":\"play\"") && body.contains("\"token\":\"watch\"");
        answer(if right && body.contains("\"protocol\":\"srt\"") { "204 Yes" } else { "401 Unauthorized" })
    })
    .await;
    for mode in [Mode::None, Mode::Token, Mode::File, Mode::Callback] {
        let (file, url) = (file.clone(), callback.url.clone());
        let given = |action, token: &str| Given {
            path: stream("live/show"),
            action: Some(action),
            token: Secret::new(token.to_owned()),
        };
        let tokens = [given(Action::Publish, "send"), given(Action::Play, "watch")];
        let change = |config: &mut Config| {
            srt::on(config);
            config.streams.grace_seconds = Seconds::new(0);
            (config.auth.mode, config.auth.file, config.auth.callback) = (mode, Some(file), Some(url));
            config.auth.wrong_tries = 100;
        };
        let server = Server::start_with(change, |settings| settings.lend_tokens(tokens)).await;
        let open = mode == Mode::None;
        for bad in ["publish:live/show?token=wrong", "publish:live/show?token=watch", "#!::r=live/show,m=publish"] {
            match call(&server, bad).await {
                Ok(caller) => {
                    assert!(open, "{mode:?} {bad}");
                    caller.close().await;
                    until(&server.engine, "its end", || server.engine.streams().is_empty().then_some(())).await;
                }
                Err(reject) => assert!(!open && reject == Reject::UNAUTHORIZED, "{mode:?} {bad} {reject}"),
            }
        }
        let mut encoder = call(&server, "#!::r=live/show,m=publish,s=send").await.unwrap();
        publish(&server, &mut encoder, "live/show").await;
        for bad in ["read:live/show?token=wrong", "read:live/show?token=send", "read:live/show"] {
            let reject = call(&server, bad).await.err();
            assert_eq!(reject, (!open).then_some(Reject::UNAUTHORIZED), "{mode:?} {bad}");
        }
        let mut player = call(&server, "read:live/show?token=watch").await.unwrap();
        publish(&server, &mut encoder, "live/show").await;
        player.run(|player| player.received.len() > 10_000).await;
    }
}

#[tokio::test]
async fn a_callback_that_is_slow_dead_or_broken_refuses_and_holds_up_nobody() {
    let gone = Callback::start(|_| None).await;
    let dead = gone.url.clone();
    drop(gone);
    let slow = Callback::start(|_| None).await;
    let broken = Callback::start(|_| answer("500 Broken")).await;
    for (what, url, expected, problem) in [
        ("slow", slow.url.clone(), Reject::UNAVAILABLE, "callback_failed"),
        ("dead", dead, Reject::UNAVAILABLE, "callback_failed"),
        ("broken", broken.url.clone(), Reject::UNAVAILABLE, "callback_failed"),
    ] {
        let server = Server::start(|config| {
            srt::on(config);
            config.auth.mode = Mode::Callback;
            config.auth.callback = Some(url);
            config.auth.callback_timeout_seconds = Seconds::from(Duration::from_millis(1200));
            config.auth.open_playback = true;
        })
        .await;
        // Somebody waits for the callback; a player that needs none is served meanwhile.
        let (rejected, player) = tokio::join!(refused(&server, "publish:live/show"), call(&server, "read:live/show"));
        assert_eq!(rejected, expected, "{what}");
        assert!(player.is_ok(), "{what}");
        reported(&server, problem).await;
    }
}

#[tokio::test]
async fn what_is_revoked_is_ended_and_what_is_not_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("auth.json");
    std::fs::write(&file, r#"{"live/a": "one", "live/b": "two"}"#).unwrap();
    let server = Server::start(|config| {
        srt::on(config);
        config.auth.mode = Mode::File;
        config.auth.file = Some(file.clone());
    })
    .await;
    let mut first = call(&server, "publish:live/a?token=one").await.unwrap();
    let mut second = call(&server, "publish:live/b?token=two").await.unwrap();
    std::fs::write(&file, r#"{"live/b": "two"}"#).unwrap();
    server.engine.reload().await;
    assert_eq!(first.last().await, Closed::ByPeer);
    publish(&server, &mut second, "live/b").await;

    // The mode is switched: a key that Weir made opens, and who has none of those goes.
    let (key, secret) = server
        .engine
        .context()
        .gate
        .create_key("OBS", "live/*".to_owned().try_into().unwrap(), Action::Publish)
        .unwrap();
    let mut config = server.engine.config();
    config.auth.mode = Mode::Token;
    server.engine.apply(config).await.unwrap();
    assert_eq!(second.last().await, Closed::ByPeer);
    let mut third = call(&server, &format!("publish:live/a?token={}", secret.expose())).await.unwrap();
    publish(&server, &mut third, "live/a").await;
    assert!(server.engine.context().gate.revoke_key(&key.id).unwrap());
    assert_eq!(third.last().await, Closed::ByPeer);
    assert_eq!(refused(&server, "publish:live/a?token=one").await, Reject::UNAUTHORIZED);
}

#[tokio::test]
async fn who_guesses_is_shut_out_and_a_live_stream_is_unharmed() {
    let token = Given { path: stream("live/show"), action: None, token: Secret::new("right".to_owned()) };
    let change = |config: &mut Config| {
        srt::on(config);
        config.auth.mode = Mode::Token;
        config.auth.wrong_try_seconds = Seconds::new(3600);
    };
    let server = Server::start_with(change, |settings| settings.lend_tokens([token])).await;
    let mut encoder = call(&server, "publish:live/show?token=right").await.unwrap();
    let mut codes = Vec::new();
    for guess in 0..30 {
        codes.push(refused(&server, &format!("read:live/show?token=guess{guess}")).await);
    }
    assert!(codes[..10].iter().all(|code| *code == Reject::UNAUTHORIZED), "{codes:?}");
    assert!(codes[10..].iter().all(|code| *code == Reject::FORBIDDEN), "{codes:?}");
    publish(&server, &mut encoder, "live/show").await;
    let problems = server.engine.context().problems.list();
    assert!(problems.len() < 5 && problems.iter().any(|problem| problem.code == "too_many_wrong_keys"), "{problems:?}");
}

/// A passphrase is a key too.
#[tokio::test]
async fn who_guesses_passphrases_is_shut_out_like_who_guesses_keys() {
    let server = Server::start(|config| {
        srt::on(config);
        config.srt.encryption = weir_engine::protocol::srt::Encryption::One;
        config.auth.wrong_tries = 3;
        config.auth.wrong_try_seconds = Seconds::new(3600);
    })
    .await;
    let right = "right-passphrase";
    let secret = Some(Secret::new(right.to_owned()));
    server.engine.secrets().set(weir_engine::protocol::srt::passphrases::ONE, secret).unwrap();
    server.engine.srt().read_passphrases().await;
    let try_with = async |passphrase: &str| {
        let address = srt::address(&server.engine);
        Caller::call_with(address, "publish:live/show", Some(passphrase), None).await
    };
    let mut encoder = try_with(right).await.unwrap();
    for n in 0..6 {
        let reject = try_with(&format!("wrong-passphrase-{n}")).await.err();
        assert_eq!(reject, Some(if n < 3 { Reject::BAD_SECRET } else { Reject::FORBIDDEN }), "{n}");
    }
    // Also with the right one, or it would show which one is.
    assert_eq!(try_with(right).await.err(), Some(Reject::FORBIDDEN));
    reported(&server, "srt_passphrase_wrong").await;
    reported(&server, "too_many_wrong_keys").await;
    publish(&server, &mut encoder, "live/show").await;
    let mut config = server.engine.config();
    config.auth.wrong_try_seconds = Seconds::from(Duration::from_millis(1));
    server.engine.apply(config).await.unwrap();
    let gate = &server.engine.context().gate;
    until(&server.engine, "forgiveness", || (!gate.is_shut_out([127, 0, 0, 1].into())).then_some(())).await;
    assert_eq!(try_with(right).await.err(), Some(Reject::CONFLICT), "it is let in as far as the stream that is live");
}

#[tokio::test]
async fn an_encoder_whose_stream_id_says_that_it_plays_is_told_of() {
    let server = Server::start(srt::on).await;
    let mut caller = Caller::call(srt::address(&server.engine), "read:live/show").await.unwrap();
    caller.send_frames(&tracks(), &frames(&tracks(), 0, 500)).await;
    let problems =
        || server.engine.context().problems.list().into_iter().find(|known| known.code == "srt_player_sends");
    let problem = until(&server.engine, "the problem", problems).await;
    assert!(problem.hint.contains("publish:live/show"), "{problem:?}");
    assert_eq!((problem.count, problem.peer.as_deref()), (1, Some("127.0.0.1")));
}
