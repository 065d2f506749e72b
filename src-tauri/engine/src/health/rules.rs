//! The rules: pure, from facts to findings. Thresholds are named with where they come from.

use std::collections::BTreeMap;
use std::time::Duration;

use weir_hub::{StreamSnapshot, StreamState, TrackSnapshot};
use weir_media::{Codec, TrackKind};

use super::{Encoder, Finding, Level};

/// Longest key-frame interval that every platform takes: YouTube and Facebook say 4 s, Twitch 2 s; half a second for
/// encoders that count frames.
const LONGEST_INTERVAL: Duration = Duration::from_millis(4_500);
/// Shortest that does not waste: below it most of the bitrate goes into key frames.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(450);
/// A live stream whose second key frame has not come by now has none soon.
const NO_KEY_FRAME: Duration = Duration::from_secs(12);
/// Silence after which people see a standing picture.
const SILENCE: Duration = Duration::from_secs(3);
/// Time an encoder gets to send all of its tracks.
const SETTLED: Duration = Duration::from_secs(5);
/// Part of the declared frame rate that must arrive; encoders that skip frames fall below it.
const FRAME_RATE_KEPT: f64 = 0.88;
/// Part of the usual bitrate below which a drop shows in the picture.
const BITRATE_KEPT: f64 = 0.4;
/// A usual bitrate this low says nothing: a still picture sends little.
const BITRATE_COUNTS: u64 = 300_000;
/// Returns within one stream after which the line, not chance, is the reason.
const UNSTABLE: u32 = 3;

/// What is known of a stream.
#[derive(Debug, Clone)]
pub struct Facts<'a> {
    /// What the hub knows now.
    pub stream: &'a StreamSnapshot,
    /// Timestamps repaired within the last minute.
    pub repaired_lately: u64,
    /// The bitrate it usually has, once it is known.
    pub usual_bitrate: Option<u64>,
}

