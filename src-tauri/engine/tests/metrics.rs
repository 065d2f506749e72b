//! Numbers for monitoring, held against what really flowed.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod support;

use std::collections::HashMap;

use serde_json::Value;
use support::rtmp::Server;
use support::until;
use weir_engine::metrics::{Form, Gathered, gather, prometheus, vars};

/// Names of the predecessor, all of them.
const NAMES: [&str; 32] = [
    "rtmp_connections_active",
    "rtmp_connections_total",
    "rtmp_streams_active",
    "rtmp_publishers_active",
    "rtmp_publishers_total",
    "rtmp_subscribers_active",
    "rtmp_subscribers_total",
    "rtmp_subscriber_drops_total",
    "rtmp_auth_successes_total",
    "rtmp_auth_failures_total",
    "rtmp_messages_audio",
    "rtmp_messages_video",
    "rtmp_bytes_ingested",
    "rtmp_bytes_egress",
    "rtmp_handshake_failures_total",
    "rtmp_recordings_active",
    "rtmp_recording_errors_total",
    "rtmp_zombie_connections_total",
    "rtmp_relay_messages_sent",
    "rtmp_relay_messages_dropped",
    "rtmp_relay_bytes_sent",
    "rtmp_uptime_seconds",
    "rtmp_server_info",
    "rtmp_streams",
    "rtmp_relay_destinations",
    "srt_connections_active",
    "srt_connections_total",
    "srt_bytes_received",
    "srt_packets_received",
    "srt_packets_retransmit",
    "srt_packets_dropped",
    "",
];

/// The samples of a text for Prometheus, by name with labels.
fn samples(text: &str) -> HashMap<String, f64> {
    assert!(text.ends_with("# EOF\n"), "{text}");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.rsplit_once(' ').unwrap())
        .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
        .collect()
}

fn within_a_percent(told: f64, true_value: f64) {
    assert!((told - true_value).abs() <= true_value * 0.01, "{told} is not {true_value}");
}

#[tokio::test]
async fn both_forms_tell_what_really_flowed() {
    let server = Server::start(|config| config.recording.record_all = true).await;
    let engine = &server.engine;
    let mut publisher = server.publish("show?token=canary").await;
    publisher.send_headers(0).await;
    publisher.send_video(0, true, b"first").await;
    let mut player = server.play("show").await;
    player.media_until(|message| message.payload.ends_with(b"first")).await;
    let (mut video_bytes, mut audio_bytes) = (0, 0);
    for at in 1..200_u32 {
        let mark = [b'x'; 500];
        publisher.send_video(at * 40, at % 25 == 0, &mark).await;
        publisher.send_audio(at * 40, &mark[..100]).await;
        video_bytes += 4 + 1 + mark.len();
        audio_bytes += 100;
    }
    publisher.send_video(8000, true, b"last").await;
    player.media_until(|message| message.payload.ends_with(b"last")).await;
    let look = |found: fn(&Gathered) -> bool| {
        let gathered = gather(engine);
        found(&gathered).then_some(gathered)
    };
    let gathered = until(engine, "all of it", || look(|all| all.counters.video_frames == 201)).await;
    let told = vars(&gathered);
    for name in NAMES.iter().filter(|name| !name.is_empty()) {
        assert!(!told[name].is_null(), "{name} is missing: {told}");
    }
    assert_eq!(told.as_object().unwrap().len(), NAMES.len() - 1, "and nothing else: {told}");
    assert_eq!((&told["rtmp_messages_video"], &told["rtmp_messages_audio"]), (&Value::from(201), &Value::from(199)));
    let bytes = (video_bytes + audio_bytes) as f64;
    within_a_percent(told["rtmp_bytes_ingested"].as_f64().unwrap(), bytes);
    within_a_percent(told["rtmp_bytes_egress"].as_f64().unwrap(), bytes + 400.0 * 18.0);
    assert_eq!(told["rtmp_streams"][0]["key"], "live/show");
    assert_eq!(told["rtmp_streams"][0]["subscribers"], 1);
    assert_eq!(told["rtmp_streams"][0]["video_codec"], "H.264");
    assert_eq!((&told["rtmp_connections_active"], &told["rtmp_publishers_total"]), (&2.into(), &1.into()));

    let text = prometheus(gathered, Form::OpenMetrics);
    let all = samples(&text);
    assert_eq!(all["weir_received_frames_total{kind=\"video\"}"], 201.0, "{text}");
    assert_eq!(all["weir_stream_received_frames_total{stream=\"live/show\",kind=\"video\",track=\"0\"}"], 201.0);
    within_a_percent(all["weir_received_bytes_total"], bytes);
    within_a_percent(all["weir_stream_received_bytes_total{stream=\"live/show\"}"], bytes);
    assert_eq!(all["weir_connections{protocol=\"rtmp\"}"], 2.0);
    assert!(all["weir_write_seconds_count{role=\"player\"}"] >= 1.0);
    assert_eq!(
        all["weir_write_seconds_bucket{le=\"+Inf\",role=\"player\"}"],
        all["weir_write_seconds_count{role=\"player\"}"]
    );
    assert!(all.keys().all(|name| name.starts_with("weir_")), "{text}");

    // Those who leave take nothing of it along.
    drop(player);
    drop(publisher);
    let left = until(engine, "both gone", || {
        let gathered = gather(engine);
        (vars(&gathered)["rtmp_connections_active"] == 0).then_some(gathered)
    })
    .await;
    let told = vars(&left);
    assert_eq!((&told["rtmp_messages_video"], &told["rtmp_messages_audio"]), (&Value::from(201), &Value::from(199)));
    within_a_percent(told["rtmp_bytes_ingested"].as_f64().unwrap(), bytes);
    assert_eq!(told["rtmp_subscribers_total"], 1);
    assert!(!text.contains("canary") && !told.to_string().contains("canary"));
}

