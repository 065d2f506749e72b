//! The RTMP server against clients that behave, that do not, and that vanish.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod support;

use std::time::Duration;

use support::rtmp::{Peer, Server, data, picture, timed};
use support::{stream, until};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use weir_amf0::Value;
use weir_engine::config::Seconds;
use weir_engine::status::StreamState;
use weir_engine::streams::DuplicatePublisher;
use weir_rtmp::command::Command;
use weir_rtmp::message::kind;

fn millis(millis: u64) -> Seconds {
    Seconds::from(Duration::from_millis(millis))
}

#[tokio::test]
async fn fault_01_silent_connections_do_not_delay_the_next_client() {
    let server = Server::start(|_| ()).await;
    let mut silent = Vec::new();
    for _ in 0..3000 {
        silent.push(TcpStream::connect(server.address).await.unwrap());
    }
    let (_publisher, took) = timed(server.publish("show")).await;
    assert!(took < Duration::from_secs(2), "took {took:?}; the handshake of the others must not be waited for");
}

#[tokio::test]
async fn a_silent_connection_is_closed_and_mentioned() {
    let server = Server::start(|config| config.rtmp.handshake_seconds = millis(100)).await;
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    assert_eq!(silent.read(&mut [0; 1]).await.unwrap(), 0);
    until(&server.engine, "the report", || server.problems().contains(&"handshake_timeout".into()).then_some(())).await;
}

#[tokio::test]
async fn other_protocols_are_told_apart() {
    let server = Server::start(|_| ()).await;
    for (first, code) in
        [(&b"GET / HTTP/1.1\r\n\r\n"[..], "http_on_rtmp_port"), (b"\x16\x03\x01\x02", "tls_on_rtmp_port")]
    {
        let mut client = TcpStream::connect(server.address).await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut client, first).await.unwrap();
        let _ = client.read(&mut [0; 1]).await;
        until(&server.engine, code, || server.problems().contains(&code.to_owned()).then_some(())).await;
    }
}

#[tokio::test]
async fn fault_03_media_from_a_player_reaches_nobody() {
    let server = Server::start(|_| ()).await;
    let mut publisher = server.publish("show").await;
    publisher.send_headers(0).await;
    publisher.send_video(0, true, b"first").await;
    let mut intruder = server.play("show").await;
    let mut player = server.play("show").await;
    player.media_until(|message| message.payload.ends_with(b"first")).await;
    intruder.media_until(|message| message.payload.ends_with(b"first")).await;
    intruder.send_video(40, true, b"intruder").await;
    intruder.send(1, kind::DATA, 40, &data(&[Value::from("onMetaData"), Value::ecma_array([("x", 1.0)])])).await;
    // The answer to a call after it shows that the server has read it.
    intruder.command(0, &Command::new("getStreamLength", 9.0, [])).await;
    while intruder.answer().await.transaction != 9.0 {}
    publisher.send_video(80, true, b"last").await;
    let seen = player.media_until(|message| message.payload.ends_with(b"last")).await;
    assert_eq!(seen.len(), 1, "nothing came between");
}

#[tokio::test]
async fn fault_04_metadata_captions_and_cue_points_reach_players() {
    let server = Server::start(|_| ()).await;
    let mut publisher = server.publish("show").await;
    let metadata = [Value::from("@setDataFrame"), Value::from("onMetaData"), Value::object([("title", "the title")])];
    publisher.send(1, kind::DATA, 0, &data(&metadata)).await;
    publisher.send_headers(0).await;
    publisher.send_video(400, true, b"first").await;
    let mut player = server.play("show").await;
    let first = player.media_until(|message| message.payload.ends_with(b"first")).await;
    let values = Value::decode_all(&first[0].payload).unwrap();
    assert_eq!(first[0].type_id, kind::DATA, "metadata comes first");
    assert_eq!(first[0].timestamp, 0, "at any other time FFmpeg takes metadata for a track of subtitles");
    assert_eq!(first.last().unwrap().timestamp, 400);
    assert_eq!(values[0].as_str(), Some("onMetaData"), "@setDataFrame is for servers");
    assert!(matches!(&values[1], Value::EcmaArray(_)), "FFmpeg reads metadata from an ECMA array only");
    assert_eq!(values[1].get("title").and_then(Value::as_str), Some("the title"));
    for name in ["onTextData", "onCuePoint", "onCaption"] {
        let message = data(&[Value::from(name), Value::object([("text", "words")])]);
        publisher.send(1, kind::DATA, 500, &message).await;
        let seen = player.media_until(|message| message.type_id == kind::DATA).await;
        let got = seen.last().unwrap();
        assert_eq!((got.payload.as_ref(), got.timestamp), (message.as_slice(), 500), "{name}");
    }
}