/// Everything that is wrong with a stream. Empty for one that is not live.
pub fn examine(facts: &Facts<'_>) -> Vec<Finding> {
    let stream = facts.stream;
    if stream.state != StreamState::Live {
        return Vec::new();
    }
    let encoder = Encoder::of(stream.origin.as_ref().and_then(|origin| origin.agent.as_deref()));
    let video = stream.tracks.iter().find(|track| track.track.id.kind == TrackKind::Video);
    let silent = silence(stream);
    if let Some(finding) = silent {
        // Everything else follows from it.
        return vec![finding];
    }
    [
        key_frames(stream, video, encoder),
        missing(stream, video, encoder),
        frame_rate(video, encoder),
        bitrate(facts),
        repaired(facts),
        unstable(stream),
        reordered(video),
        codec(video, encoder),
        sound_not_everywhere(stream),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn finding(
    code: &'static str,
    level: Level,
    message: String,
    hint: impl Into<String>,
    values: impl IntoIterator<Item = (&'static str, f64)>,
) -> Option<Finding> {
    Some(Finding { code, level, message, hint: hint.into(), values: BTreeMap::from_iter(values) })
}

fn silence(stream: &StreamSnapshot) -> Option<Finding> {
    let silence = stream.since_frame.unwrap_or(stream.session).min(stream.session);
    if silence < SILENCE {
        return None;
    }
    let seconds = silence.as_secs();
    finding(
        "no_frames",
        Level::Bad,
        format!("Nothing has arrived for {seconds} s, although the encoder is connected."),
        "Look whether the encoder still runs and whether its network is up.",
        [("seconds", seconds as f64)],
    )
}

fn key_frames(stream: &StreamSnapshot, video: Option<&TrackSnapshot>, encoder: Encoder) -> Option<Finding> {
    let video = video?;
    let Some(interval) = stream.key_frame_interval else {
        let waiting = stream.session;
        return (waiting > NO_KEY_FRAME).then_some(()).and_then(|()| {
            finding(
                "key_frames_missing",
                Level::Warning,
                format!("No second key frame in {} s: players and destinations cannot join.", waiting.as_secs()),
                interval_hint(encoder, video.frame_rate),
                [("seconds", waiting.as_secs_f64())],
            )
        });
    };
    let seconds = interval.as_secs_f64();
    if interval > LONGEST_INTERVAL {
        return finding(
            "key_frames_sparse",
            Level::Warning,
            format!("Key frames every {seconds:.1} s: YouTube wants 4 s or less, Twitch 2 s."),
            interval_hint(encoder, video.frame_rate),
            [("seconds", seconds)],
        );
    }
    let wasteful = interval < SHORTEST_INTERVAL && interval > Duration::ZERO && video.frame_rate > 5.0;
    wasteful.then_some(()).and_then(|()| {
        finding(
            "key_frames_dense",
            Level::Note,
            format!("Key frames every {seconds:.1} s: most of the bitrate goes into them."),
            interval_hint(encoder, video.frame_rate),
            [("seconds", seconds)],
        )
    })
}

fn interval_hint(encoder: Encoder, frame_rate: f64) -> String {
    match encoder {
        Encoder::Obs => "In OBS: Settings → Output → Keyframe Interval = 2 s.".to_owned(),
        Encoder::Ffmpeg => {
            let frames = if frame_rate > 0.0 { (frame_rate * 2.0).round() } else { 60.0 };
            format!("In FFmpeg: -g {frames:.0} (twice the frame rate).")
        }
        Encoder::Larix => "In Larix: Settings → Video → Keyframe frequency = 2 s.".to_owned(),
        Encoder::Moblin => "In Moblin: Settings → Streams → Video → Key frame interval = 2 s.".to_owned(),
        Encoder::Other => "Set the key frame interval of the encoder to 2 s.".to_owned(),
    }
}

fn missing(stream: &StreamSnapshot, video: Option<&TrackSnapshot>, encoder: Encoder) -> Option<Finding> {
    if stream.session < SETTLED || stream.tracks.is_empty() {
        return None;
    }
    let has_audio = stream.tracks.iter().any(|track| track.track.id.kind == TrackKind::Audio);
    match (video.is_some(), has_audio) {
        (true, false) => finding(
            "audio_missing",
            Level::Warning,
            "There is no sound: some platforms refuse a stream without it.".to_owned(),
            match encoder {
                Encoder::Obs => "In OBS: switch an audio device on under Settings → Audio; silence is enough.",
                _ => "Send an audio track with it; silence is enough.",
            },
            [],
        ),
        (false, true) => finding(
            "video_missing",
            Level::Note,
            "There is no picture, only sound.".to_owned(),
            "That is fine for a radio; otherwise look at the encoder's video settings.",
            [],
        ),
        _ => None,
    }
}

/// MP2 has no name in RTMP, and FFmpeg takes it for a new track at every frame when it comes under the number of MP3.
fn sound_not_everywhere(stream: &StreamSnapshot) -> Option<Finding> {
    let mut sound = stream.tracks.iter().map(|track| &track.track).filter(|track| track.id.kind == TrackKind::Audio);
    let mp2 = sound.clone().next().is_some() && sound.all(|track| track.codec == Codec::Mp2);
    mp2.then_some(()).and_then(|()| {
        finding(
            "audio_not_in_rtmp",
            Level::Warning,
            "The sound is MP2, which RTMP does not know: players and destinations over RTMP hear nothing.".to_owned(),
            "Set the audio codec of the encoder to AAC.",
            [],
        )
    })
}

fn frame_rate(video: Option<&TrackSnapshot>, encoder: Encoder) -> Option<Finding> {
    let video = video?;
    let declared = video.track.video.as_ref().and_then(|video| video.frame_rate)?;
    let measured = video.frame_rate;
    // A declared rate beyond 121 is a clock, not a rate.
    let stalls = measured > 0.0 && (1.0..=121.0).contains(&declared) && measured < declared * FRAME_RATE_KEPT;
    stalls.then_some(()).and_then(|()| {
        finding(
            "frame_rate_low",
            Level::Warning,
            format!("Only {measured:.0} of {declared:.0} frames a second arrive: the encoder cannot keep up."),
            match encoder {
                Encoder::Obs => "In OBS: look at Docks → Stats; a faster encoder preset or a smaller picture helps.",
                _ => "Choose a faster encoder preset or a smaller picture.",
            },
            [("fps", measured), ("declared", declared)],
        )
    })
}

fn bitrate(facts: &Facts<'_>) -> Option<Finding> {
    let usual = facts.usual_bitrate.filter(|usual| *usual >= BITRATE_COUNTS)?;
    let now = facts.stream.bitrate;
    let dropped = (now as f64) < usual as f64 * BITRATE_KEPT;
    dropped.then_some(()).and_then(|()| {
        let (now, usual) = (now as f64 / 1e6, usual as f64 / 1e6);
        finding(
            "bitrate_dropped",
            Level::Warning,
            format!("The bitrate fell to {now:.1} Mbit/s; it was {usual:.1} Mbit/s."),
            "A still picture does that too. If the picture is poor, the way from the encoder to Weir is too slow.",
            [("mbit", now), ("usual", usual)],
        )
    })
}

fn repaired(facts: &Facts<'_>) -> Option<Finding> {
    let repaired = facts.repaired_lately;
    (repaired > 0).then_some(()).and_then(|()| {
        finding(
            "timestamps_repaired",
            Level::Warning,
            format!("The encoder sent {repaired} times that cannot be right in the last minute; Weir repaired them."),
            "Nothing to do here. If sound and picture drift apart, restart the encoder.",
            [("count", repaired as f64)],
        )
    })
}

fn unstable(stream: &StreamSnapshot) -> Option<Finding> {
    let returns = stream.resumed;
    (returns >= UNSTABLE).then_some(()).and_then(|()| {
        finding(
            "publisher_unstable",
            Level::Warning,
            format!("The encoder has been lost and come back {returns} times."),
            "Use a cable instead of Wi-Fi, or a lower bitrate.",
            [("count", f64::from(returns))],
        )
    })
}

fn reordered(video: Option<&TrackSnapshot>) -> Option<Finding> {
    let video = video.filter(|video| video.reordered > 0)?;
    finding(
        "b_frames",
        Level::Note,
        format!("{} with B-frames: better pictures, a little more delay.", video.track.codec),
        "",
        [],
    )
}

fn codec(video: Option<&TrackSnapshot>, encoder: Encoder) -> Option<Finding> {
    let codec = video?.track.codec;
    let modern = matches!(codec, Codec::H265 | Codec::Av1 | Codec::Vp9);
    modern.then_some(()).and_then(|()| {
        finding(
            "codec_modern",
            Level::Note,
            format!("{codec} goes to YouTube, but not to every platform and not into every player."),
            match encoder {
                Encoder::Obs => "For the widest reach choose H.264 in OBS: Settings → Output → Video Encoder.",
                _ => "For the widest reach choose H.264 in the encoder.",
            },
            [],
        )
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use weir_hub::{Origin, StreamId};
    use weir_media::{StreamPath, Track, TrackId, VideoInfo};

    use super::*;

    fn track(id: TrackId, codec: Codec) -> TrackSnapshot {
        TrackSnapshot {
            track: Arc::new(Track::new(id, codec)),
            frames: 900,
            bytes: 1,
            bitrate: 5_000_000,
            frame_rate: 30.0,
            reordered: 0,
        }
    }

    fn sound() -> StreamSnapshot {
        StreamSnapshot {
            id: StreamId(1),
            path: StreamPath::parse("live/a").unwrap(),
            state: StreamState::Live,
            origin: Some(Origin {
                protocol: "rtmp",
                peer: None,
                agent: Some("FMLE/3.0 (compatible; FMSc/1.0)".into()),
                connection: None,
            }),
            uptime: Duration::from_secs(60),
            session: Duration::from_secs(60),
            since_frame: Some(Duration::from_millis(20)),
            tracks: vec![track(TrackId::VIDEO, Codec::H264), track(TrackId::AUDIO, Codec::Aac)],
            bytes: 1,
            frames: 1,
            session_begin: 0,
            written: weir_hub::Written::default(),
            bitrate: 5_000_000,
            key_frame_interval: Some(Duration::from_secs(2)),
            timestamps_repaired: 0,
            frames_before_key: 0,
            resumed: 0,
            readers: Vec::new(),
        }
    }

    fn codes(stream: &StreamSnapshot) -> Vec<&'static str> {
        let facts = Facts { stream, repaired_lately: 0, usual_bitrate: Some(5_000_000) };
        examine(&facts).into_iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn an_ordinary_stream_is_good() {
        assert_eq!(codes(&sound()), [""; 0]);
    }

    #[test]
    fn each_fault_has_its_code() {
        type Change = fn(&mut StreamSnapshot);
        let cases: [(&str, Change); 12] = [
            ("no_frames", |stream| stream.since_frame = Some(Duration::from_secs(4))),
            ("no_frames", |stream| stream.since_frame = None),
            ("key_frames_sparse", |stream| stream.key_frame_interval = Some(Duration::from_secs(8))),
            ("key_frames_missing", |stream| stream.key_frame_interval = None),
            ("key_frames_dense", |stream| stream.key_frame_interval = Some(Duration::from_millis(100))),
            ("audio_missing", |stream| drop(stream.tracks.pop())),
            ("audio_not_in_rtmp", |stream| {
                stream.tracks[1].track = Arc::new(Track::new(TrackId::AUDIO, Codec::Mp2));
            }),
            ("video_missing", |stream| drop(stream.tracks.remove(0))),
            ("bitrate_dropped", |stream| stream.bitrate = 1_000_000),
            ("publisher_unstable", |stream| stream.resumed = 3),
            ("b_frames", |stream| stream.tracks[0].reordered = 7),
            ("codec_modern", |stream| stream.tracks[0].track = Arc::new(Track::new(TrackId::VIDEO, Codec::H265))),
        ];
        for (code, change) in cases {
            let mut stream = sound();
            change(&mut stream);
            assert_eq!(codes(&stream), [code]);
        }
        let stream = sound();
        let facts = Facts { stream: &stream, repaired_lately: 3, usual_bitrate: None };
        assert_eq!(examine(&facts)[0].code, "timestamps_repaired");
    }

    #[test]
    fn an_encoder_that_skips_frames_is_told_by_its_own_declaration() {
        let mut stream = sound();
        let mut track = Track::new(TrackId::VIDEO, Codec::H264);
        track.video = Some(VideoInfo { frame_rate: Some(60.0), ..VideoInfo::default() });
        stream.tracks[0].track = Arc::new(track);
        assert_eq!(codes(&stream), ["frame_rate_low"]);
        stream.tracks[0].frame_rate = 59.2;
        assert_eq!(codes(&stream), [""; 0]);
    }

    #[test]
    fn the_remedy_names_the_menu_of_the_encoder() {
        let mut stream = sound();
        stream.key_frame_interval = Some(Duration::from_millis(8_340));
        let of =
            |stream: &StreamSnapshot| examine(&Facts { stream, repaired_lately: 0, usual_bitrate: None }).remove(0);
        let obs = of(&stream);
        assert_eq!(obs.message, "Key frames every 8.3 s: YouTube wants 4 s or less, Twitch 2 s.");
        assert_eq!(obs.hint, "In OBS: Settings → Output → Keyframe Interval = 2 s.");
        stream.origin.as_mut().unwrap().agent = Some("Lavf59.27.100".into());
        assert_eq!(of(&stream).hint, "In FFmpeg: -g 60 (twice the frame rate).");
    }

    #[test]
    fn a_stream_that_is_not_live_has_no_faults() {
        let mut stream = sound();
        stream.since_frame = Some(Duration::from_secs(60));
        stream.state = StreamState::Grace { left: Duration::from_secs(1) };
        assert_eq!(codes(&stream), [""; 0]);
    }
}
