//! Whether a live stream is what a service takes, in words.

use serde::Serialize;
use weir_hub::{StreamSnapshot, TrackSnapshot};
use weir_media::{Codec, FourCc, TrackKind};

use super::Preset;

/// What a stream breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingCode {
    /// The video codec is not taken.
    VideoCodec,
    /// The audio codec is not taken.
    AudioCodec,
    /// Key frames are too rare.
    KeyFrameInterval,
    /// More video bits a second than it takes.
    VideoBitrate,
    /// More audio bits a second than it takes.
    AudioBitrate,
    /// The picture is too large.
    Resolution,
    /// More frames a second than it takes.
    FrameRate,
    /// The picture is wide where it is to stand upright.
    Orientation,
    /// There is no sound.
    AudioMissing,
    /// The sample rate is not taken.
    SampleRate,
    /// There are too many audio channels.
    Channels,
    /// Not the stream but the address: its latency is so large that it can only be meant in microseconds.
    LatencyUnit,
}

/// Something that a service will not like about a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What, for programs.
    pub code: FindingCode,
    /// What, one sentence.
    pub message: String,
    /// What to do, one sentence.
    pub hint: String,
}

/// Everything that a service will not like about a stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Findings {
    /// What it cannot take at all: there is no point in connecting.
    pub refused: Option<Finding>,
    /// What it may punish, or show badly.
    pub warnings: Vec<Finding>,
}

/// Seconds by which key frames may come late before it is said: encoders are not exact.
const KEY_FRAME_SLACK: f64 = 0.25;
/// By how much a bitrate may exceed the limit before it is said: it is measured over seconds, and encoders swing.
const BITRATE_SLACK: f64 = 1.15;

/// Compares a stream with what a service takes. What is not known of either is not complained about.
pub fn check(preset: &Preset, stream: &StreamSnapshot) -> Findings {
    let mut findings = Findings::default();
    let default_track = |kind| stream.tracks.iter().find(move |track| track.track.id.kind == kind);
    if let Some(video) = default_track(TrackKind::Video) {
        check_video(preset, video, stream, &mut findings);
    }
    match default_track(TrackKind::Audio) {
        Some(audio) => check_audio(preset, audio, &mut findings),
        None if preset.limits.audio_required && !stream.tracks.is_empty() && is_settled(stream) => {
            findings.warnings.push(Finding {
                code: FindingCode::AudioMissing,
                message: format!("{} wants a stream with sound; yours has none.", preset.name),
                hint: "Add an audio track in the encoder; a silent one is enough.".to_owned(),
            });
        }
        None => {}
    }
    findings
}

/// Whether a stream has lasted long enough to say that something is missing from it.
fn is_settled(stream: &StreamSnapshot) -> bool {
    stream.session >= std::time::Duration::from_secs(3)
}

fn check_video(preset: &Preset, video: &TrackSnapshot, stream: &StreamSnapshot, findings: &mut Findings) {
    let (limits, name) = (&preset.limits, preset.name.as_str());
    let track = &video.track;
    if !takes(&limits.video_codecs, track.codec) {
        findings.refused = Some(Finding {
            code: FindingCode::VideoCodec,
            message: format!(
                "{name} takes {} only; your stream is {}.",
                codecs(&limits.video_codecs),
                said(track.codec)
            ),
            hint: format!("Choose {} in the encoder.", codecs(&limits.video_codecs)),
        });
        return;
    }
    let mut warn = |code, message: String, hint: String| findings.warnings.push(Finding { code, message, hint });
    let interval = stream.key_frame_interval.map(|interval| interval.as_secs_f64());
    if let (Some(interval), Some(most)) = (interval, limits.max_key_frame_seconds)
        && interval > most + KEY_FRAME_SLACK
    {
        let wanted = limits.key_frame_seconds.unwrap_or(most);
        warn(
            FindingCode::KeyFrameInterval,
            format!("{name} wants a key frame every {wanted} s; yours come every {interval:.1} s."),
            format!("Set the key-frame interval of the encoder to {wanted} s."),
        );
    }
    if let Some(most) = limits.max_video_bitrate
        && video.bitrate as f64 > most as f64 * BITRATE_SLACK
    {
        warn(
            FindingCode::VideoBitrate,
            format!("{name} takes {} of video; yours has {}.", kilobits(most), kilobits(video.bitrate)),
            format!("Set the bitrate of the encoder to at most {}.", kilobits(most)),
        );
    }
    let info = track.video.as_ref();
    if let Some((width, height)) = info.and_then(|info| info.width.zip(info.height)) {
        let (long, short) = (width.max(height), width.min(height));
        let too_large = limits.max_long_side.is_some_and(|most| long > most)
            || limits.max_short_side.is_some_and(|most| short > most);
        if too_large {
            let most = [limits.max_long_side, limits.max_short_side].map(|most| most.unwrap_or(u32::MAX));
            let most = format!("{}x{}", most[0].min(long), most[1].min(short));
            warn(
                FindingCode::Resolution,
                format!("{name} takes pictures up to {most}; yours are {width}x{height}."),
                format!("Scale the output of the encoder to {most} or less."),
            );
        }
        if limits.portrait && width > height {
            warn(
                FindingCode::Orientation,
                format!("{name} shows upright pictures (9:16); yours are {width}x{height}."),
                "Make the encoder's canvas upright, for example 1080x1920.".to_owned(),
            );
        }
    }
    let frame_rate =
        if video.frame_rate > 0.0 { Some(video.frame_rate) } else { info.and_then(|info| info.frame_rate) };
    if let (Some(rate), Some(most)) = (frame_rate, limits.max_frame_rate)
        && rate > most + 1.0
    {
        warn(
            FindingCode::FrameRate,
            format!("{name} takes {most:.0} frames a second; yours has {rate:.0}."),
            format!("Set the encoder to {most:.0} frames a second."),
        );
    }
}

