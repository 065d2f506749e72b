//! `/debug/vars` and `/metrics` held against what really flowed: frames and bytes of streams, destinations, recordings and SRT
//! connections, counted by the other end of each.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod support;

use std::collections::HashMap;

use support::rtmp::Server;
use support::srt::{self, Caller};
use support::target::{Manner, Target};
use support::{frames, tracks, until};
use weir_engine::destination;
use weir_engine::metrics::{Form, gather, prometheus, vars};
use weir_media::{Frame, TrackKind};

/// The samples of a text for Prometheus, by name with labels.
fn samples(server: &Server) -> HashMap<String, f64> {
    let text = prometheus(gather(&server.engine), Form::OpenMetrics);
    let lines = text.lines().filter(|line| !line.starts_with('#')).map(|line| line.rsplit_once(' ').unwrap());
    lines.map(|(name, value)| (name.to_owned(), value.parse().unwrap())).collect()
}

/// The one sample of this name with all these labels.
fn sample(all: &HashMap<String, f64>, name: &str, labels: &[(&str, &str)]) -> f64 {
    let has = |key: &str| labels.iter().all(|(label, value)| key.contains(&format!("{label}=\"{value}\"")));
    let found: Vec<f64> = all
        .iter()
        .filter(|(key, _)| key.split('{').next() == Some(name) && has(key))
        .map(|(_, value)| *value)
        .collect();
    assert_eq!(
        found.len(),
        1,
        "{name} {labels:?} in {:?}",
        all.keys().filter(|key| key.starts_with(name)).collect::<Vec<_>>()
    );
    found[0]
}

#[track_caller]
fn within_a_percent(told: f64, really: f64) {
    assert!(really > 100.0 && (told - really).abs() <= really * 0.01, "{told} is not {really}");
}

/// Frames without zeros at their ends, which a transport stream does not keep.
fn solid(from: i64, to: i64) -> Vec<Frame> {
    let mut all = frames(&tracks(), from, to);
    for frame in &mut all {
        let mut data = frame.data.to_vec();
        data[5..].iter_mut().for_each(|byte| *byte |= 1);
        frame.data = data.into();
    }
    all
}

fn count(frames: &[Frame], kind: TrackKind) -> usize {
    frames.iter().filter(|frame| frame.track.kind == kind).count()
}

fn bytes(frames: &[Frame]) -> f64 {
    frames.iter().map(|frame| frame.data.len()).sum::<usize>() as f64
}

#[tokio::test]
async fn streams_destinations_and_recordings_are_told_as_they_flowed() {
    let target = Target::start(|_| Manner::Take).await;
    let server = Server::start(|config| {
        config.recording.record_all = true;
        config.destinations = vec![destination::Config::new("one", target.url())];
    })
    .await;
    let engine = &server.engine;
    let mut publisher =
        engine.context().hub.publish(&support::stream("live/show"), weir_hub::Origin::internal("test")).unwrap();
    publisher.set_tracks(&tracks()).unwrap();
    let mut sent = frames(&tracks(), 0, 1_000);
    support::write(&mut publisher, &sent);
    let media = || target.visits().first().map_or(0, |visit| visit.media.len());
    until(engine, "the server has begun", || (media() > 3).then_some(())).await;
    let more = frames(&tracks(), 1_000, 20_000);
    for some in more.chunks(50) {
        support::write(&mut publisher, some);
        let (all, before) = (sent.len() + some.len(), sent.len());
        sent.extend_from_slice(some);
        assert!(all > before);
        // Metadata and the headers of two tracks come first.
        until(engine, "these frames", || (media() >= all + 3).then_some(())).await;
    }
    let recorded = || engine.recordings().status().first().map_or(0, |status| status.duration_ms);
    until(engine, "the recording", || (recorded() > 19_900).then_some(())).await;
    let really = target.visits()[0].bytes as f64;
    let settled = |all: &HashMap<String, f64>| {
        sample(all, "weir_leg_sent_frames_total", &[("leg", "one"), ("address", "main")]) as usize == sent.len()
            && (sample(all, "weir_leg_sent_bytes_total", &[("leg", "one")]) - really).abs() < really * 0.01
    };
    let all = until(engine, "the numbers of the destination", || Some(samples(&server)).filter(settled)).await;

    for (kind, name) in [(TrackKind::Video, "video"), (TrackKind::Audio, "audio")] {
        let really = count(&sent, kind) as f64;
        let labels = [("stream", "live/show"), ("kind", name)];
        assert_eq!(sample(&all, "weir_stream_received_frames_total", &labels), really);
        assert_eq!(sample(&all, "weir_received_frames_total", &[("kind", name)]), really);
    }
    within_a_percent(sample(&all, "weir_stream_received_bytes_total", &[("stream", "live/show")]), bytes(&sent));
    within_a_percent(sample(&all, "weir_received_bytes_total", &[]), bytes(&sent));
    let file = engine.recordings().status()[0].file.clone().unwrap();
    within_a_percent(sample(&all, "weir_recording_bytes", &[("stream", "live/show")]), {
        std::fs::metadata(file).unwrap().len() as f64
    });
    for role in ["destination", "recording"] {
        let name = "weir_write_seconds_count";
        assert!(sample(&all, name, &[("role", role)]) >= 1.0, "{role} has a histogram of its writing");
    }

    let told = vars(&gather(engine));
    assert_eq!(told["rtmp_messages_video"], count(&sent, TrackKind::Video));
    assert_eq!(told["rtmp_messages_audio"], count(&sent, TrackKind::Audio));
    within_a_percent(told["rtmp_bytes_ingested"].as_f64().unwrap(), bytes(&sent));
    assert_eq!(
        (&told["rtmp_relay_messages_sent"], &told["rtmp_relay_messages_dropped"]),
        (&sent.len().into(), &0.into())
    );
    within_a_percent(told["rtmp_relay_bytes_sent"].as_f64().unwrap(), really);
    let leg = &told["rtmp_relay_destinations"][0];
    assert_eq!((&leg["messages_sent"], &leg["status"]), (&sent.len().into(), &"live".into()));
    within_a_percent(leg["bytes_sent"].as_f64().unwrap(), really);
}