#[tokio::test]
async fn fault_06_a_player_of_a_quiet_stream_lives_by_its_answers_to_pings() {
    let server = Server::start(|config| config.rtmp.idle_seconds = millis(600)).await;
    let mut publisher = server.publish("show").await;
    publisher.send_headers(0).await;
    publisher.send_video(0, true, b"first").await;
    let mut player = server.play("show").await;
    let mut mute = server.play("show").await;
    mute.answers_pings = false;
    player.media_until(|message| message.payload.ends_with(b"first")).await;
    let until_three_pings = async {
        let mut picture = 0;
        while player.pings < 3 {
            // The stream itself is quiet, so that pings are all there is; the publisher lives by its own answers.
            tokio::select! {
                _ = player.next() => {}
                _ = publisher.next() => {}
                () = tokio::time::sleep(Duration::from_millis(300)) => {}
            }
            picture += 1;
            publisher.send_audio(picture, b"quiet").await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), until_three_pings).await.unwrap();
    publisher.send_video(5000, true, b"last").await;
    player.media_until(|message| message.payload.ends_with(b"last")).await;
    while mute.next().await.is_some() {}
    assert!(server.problems().contains(&"peer_silent".to_owned()), "who does not answer is cut");
}

#[tokio::test]
async fn fault_08_a_stream_is_forgotten_after_its_grace_time() {
    let server = Server::start(|config| config.streams.grace_seconds = millis(50)).await;
    let publisher = server.publish("show").await;
    assert_eq!(server.engine.streams().len(), 1);
    drop(publisher);
    until(&server.engine, "no stream", || server.engine.streams().is_empty().then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_09_a_stalled_player_delays_nobody_and_is_cut() {
    let server = Server::start(|config| config.rtmp.write_seconds = millis(1500)).await;
    let mut publisher = server.publish("show").await;
    publisher.send_headers(0).await;
    publisher.send_video(0, true, b"first").await;
    let mut stalled = server.play("show").await;
    let mut player = server.play("show").await;
    player.media_until(|message| message.payload.ends_with(b"first")).await;
    // Far more than the kernel buffers for one that does not read.
    let big = vec![0x55; 400_000];
    for frame in 1..=60_u32 {
        let mark = [&big[..], format!("frame {frame}").as_bytes()].concat();
        publisher.send_video(frame * 33, frame % 15 == 0, &mark).await;
        let got = player.media().await.unwrap();
        assert_eq!(got.payload.as_ref(), picture(frame % 15 == 0, &mark), "frame {frame} arrives whole and in order");
    }
    let reported = until(&server.engine, "the stalled player is cut", || {
        server.problems().contains(&"player_stalled".to_owned()).then_some(())
    });
    reported.await;
    let mut got = 0;
    while stalled.media().await.is_some() {
        got += 1;
    }
    assert!(got < 60, "it was not given everything");
}

#[tokio::test]
async fn fault_10_a_late_player_begins_at_the_newest_key_frame() {
    let server = Server::start(|_| ()).await;
    let mut publisher = server.publish("show").await;
    publisher.send_headers(0).await;
    for (time, key, mark) in [(0, true, "k1"), (40, false, "d1"), (80, true, "k2"), (120, false, "d2")] {
        publisher.send_video(time, key, mark.as_bytes()).await;
        publisher.send_audio(time + 5, mark.as_bytes()).await;
    }
    until(&server.engine, "all frames", || {
        let seen = server.engine.streams()[0].tracks.iter().map(|track| track.frames).sum::<u64>();
        (seen == 8).then_some(())
    })
    .await;
    let mut player = server.play("show").await;
    let seen = player.media_until(|message| message.payload.ends_with(b"d2") && message.type_id == kind::AUDIO).await;
    let what: Vec<(u8, u32)> = seen.iter().map(|message| (message.type_id, message.timestamp)).collect();
    let (v, a, d) = (kind::VIDEO, kind::AUDIO, kind::DATA);
    assert_eq!(what, [(d, 0), (v, 80), (a, 80), (v, 80), (a, 85), (v, 120), (a, 125)]);
    assert_eq!(seen[1].payload, support::rtmp::avc_header());
    assert_eq!(seen[2].payload.as_ref(), b"\xaf\x00\x11\x90");
    assert_eq!(seen[3].payload, picture(true, b"k2"));
}

#[tokio::test]
async fn fault_10_a_player_that_comes_first_waits_for_the_stream() {
    let server = Server::start(|_| ()).await;
    let mut player = server.peer().await;
    player.play("show").await;
    until(&server.engine, "the player waits", || {
        server.engine.streams().iter().any(|stream| stream.state == StreamState::Waiting).then_some(())
    })
    .await;
    let mut publisher = server.publish("show").await;
    publisher.send_headers(0).await;
    publisher.send_video(0, true, b"first").await;
    assert_eq!(player.status().await, "NetStream.Play.Reset");
    assert_eq!(player.status().await, "NetStream.Play.Start");
    player.media_until(|message| message.payload.ends_with(b"first")).await;
}

#[tokio::test]
async fn a_player_of_nothing_is_told_so_and_closed() {
    let server = Server::start(|config| config.streams.play_wait_seconds = millis(50)).await;
    let mut player = server.peer().await;
    player.play("nothing").await;
    assert_eq!(player.last_words().await, ["NetStream.Play.StreamNotFound"]);
    assert_eq!(server.problems(), ["stream_not_found"]);
}

#[tokio::test]
async fn fault_12_a_second_publisher_is_refused_and_told_so() {
    let server = Server::start(|_| ()).await;
    let mut publisher = server.publish("show").await;
    publisher.send_headers(0).await;
    publisher.send_video(0, true, b"first").await;
    let mut second = server.peer().await;
    second.publish("show").await;
    assert_eq!(second.last_words().await, ["NetStream.Publish.BadName"]);
    assert_eq!(server.problems(), ["stream_in_use"]);
    let mut player = server.play("show").await;
    publisher.send_video(40, false, b"next").await;
    player.media_until(|message| message.payload.ends_with(b"next")).await;
}

#[tokio::test]
async fn a_second_publisher_takes_over_where_that_is_wanted() {
    let server = Server::start(|config| config.streams.duplicate_publisher = DuplicatePublisher::Replace).await;
    let mut first = server.publish("show").await;
    first.send_headers(0).await;
    first.send_video(0, true, b"first").await;
    let mut player = server.play("show").await;
    player.media_until(|message| message.payload.ends_with(b"first")).await;
    let mut second = server.publish("show").await;
    assert_eq!(first.last_words().await, ["NetStream.Publish.BadName"]);
    second.send_headers(70_000).await;
    second.send_video(70_000, true, b"second").await;
    let seen = player.media_until(|message| message.payload.ends_with(b"second")).await;
    let time = seen.last().unwrap().timestamp;
    assert!((1..20_000).contains(&time), "the timeline goes on, {time} ms");
}

#[tokio::test]
async fn a_publisher_that_returns_finds_its_players() {
    let server = Server::start(|_| ()).await;
    let mut publisher = server.publish("show").await;
    publisher.send_headers(0).await;
    publisher.send_video(9000, true, b"before").await;
    let mut player = server.play("show").await;
    let before = player.media_until(|message| message.payload.ends_with(b"before")).await;
    drop(publisher);
    until(&server.engine, "the encoder is gone", || {
        matches!(server.engine.streams()[0].state, StreamState::Grace { .. }).then_some(())
    })
    .await;
    let mut publisher = server.publish("show").await;
    publisher.send_headers(0).await;
    publisher.send_video(0, true, b"after").await;
    let after = player.media_until(|message| message.payload.ends_with(b"after")).await;
    assert!(after.last().unwrap().timestamp > before.last().unwrap().timestamp, "time does not run back");
}

#[tokio::test]
async fn players_are_told_that_the_stream_is_over() {
    let server = Server::start(|config| config.streams.grace_seconds = millis(20)).await;
    let mut publisher = server.publish("show").await;
    publisher.send_headers(0).await;
    publisher.send_video(0, true, b"first").await;
    let mut player = server.play("show").await;
    publisher.command(1, &Command::new("deleteStream", 0.0, [Value::from(1.0)])).await;
    assert_eq!(player.last_words().await, ["NetStream.Play.UnpublishNotify", "NetStream.Play.Stop"]);
}

#[tokio::test]
async fn a_shutdown_tells_everyone_and_is_quick() {
    let server = Server::start(|_| ()).await;
    let mut publisher = server.publish("show").await;
    publisher.send_headers(0).await;
    publisher.send_video(0, true, b"first").await;
    let mut player = server.play("show").await;
    let silent = TcpStream::connect(server.address).await.unwrap();
    let ((), took) = timed(server.engine.shutdown()).await;
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(player.last_words().await, ["NetStream.Play.UnpublishNotify", "NetStream.Play.Stop"]);
    assert_eq!(publisher.last_words().await, ["NetStream.Publish.Rejected"]);
    drop(silent);
}

#[tokio::test]
async fn fault_02_playback_goes_on_past_4_hours_39_minutes() {
    let server = Server::start(|_| ()).await;
    let mut publisher = server.publish("show").await;
    publisher.send_headers(0).await;
    publisher.send_video(0, true, b"0").await;
    let mut player = server.play("show").await;
    player.media_until(|message| message.payload.ends_with(b"0")).await;
    let mut time = 0;
    while time < 0xFF_FFFF + 100_000 {
        time += 9_000;
        publisher.send_video(time, true, time.to_string().as_bytes()).await;
        let got = player.media().await.unwrap();
        assert_eq!((got.timestamp, got.payload.as_ref()), (time, &picture(true, time.to_string().as_bytes())[..]));
    }
}

#[tokio::test]
async fn pausing_and_switching_tracks_off_is_honoured() {
    let server = Server::start(|_| ()).await;
    let mut publisher = server.publish("show").await;
    publisher.send_headers(0).await;
    publisher.send_video(0, true, b"first").await;
    let mut player = server.play("show").await;
    player.media_until(|message| message.payload.ends_with(b"first")).await;

    player.command(1, &Command::new("receiveAudio", 0.0, [Value::from(false)])).await;
    player.command(0, &Command::new("getStreamLength", 9.0, [])).await;
    while player.answer().await.transaction != 9.0 {}
    publisher.send_audio(10, b"unheard").await;
    publisher.send_video(40, false, b"seen").await;
    let seen = player.media_until(|message| message.type_id == kind::VIDEO).await;
    assert_eq!(seen.len(), 1, "no audio came");

    player.command(1, &Command::new("pause", 0.0, [Value::from(true), Value::from(40.0)])).await;
    assert_eq!(player.status().await, "NetStream.Pause.Notify");
    publisher.send_video(80, false, b"missed").await;
    until(&server.engine, "the frame has come", || (server.engine.streams()[0].tracks[0].frames == 3).then_some(()))
        .await;
    player.command(1, &Command::new("pause", 0.0, [Value::from(false), Value::from(40.0)])).await;
    assert_eq!(player.status().await, "NetStream.Unpause.Notify");
    publisher.send_video(120, false, b"undecodable").await;
    publisher.send_video(160, true, b"key").await;
    let seen = player.media_until(|message| message.payload.ends_with(b"key")).await;
    assert_eq!(seen.len(), 1, "it goes on with a key frame");
}

#[tokio::test]
async fn whoever_is_kicked_is_told() {
    let server = Server::start(|_| ()).await;
    let mut publisher = server.publish("show").await;
    publisher.send_headers(0).await;
    publisher.send_video(0, true, b"first").await;
    let mut player = server.play("show").await;
    let reader = server.engine.streams()[0].readers[0].id;
    assert!(server.engine.context().hub.kick_reader(reader));
    assert_eq!(player.last_words().await, ["NetStream.Play.Failed"]);
    assert!(server.engine.context().hub.kick_publisher(&stream("live/show")));
    assert_eq!(publisher.last_words().await, ["NetStream.Publish.Denied"]);
}

/// Pauses after 30 frames, goes on after a while, and checks that it does so with a key frame.
async fn pause_and_go_on(mut player: Peer, last: u32) -> Peer {
    player.media_until(|message| message.payload.ends_with(b"frame 30")).await;
    player.command(1, &Command::new("pause", 0.0, [Value::from(true), Value::from(0.0)])).await;
    assert_eq!(player.status().await, "NetStream.Pause.Notify");
    player.command(1, &Command::new("pause", 0.0, [Value::from(false), Value::from(0.0)])).await;
    assert_eq!(player.status().await, "NetStream.Unpause.Notify");
    let seen = player.media_until(|message| message.payload.ends_with(format!("frame {last}").as_bytes())).await;
    let first = seen.iter().find(|message| message.type_id == kind::VIDEO).unwrap();
    assert_eq!(first.payload[0], 0x17, "it went on with a key frame");
    player
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_gets_every_frame_whoever_stalls_pauses_or_leaves_in_its_midst() {
    let server = Server::start(|config| {
        config.streams.grace_seconds = millis(20);
        config.rtmp.write_seconds = millis(1500);
    })
    .await;
    let mut publisher = server.publish("show").await;
    publisher.send_headers(0).await;
    publisher.send_video(0, true, b"frame 0").await;
    let mut players = Vec::new();
    for _ in 0..60 {
        players.push(server.play("show").await);
    }
    let mut stalled = players.pop().unwrap();
    let total = 150_u32;
    let paused = tokio::spawn(pause_and_go_on(players.pop().unwrap(), total));
    let mut leaver = players.pop();
    for player in &mut players {
        player.media_until(|message| message.payload.ends_with(b"frame 0")).await;
    }
    let big = vec![0x55; 60_000];
    for frame in 1..=total {
        let key = frame % 25 == 0;
        let mark = [&big[..], format!("frame {frame}").as_bytes()].concat();
        publisher.send_video(frame * 33, key, &mark).await;
        publisher.send_audio(frame * 33 + 7, format!("sound {frame}").as_bytes()).await;
        if frame == 60 {
            // A changed configuration is told to everybody between the right frames.
            publisher.send(1, kind::AUDIO, frame * 33 + 8, b"\xaf\x00\x12\x10").await;
        }
        if frame == 20 {
            drop(leaver.take());
        }
        for (at, player) in players.iter_mut().enumerate() {
            if frame == 61 {
                assert_eq!(player.media().await.unwrap().payload.as_ref(), b"\xaf\x00\x12\x10", "player {at}");
            }
            let picture_got = player.media().await.unwrap();
            assert_eq!(picture_got.timestamp, frame * 33, "player {at}");
            assert!(picture_got.payload.as_ref() == picture(key, &mark), "player {at}, frame {frame}");
            let sound = player.media().await.unwrap();
            assert_eq!((sound.timestamp, &sound.payload[2..]), (frame * 33 + 7, format!("sound {frame}").as_bytes()));
        }
    }
    let paused = paused.await.unwrap();
    let snapshot = &server.engine.streams()[0];
    let reader = snapshot.readers.iter().find(|reader| reader.lag.is_zero() && reader.frames > 0).unwrap().id;
    assert!(server.engine.context().hub.kick_reader(reader));
    publisher.send_video((total + 1) * 33, false, b"after the kick").await;
    until(&server.engine, "the stalled player is cut", || {
        server.problems().contains(&"player_stalled".to_owned()).then_some(())
    })
    .await;
    publisher.command(1, &Command::new("deleteStream", 0.0, [Value::from(1.0)])).await;
    let mut kicked = 0;
    for mut player in players.into_iter().chain([paused]) {
        match player.last_words().await.last().map(String::as_str) {
            Some("NetStream.Play.Failed") => kicked += 1,
            Some("NetStream.Play.Stop") => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(kicked, 1);
    while stalled.next().await.is_some() {}
}
