//! What hooks are told of sessions of libsrt's own program, which publishes and plays over SRT: every event, in order.

use std::time::Duration;

use serde_json::Value;

use crate::clip::{Make, clip};
use crate::ffmpeg::Ffmpeg;
use crate::process::Outcome;
use crate::scenario::srt_media::LATENCY;
use crate::socket;
use crate::srt::{self, Capture, Feed};
use crate::weir::Weir;

/// How long the stream lasts.
const LASTS: Duration = Duration::from_secs(4);

/// The events that belong to the encoder's connection, and to the player's.
const ENCODER: &[&str] =
    &["connection_accept", "handshake_complete", "stream_create", "publish_start", "publish_stop", "connection_close"];
const PLAYER: &[&str] = &["connection_accept", "handshake_complete", "play_start", "play_stop", "connection_close"];
/// Of what is made of the stream. Its file is closed beside the end of the stream, sooner or later than that is told.
const RECORDING: &[&str] = &["recording_start", "recording_complete"];
/// Of the stream; its health and the destination may change more than once.
const STREAM: &[&str] = &["codec_detected", "subscriber_count", "destination_state", "stream_health", "stream_delete"];

pub(crate) fn told(ffmpeg: &Ffmpeg) -> Outcome {
    let clip = clip(Make::H264Aac, ffmpeg)?;
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let (file, played) = (folder.path().join("stream.ts"), folder.path().join("played.ts"));
    ffmpeg.run(&["-i", &clip.file.to_string_lossy(), "-c", "copy", "-f", "mpegts", &file.to_string_lossy()])?;
    let nowhere = format!("rtmp://127.0.0.1:{}/live/canary-leg", socket::free_port()?);
    let latency = LATENCY.to_string();
    let mut flags = vec!["--srt-listen", "127.0.0.1:0", "--srt-latency", &latency, "--record-all", "true"];
    flags.extend(["--hook-stdio-format", "json", "--auth-token", "live/stream=canary-key", "--relay-to", &nowhere]);
    let weir = Weir::start(&flags)?;
    let wait = |kind: &str| weir.process.until(kind, |lines| events(lines).into_iter().find(|it| it["type"] == kind));

    let wrong = srt::call(&weir.srt("publish:live/stream?token=canary-wrong")?)?;
    let refused = wait("auth_failed")?;
    drop(wrong);
    let mut player = Capture::start(&weir.srt("read:live/stream?token=canary-key")?, &played)?;
    weir.wait_for_players("stream", 1)?;
    let mut feed = Feed::start(&weir.srt("publish:live/stream?token=canary-key")?)?;
    let published = wait("publish_start")?;
    // It is connected and says nothing for three seconds.
    wait("stream_health")?;
    feed.send(&file, LASTS)?;
    feed.end()?;
    for kind in RECORDING.iter().chain(STREAM) {
        wait(kind)?;
    }
    player.end()?;
    let ends = |lines: &[String]| events(lines).iter().filter(|event| event["type"] == "connection_close").count();
    weir.process.until("the end of all three connections", |lines| (ends(lines) == 3).then_some(()))?;

    let all = events(&weir.process.errors());
    let connection = |kind: &str| {
        let first = all.iter().find(|event| event["type"] == kind).ok_or(format!("{kind} was not told"))?;
        Ok::<_, String>(first["conn_id"].clone())
    };
    let (encoder, player) = (connection("publish_start")?, connection("play_start")?);
    for (who, expected) in [(&encoder, ENCODER), (&player, PLAYER)] {
        let of = all.iter().filter(|event| event["conn_id"] == *who).filter_map(|event| event["type"].as_str());
        let told: Vec<&str> = of.filter(|kind| *kind != "codec_detected").collect();
        if told != expected {
            return Err(format!("{told:?} was told, not {expected:?}"));
        }
    }
    let of_recording = all.iter().filter_map(|event| event["type"].as_str()).filter(|kind| RECORDING.contains(kind));
    if of_recording.clone().ne(RECORDING.iter().copied()) {
        return Err(format!("{:?} was told of the recording", of_recording.collect::<Vec<_>>()));
    }
    let of_srt = [&refused, &published].iter().all(|event| event["stream_key"] == "live/stream");
    let stop = all.iter().find(|event| event["type"] == "publish_stop").map(|event| &event["data"]);
    let frames = stop.map(|data| (data["protocol"].as_str(), data["video_packets"].as_u64()));
    let pictures = clip.packets.of(crate::packets::Kind::VIDEO).len() as u64;
    if !of_srt || frames != Some((Some("srt"), Some(pictures))) {
        return Err(format!("{pictures} pictures over SRT were told as {stop:?}"));
    }
    match all.iter().find(|event| event.to_string().contains("canary")) {
        None => Ok(()),
        Some(event) => Err(format!("a key is told: {event}")),
    }
}

/// The events among the lines of standard error.
fn events(lines: &[String]) -> Vec<Value> {
    let told = lines.iter().filter_map(|line| line.strip_prefix("RTMP_EVENT: "));
    told.filter_map(|json| serde_json::from_str(json).ok()).collect()
}