/// Predecessor fault 41: `/debug/vars` showed passphrases, tokens and keys.
#[tokio::test]
async fn fault_41_no_form_shows_a_secret() {
    let server = Server::start(|config| {
        config.destinations = vec![toml::from_str("id = \"one\"\nurl = \"rtmp://127.0.0.1:9/app\"").unwrap()];
    })
    .await;
    let secrets = server.engine.secrets();
    for name in ["destination/one", "srt/passphrase", "hook/one/url"] {
        secrets.set(name, Some(weir_media::Secret::new("canary-secret".to_owned()))).unwrap();
    }
    server.engine.apply(server.engine.config()).await.unwrap();
    let gathered = gather(&server.engine);
    assert_eq!(gathered.destinations.len(), 1);
    let [text, metrics] = [Form::Text, Form::OpenMetrics].map(|form| prometheus(gathered.clone(), form));
    let texts = [vars(&gathered).to_string(), text, metrics];
    for text in texts {
        assert!(!text.contains("canary"), "{text}");
    }
}

/// Predecessor fault 42: the profile it advertised was a 404.
#[cfg(any(target_os = "linux", target_os = "macos"))]
#[tokio::test(flavor = "multi_thread")]
async fn fault_42_a_profile_is_taken() {
    use std::sync::Arc;
    use std::time::Duration;

    // Something to be seen for as long as the profile takes, however busy the machine is: it goes on while somebody holds the other
    // end of it.
    let needed = Arc::new(());
    let watched = Arc::downgrade(&needed);
    let busy = std::thread::spawn(move || {
        let mut sum = 0_u64;
        while watched.strong_count() > 0 {
            for turn in 0..10_000 {
                sum = std::hint::black_box(sum.wrapping_mul(31).wrapping_add(turn));
            }
        }
        sum
    });
    let profile = weir_engine::metrics::profile(Duration::from_secs(1)).await;
    drop(needed);
    busy.join().unwrap();
    let profile = profile.unwrap();
    assert!(profile.len() > 100, "{} bytes", profile.len());
    // A profile in the format begins with its sample types (field 1, length-delimited).
    assert_eq!(profile[0], 0x0a);
}
