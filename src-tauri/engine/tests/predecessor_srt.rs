//! Faults of the predecessor with streams that came over SRT, on real transport streams of FFmpeg and a real socket: what its
//! relays, players and key frames made of them.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod support;

use std::path::PathBuf;

use support::rtmp::Server;
use support::srt::{self, Caller};
use support::target::{Manner, Target};
use support::{PATIENCE, stream, until};
use weir_engine::config::Seconds;
use weir_engine::destination;
use weir_engine::status::StreamState;
use weir_flv::MessageKind;
use weir_hub::{Delivery, LagPolicy, Origin, SubscribeOptions};
use weir_media::{Frame, TrackId, TrackKind};
use weir_rtmp::message::kind;

/// A transport stream that FFmpeg made.
fn vector(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/mpegts");
    std::fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// What a second reader, ffprobe, sees in it: milliseconds of display of each packet, and whether it is a key frame.
fn expected(name: &str, kind: &str) -> Vec<(f64, bool)> {
    let text = String::from_utf8(vector(&format!("{name}.packets.csv"))).unwrap();
    let rows = text.lines().map(|line| line.split(',').collect::<Vec<_>>()).filter(|row| row[0] == kind);
    rows.map(|row| (row[1].parse::<f64>().unwrap() / 90.0, row[3].starts_with('K'))).collect()
}

async fn server() -> Server {
    Server::start(|config| {
        srt::on(config);
        config.streams.grace_seconds = Seconds::new(0);
    })
    .await
}

/// Publishes a transport stream over SRT and ends the connection.
async fn publish(server: &Server, name: &str) {
    let mut encoder = Caller::call(srt::address(&server.engine), "publish:live/show").await.unwrap();
    encoder.send(&vector(&format!("{name}.m2t"))).await;
    encoder.close().await;
}

/// Every frame of `live/show` that reaches the hub, from now to its end.
async fn frames_of(server: &Server, name: &str) -> Vec<Frame> {
    let options = SubscribeOptions { lag: LagPolicy::RECORDING, ..SubscribeOptions::player(Origin::internal("test")) };
    let mut reader = server.engine.context().hub.subscribe(&stream("live/show"), options).unwrap();
    let reading = tokio::spawn(async move {
        let (mut frames, mut batch) = (Vec::new(), Vec::new());
        loop {
            reader.recv_batch(&mut batch).await;
            for delivery in batch.drain(..) {
                match delivery {
                    Delivery::Frame { frame, .. } => frames.push(frame),
                    Delivery::Ended(_) => return frames,
                    _ => {}
                }
            }
        }
    });
    publish(server, name).await;
    tokio::time::timeout(PATIENCE, reading).await.expect("the stream ends").unwrap()
}

/// Streams that came over SRT were not relayed.
#[tokio::test]
async fn fault_18_a_stream_that_comes_over_srt_is_sent_on_frame_by_frame() {
    let name = "ffmpeg-5.1-h264-aac";
    let target = Target::start(|_| Manner::Take).await;
    let server = server().await;
    let mut config = server.engine.config();
    config.destinations.push(destination::Config::new("one", target.url()));
    server.engine.apply(config).await.unwrap();
    let mut encoder = Caller::call(srt::address(&server.engine), "publish:live/show").await.unwrap();
    let media = || target.visits().first().map_or(0, |visit| visit.media.len());
    let bytes = vector(&format!("{name}.m2t"));
    // It begins at the newest key frame, so the second one waits until it has begun.
    let (begin, rest) = bytes.split_at(bytes.len() / 4);
    encoder.send(begin).await;
    encoder.run(|_| media() > 3).await;
    encoder.send(rest).await;
    // The last frames are complete with the end of the connection.
    let (pictures, sounds) = (expected(name, "video").len(), expected(name, "audio").len());
    encoder.run(|_| media() + 30 >= pictures + sounds).await;
    encoder.close().await;
    let tags = until(&server.engine, "the end at the server", || {
        target.visits().first().filter(|visit| visit.goodbye || visit.closed).map(|visit| visit.tags())
    })
    .await;
    let (tracks, frames) = support::ingest(&tags);
    let of = |kind: TrackKind| frames.iter().filter(|frame| frame.track.kind == kind).count();
    assert_eq!((of(TrackKind::Video), of(TrackKind::Audio)), (pictures, sounds));
    assert!(
        tracks.find(TrackId::VIDEO).unwrap().config.is_some() && tracks.find(TrackId::AUDIO).unwrap().config.is_some()
    );
    assert_eq!(tags[0].kind, MessageKind::Data, "metadata first");
    assert_eq!(server.engine.destinations().status()[0].line.frames_skipped, 0);
}

/// Only the first AAC frame of a PES packet was used: FFmpeg puts several into one.
#[tokio::test]
async fn fault_28_every_sound_of_a_packet_reaches_an_rtmp_player() {
    let name = "ffmpeg-5.1-h264-aac";
    let server = server().await;
    let mut player = server.peer().await;
    player.play("show").await;
    let sounds = tokio::spawn(async move {
        let mut sounds = 0;
        while let Some(message) = player.next().await {
            // The configuration of AAC is no sound.
            sounds += usize::from(message.type_id == kind::AUDIO && message.payload.get(1) == Some(&1));
        }
        sounds
    });
    until(&server.engine, "the player waits", || {
        server.engine.streams().iter().any(|known| !known.readers.is_empty()).then_some(())
    })
    .await;
    publish(&server, name).await;
    let sounds = tokio::time::timeout(PATIENCE, sounds).await.expect("the stream ends").unwrap();
    let packets = expected(name, "audio").len();
    assert!(packets > 50);
    assert_eq!(sounds, packets);
}

/// Each track was moved to zero on its own, so that sound and picture lost their distance.
#[tokio::test]
async fn fault_29_sound_and_picture_keep_their_distance() {
    for name in ["ffmpeg-5.1-h264-aac", "ffmpeg-5.1-h265-ac3"] {
        let server = server().await;
        let frames = frames_of(&server, name).await;
        let zero = expected(name, "video")[0].0;
        let first = frames.iter().find(|frame| frame.track == TrackId::VIDEO).unwrap().pts;
        for (kind, wanted) in [(TrackKind::Video, "video"), (TrackKind::Audio, "audio")] {
            let came = frames.iter().filter(|frame| frame.track.kind == kind);
            let wanted = expected(name, wanted);
            let came: Vec<f64> = came.map(|frame| (frame.pts - first).as_secs_f64() * 1e3).collect();
            assert_eq!(came.len(), wanted.len(), "{name} {kind:?}");
            for (came, (wanted, _)) in came.iter().zip(&wanted) {
                assert!((came - (wanted - zero)).abs() < 1.0, "{name} {kind:?}: {came} for {}", wanted - zero);
            }
        }
        assert!(server.engine.streams().iter().all(|known| known.state != StreamState::Live));
    }
}

/// Key frames were missed when an SEI or an access unit delimiter came first, as x265 and FFmpeg write them.
#[tokio::test]
async fn fault_31_key_frames_behind_other_nal_units_are_key_frames() {
    // How such a unit begins in the stream: a delimiter of H.264; a delimiter and an SEI of H.265.
    for (name, first) in [
        ("ffmpeg-5.1-h264-aac", &[&[0, 0, 0, 1, 0x09][..]][..]),
        ("ffmpeg-5.1-h265-ac3", &[&[0, 0, 0, 1, 0x46, 1], &[0, 0, 1, 0x4e, 1]]),
    ] {
        let bytes = vector(&format!("{name}.m2t"));
        for unit in first {
            assert!(bytes.windows(unit.len()).any(|window| window == *unit), "{name} has {unit:02x?}");
        }
        let server = server().await;
        let frames = frames_of(&server, name).await;
        let video = frames.iter().filter(|frame| frame.track == TrackId::VIDEO);
        let came: Vec<bool> = video.map(Frame::is_key).collect();
        let wanted: Vec<bool> = expected(name, "video").into_iter().map(|(_, key)| key).collect();
        assert_eq!(came, wanted, "{name}");
        assert!(came[0] && came.iter().any(|key| !key));
    }
}