#[tokio::test]
async fn srt_connections_are_told_as_they_flowed_in_out_and_onward() {
    let upstream = Server::start(srt::on).await;
    let server = Server::start(srt::on).await;
    let engine = &server.engine;
    let address = srt::address(engine);
    let mut encoder = Caller::call(address, "publish:live/show").await.unwrap();
    // It is at work all the while, as a player is.
    let mut player = Caller::call(address, "read:live/show").await.unwrap();
    let (out, seen) = tokio::sync::watch::channel(srt::Flow::default());
    let playing = tokio::spawn(async move {
        player
            .run(|player| {
                out.send_replace(player.arrived);
                false
            })
            .await;
    });
    let mut config = engine.config();
    let url = format!("srt://{}?streamid=publish:live/got&latency=8000", srt::address(&upstream.engine));
    config.destinations = vec![destination::Config::new("onward", url)];
    engine.apply(config).await.unwrap();
    let mut sent = solid(0, 1_000);
    encoder.send_frames(&tracks(), &sent).await;
    let live = |server: &Server, path: &str| {
        server
            .engine
            .streams()
            .into_iter()
            .find(|known| known.path.as_str() == path)
            .filter(|known| !known.tracks.is_empty())
    };
    encoder.run(|_| live(&upstream, "live/got").is_some()).await;
    let more = solid(1_000, 20_000);
    for some in more.chunks(50) {
        encoder.send_frames(&tracks(), some).await;
        // No faster than the player's socket holds: what is lost there would be sent again, and counted again.
        encoder.run(|encoder| seen.borrow().packets + 40 >= encoder.sent.packets).await;
    }
    sent.extend(more);
    let received = |server: &Server, path: &str| {
        live(server, path).map_or(0, |known| known.tracks.iter().map(|track| track.frames).sum::<u64>() as usize)
    };
    // The last picture and the last sounds are complete only when the next come.
    encoder.run(|_| received(&upstream, "live/got") + 40 >= sent.len()).await;
    let into = encoder.sent;
    // Both servers look at their connections now and then, not at the same time.
    let mut told = String::new();
    let settling = encoder.run(|_| {
        let (here, there, out) = (samples(&server), samples(&upstream), *seen.borrow());
        let show = |name: &str, role: &str| sample(&here, name, &[("stream", "live/show"), ("role", role)]);
        let got = [("stream", "live/got"), ("role", "publish")];
        let arrived = sample(&there, "weir_srt_received_bytes_total", &got);
        let pairs = [
            ("packets in", show("weir_srt_received_packets_total", "publish"), into.packets as f64),
            ("bytes in", show("weir_srt_received_bytes_total", "publish"), into.bytes as f64),
            ("packets out", show("weir_srt_sent_packets_total", "play"), out.packets as f64),
            ("bytes out", show("weir_srt_sent_bytes_total", "play"), out.bytes as f64),
            // Onward: what the other server received is what this one says it sent.
            ("bytes onward", show("weir_srt_sent_bytes_total", "push"), arrived),
            ("frames onward", sample(&here, "weir_leg_sent_frames_total", &[("leg", "onward")]), sent.len() as f64),
            (
                "media onward",
                sample(&here, "weir_stream_received_bytes_total", &[("stream", "live/show")]),
                sample(&there, "weir_stream_received_bytes_total", &[("stream", "live/got")]),
            ),
        ];
        told = format!("{pairs:?}");
        pairs.iter().all(|(_, told, really)| *really > 1000.0 && (told - really).abs() <= really * 0.01)
    });
    let settled = tokio::time::timeout(support::PATIENCE / 2, settling).await;
    assert!(settled.is_ok(), "{told}");

    let told = vars(&gather(engine));
    within_a_percent(told["srt_packets_received"].as_f64().unwrap(), into.packets as f64);
    within_a_percent(told["srt_bytes_received"].as_f64().unwrap(), into.bytes as f64);
    assert_eq!((&told["srt_connections_active"], &told["srt_packets_dropped"]), (&2.into(), &0.into()));
    within_a_percent(told["rtmp_messages_video"].as_f64().unwrap(), count(&sent, TrackKind::Video) as f64);
    within_a_percent(told["rtmp_bytes_ingested"].as_f64().unwrap(), bytes(&sent));
    playing.abort();
}