fn check_audio(preset: &Preset, audio: &TrackSnapshot, findings: &mut Findings) {
    let (limits, name, track) = (&preset.limits, preset.name.as_str(), &audio.track);
    if !takes(&limits.audio_codecs, track.codec) {
        let finding = Finding {
            code: FindingCode::AudioCodec,
            message: format!(
                "{name} takes {} only; your sound is {}.",
                codecs(&limits.audio_codecs),
                said(track.codec)
            ),
            hint: format!("Choose {} in the encoder.", codecs(&limits.audio_codecs)),
        };
        findings.refused.get_or_insert(finding);
        return;
    }
    let mut warn = |code, message: String, hint: String| findings.warnings.push(Finding { code, message, hint });
    if let Some(most) = limits.max_audio_bitrate
        && audio.bitrate as f64 > most as f64 * BITRATE_SLACK
    {
        warn(
            FindingCode::AudioBitrate,
            format!("{name} takes {} of sound; yours has {}.", kilobits(most), kilobits(audio.bitrate)),
            format!("Set the audio bitrate of the encoder to at most {}.", kilobits(most)),
        );
    }
    let info = track.audio.as_ref();
    if let Some(rate) = info.and_then(|info| info.sample_rate)
        && !limits.sample_rates.is_empty()
        && !limits.sample_rates.contains(&rate)
    {
        let wanted: Vec<String> =
            limits.sample_rates.iter().map(|rate| format!("{} kHz", f64::from(*rate) / 1000.0)).collect();
        let wanted = wanted.join(" or ");
        warn(
            FindingCode::SampleRate,
            format!("{name} takes sound at {wanted}; yours has {} kHz.", f64::from(rate) / 1000.0),
            format!("Set the sample rate of the encoder to {wanted}."),
        );
    }
    if let (Some(channels), Some(most)) = (info.and_then(|info| info.channels), limits.max_channels)
        && channels > most
    {
        warn(
            FindingCode::Channels,
            format!("{name} takes {most} audio channels; yours has {channels}."),
            "Set the encoder to stereo.".to_owned(),
        );
    }
}

fn takes(codecs: &[String], codec: Codec) -> bool {
    codecs.is_empty() || codec.fourcc().is_some_and(|code| codecs.iter().any(|known| known.as_bytes() == code.0))
}

/// Codecs as people write them, from their codes.
pub fn codec_names(codes: &[String]) -> Vec<String> {
    let codes = codes.iter().filter_map(|code| code.as_bytes().try_into().ok());
    codes.map(|code| said(Codec::from_fourcc(FourCc(code)))).collect()
}

/// The same as one text: `H.264`, `H.264 or HEVC`.
fn codecs(codes: &[String]) -> String {
    let names = codec_names(codes);
    match names.split_last() {
        Some((last, before)) if !before.is_empty() => format!("{} or {last}", before.join(", ")),
        Some((last, _)) => last.clone(),
        None => String::new(),
    }
}

fn said(codec: Codec) -> String {
    match codec {
        Codec::H264 => "H.264".to_owned(),
        Codec::H265 => "HEVC".to_owned(),
        Codec::H266 => "VVC".to_owned(),
        other => other.to_string(),
    }
}

fn kilobits(bits: u64) -> String {
    format!("{} kbit/s", bits / 1000)
}
