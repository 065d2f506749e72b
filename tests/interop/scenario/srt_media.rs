//! SRT in and out, frame by frame: what libsrt sends is what everyone gets, over good networks and bad ones.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::clip::{Make, clip};
use crate::ffmpeg::Ffmpeg;
use crate::network::{Faults, Network};
use crate::process::Outcome;
use crate::socket;
use crate::srt::{self, Capture, Form, Frame, alike};
use crate::weir::Weir;

/// The latency of trials on bad networks, in milliseconds: four times the round trip time, and what a busy machine adds.
pub(super) const LATENCY: u64 = 2000;
/// What may be missing at the end, in milliseconds: FFmpeg's last packets stay in libsrt, which it closes at once. That they were
/// never on the wire is what [`super::srt_codecs`] shows.
pub(super) const TAIL: f64 = 500.0;

pub(super) fn weir(flags: &[&str]) -> Outcome<Weir> {
    Weir::start(&[&["--srt-listen", "127.0.0.1:0"], flags].concat())
}

fn latency() -> String {
    LATENCY.to_string()
}

/// A network that loses so many of a thousand.
const fn bad(lost: u64) -> Faults {
    Faults { lost, twice: 5, delay: Duration::from_millis(25), late: 10 }
}

/// FFmpeg counts in microseconds.
fn wish() -> String {
    format!("&latency={}", LATENCY * 1000)
}

/// FFmpeg's own transport stream by SRT: everyone who plays it over RTMP has every picture and every sound, in step.
pub(crate) fn to_an_rtmp_player(encoder: &Ffmpeg, reference: &Ffmpeg) -> Outcome {
    let clip = clip(Make::H264Aac, reference)?;
    let weir = weir(&["--record-all", "true"])?;
    let mut playing = reference.bare(&["-rtmp_live", "live", "-i", &weir.url("stream")], Form::Container, false)?;
    weir.wait_for_players("stream", 1)?;
    encoder.publish_transport(&clip.file, &weir.srt("publish:live/stream")?, &[])?.succeed()?;
    playing.end()?;
    weir.wait_for_the_end("stream")?;
    let sent = reference.bare_frames(&clip.file, Form::Container, false)?;
    alike(&sent, &srt::frames(&playing.output())?, TAIL).map_err(|fault| format!("the player: {fault}"))?;
    let recorded = reference.bare_frames(&weir.closed_recording()?, Form::Container, false)?;
    alike(&sent, &recorded, TAIL).map_err(|fault| format!("the recording: {fault}"))
}

/// What is published over RTMP is played over SRT.
pub(crate) fn from_rtmp(encoder: &Ffmpeg, player: &Ffmpeg) -> Outcome {
    let clip = clip(Make::H264Aac, encoder)?;
    let weir = weir(&[])?;
    let mut playing = player.bare(&["-i", &weir.srt("read:live/stream")?], Form::Transport, false)?;
    weir.wait_for_players("stream", 1)?;
    encoder.publish(&clip.file, &weir.url("stream"))?.succeed()?;
    playing.end()?;
    let sent = encoder.bare_frames(&clip.file, Form::Container, false)?;
    alike(&sent, &srt::frames(&playing.output())?, 0.0)
}

/// The same through a network that loses one datagram in ten on both ways, repeats and reorders.
pub(crate) fn from_rtmp_through_a_bad_network(encoder: &Ffmpeg, player: &Ffmpeg) -> Outcome {
    let clip = clip(Make::H264Aac, encoder)?;
    let weir = weir(&["--srt-latency", &latency()])?;
    let network = Network::to(weir.srt_address()?, bad(100))?;
    let url = format!("srt://{}?streamid=read:live/stream{}", network.address, wish());
    let mut playing = player.bare(&["-i", &url], Form::Transport, false)?;
    weir.wait_for_players("stream", 1)?;
    encoder.publish(&clip.file, &weir.url("stream"))?.succeed()?;
    playing.end()?;
    let sent = encoder.bare_frames(&clip.file, Form::Container, false)?;
    alike(&sent, &srt::frames(&playing.output())?, 0.0)
}

/// x265, Opus and AC-3 in one transport stream.
pub(crate) fn modern_codecs(ffmpeg: &Ffmpeg) -> Outcome {
    let file = scratch("srt-modern.mp4");
    let name = file.to_string_lossy().into_owned();
    let sound = "anoisesrc=sample_rate=48000:amplitude=0.2";
    ffmpeg.run(&[
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=320x180:rate=25",
        "-f",
        "lavfi",
        "-i",
        sound,
        "-f",
        "lavfi",
        "-i",
        sound,
        "-map",
        "0",
        "-map",
        "1",
        "-map",
        "2",
        "-t",
        "4",
        "-c:v",
        "libx265",
        "-preset",
        "ultrafast",
        "-tag:v",
        "hvc1",
        "-pix_fmt",
        "yuv420p",
        "-x265-params",
        "keyint=25:min-keyint=25:scenecut=0:bframes=2:log-level=none",
        "-c:a:0",
        "libopus",
        "-c:a:1",
        "ac3",
        "-ac",
        "2",
        "-strict",
        "-2",
        &name,
    ])?;
    let weir = weir(&[])?;
    let codecs = "hvc1,av01,vp09,avc1,mp4a,Opus,fLaC,ac-3,ec-3,.mp3";
    let input = ["-rtmp_live", "live", "-rtmp_enhanced_codecs", codecs, "-i", &weir.url("stream")];
    let mut playing = ffmpeg.bare(&input, Form::Container, true)?;
    weir.wait_for_players("stream", 1)?;
    ffmpeg.publish_transport(&file, &weir.srt("publish:live/stream")?, &[])?.succeed()?;
    playing.end()?;
    alike(&ffmpeg.bare_frames(&file, Form::Container, true)?, &srt::frames(&playing.output())?, TAIL)
}

/// The 33 bits of the clock begin anew in the middle of the stream.
pub(crate) fn clock_wraps(ffmpeg: &Ffmpeg) -> Outcome {
    let clip = clip(Make::H264Aac, ffmpeg)?;
    let weir = weir(&[])?;
    let mut playing = ffmpeg.bare(&["-rtmp_live", "live", "-i", &weir.url("stream")], Form::Container, false)?;
    weir.wait_for_players("stream", 1)?;
    // The clock begins anew at 95443.7 s; FFmpeg begins 1.4 s after this.
    let url = weir.srt("publish:live/stream")?;
    ffmpeg.publish_transport(&clip.file, &url, &["-output_ts_offset", "95440.3"])?.succeed()?;
    playing.end()?;
    let sent = ffmpeg.bare_frames(&clip.file, Form::Container, false)?;
    alike(&sent, &srt::frames(&playing.output())?, TAIL)
}

/// 16 Mbit/s for 12 seconds through a network that loses, repeats and reorders on both ways: FFmpeg publishes, libsrt's own
/// program plays, and not one transport packet and not one frame is missing.
pub(crate) fn through_a_bad_network(lost: u64, ffmpeg: &Ffmpeg) -> Outcome {
    let file = heavy(ffmpeg)?;
    let weir = weir(&["--srt-latency", &latency()])?;
    let (inward, outward) =
        (Network::to(weir.srt_address()?, bad(lost))?, Network::to(weir.srt_address()?, bad(lost))?);
    let captured = scratch(&format!("srt-captured-{lost}-{}.ts", ffmpeg.name));
    let url = format!("srt://{}?streamid=read:live/stream&latency={LATENCY}", outward.address);
    let mut capture = Capture::start(&url, &captured)?;
    weir.wait_for_players("stream", 1)?;
    let url = format!("srt://{}?streamid=publish:live/stream{}", inward.address, wish());
    let mut publishing = ffmpeg.publish_transport(&file, &url, &[])?;
    let began = Instant::now();
    let link = weir.api.until("ten seconds of the stream", "/streams", |answer| {
        let stream = answer["streams"].as_array()?.iter().find(|it| it["path"] == "live/stream")?;
        (stream["uptime_seconds"].as_f64()? > 10.0).then(|| stream.clone())
    })?;
    publishing.succeed()?;
    capture.end()?;
    let seconds = began.elapsed();
    for (who, link) in [("the publisher", &link["publisher"]["srt"]), ("the player", &link["readers"][0]["srt"])] {
        let (dropped, seen) = (&link["packets_dropped"], link["packets_lost"].as_u64().unwrap_or(0));
        if dropped.as_u64() != Some(0) {
            return Err(format!("{who}: packets were given up: {link:#}"));
        }
        if lost > 0 && seen == 0 {
            return Err(format!("{who}: nothing was lost, which proves nothing: {link:#}"));
        }
    }
    let packets = srt::unbroken(&captured)?;
    let sent = ffmpeg.bare_frames(&file, Form::Transport, false)?;
    let got = ffmpeg.bare_frames(&captured, Form::Transport, false)?;
    alike(&sent, &got, TAIL).map_err(|fault| format!("{fault} (after {seconds:?}, {packets} packets)"))
}

/// Every key length, in and out, with libsrt at both ends; the API shows it.
pub(crate) fn encrypted(bytes: usize, ffmpeg: &Ffmpeg) -> Outcome {
    let clip = clip(Make::H264Aac, ffmpeg)?;
    let weir = weir(&["--srt-passphrase", "correct-horse-battery"])?;
    let secret = format!("&passphrase=correct-horse-battery&pbkeylen={bytes}");
    let url = |id: &str| weir.srt(id).map(|url| format!("{url}{secret}"));
    let captured = scratch(&format!("srt-encrypted-{bytes}.ts"));
    let mut capture = Capture::start(&url("read:live/stream")?, &captured)?;
    weir.wait_for_players("stream", 1)?;
    let mut publishing = ffmpeg.publish_transport(&clip.file, &url("publish:live/stream")?, &[])?;
    let lengths = weir.api.until("both connections", "/streams", |answer| {
        let stream = answer["streams"].as_array()?.iter().find(|it| it["path"] == "live/stream")?;
        let of = |it: &serde_json::Value| it["srt"]["key_length"].as_u64();
        Some([of(&stream["publisher"])?, of(&stream["readers"][0])?])
    })?;
    if lengths != [bytes as u64; 2] {
        return Err(format!("the keys have {lengths:?} bytes"));
    }
    publishing.succeed()?;
    capture.end()?;
    srt::unbroken(&captured)?;
    let sent = ffmpeg.bare_frames(&clip.file, Form::Container, false)?;
    alike(&sent, &ffmpeg.bare_frames(&captured, Form::Transport, false)?, TAIL)
}

/// A phone that loses power is gone within six seconds; when it is back, those who watch go on.
pub(crate) fn killed_and_back(ffmpeg: &Ffmpeg) -> Outcome {
    let clip = clip(Make::H264Aac, ffmpeg)?;
    let weir = weir(&[])?;
    weir.set(&serde_json::json!({ "grace_seconds": 30 }))?;
    let mut rtmp = ffmpeg.bare(&["-rtmp_live", "live", "-i", &weir.url("stream")], Form::Container, false)?;
    let captured = scratch("srt-back.ts");
    let mut capture = Capture::start(&weir.srt("read:live/stream")?, &captured)?;
    weir.wait_for_players("stream", 2)?;
    let url = weir.srt("publish:live/stream")?;
    let mut first = ffmpeg.publish_transport(&clip.file, &url, &[])?;
    rtmp.until("a second of the stream", |lines| (lines.len() > 60).then_some(()))?;
    first.kill();
    let killed = Instant::now();
    weir.wait_for_state("stream", "interrupted")?;
    if killed.elapsed() > Duration::from_secs(6) {
        return Err(format!("the killed publisher was live for {:?} more", killed.elapsed()));
    }
    let before = srt::frames(&rtmp.output())?.len();
    let mut second = ffmpeg.publish_transport(&clip.file, &url, &[])?;
    weir.wait_for_state("stream", "live")?;
    weir.set(&serde_json::json!({ "grace_seconds": 0.5 }))?;
    second.succeed()?;
    rtmp.end()?;
    capture.end()?;
    srt::unbroken(&captured)?;
    if !srt::says_jump(&captured)? {
        return Err("nothing in the transport stream says that time has jumped".to_owned());
    }
    let sent = ffmpeg.bare_frames(&clip.file, Form::Container, false)?;
    let ended_with_it = |got: &[Frame]| got.len() > sent.len() && same_end(&sent, got);
    let (over_rtmp, over_srt) = (srt::frames(&rtmp.output())?, ffmpeg.bare_frames(&captured, Form::Transport, false)?);
    if before < 20 || !ended_with_it(&over_rtmp) || !ended_with_it(&over_srt) {
        return Err(format!(
            "{} of {before} and {} frames over RTMP, {} over SRT",
            sent.len(),
            over_rtmp.len(),
            over_srt.len()
        ));
    }
    Ok(())
}

/// Whether the pictures of `got` end with those of `sent`.
fn same_end(sent: &[Frame], got: &[Frame]) -> bool {
    fn pictures(frames: &[Frame]) -> Vec<&str> {
        frames.iter().filter(|it| it.is_picture()).map(Frame::hash).collect()
    }
    pictures(got).ends_with(&pictures(sent))
}

/// A stream that came by SRT is sent on over RTMP and over SRT.
pub(crate) fn relayed(ffmpeg: &Ffmpeg) -> Outcome {
    let clip = clip(Make::H264Aac, ffmpeg)?;
    let far = weir(&["--srt-passphrase", "correct-horse-battery"])?;
    let near = weir(&[])?;
    let secret = "passphrase=correct-horse-battery&pbkeylen=32";
    for (name, url, key) in [
        ("by RTMP", format!("rtmp://{}/live", far.rtmp_address()), "over-rtmp".to_owned()),
        (
            "by SRT",
            format!("srt://{}?latency=200", far.srt_address()?),
            format!("streamid=publish:live/over-srt&{secret}"),
        ),
    ] {
        let destination = serde_json::json!({ "name": name, "url": url, "key": key });
        near.api.call("POST", "/destinations", Some(&destination))?;
    }
    let play = |name| ffmpeg.bare(&["-rtmp_live", "live", "-i", &far.url(name)], Form::Container, false);
    let (mut over_rtmp, mut over_srt) = (play("over-rtmp")?, play("over-srt")?);
    far.wait_for_players("over-rtmp", 1)?;
    far.wait_for_players("over-srt", 1)?;
    let mut publishing = ffmpeg.publish_transport(&clip.file, &near.srt("publish:live/stream")?, &[])?;
    near.api.until("both destinations live", "/destinations", |answer| {
        let all = answer["destinations"].as_array()?;
        all.iter().all(|it| it["state"] == "live").then_some(())
    })?;
    publishing.succeed()?;
    over_rtmp.end()?;
    over_srt.end()?;
    let sent = ffmpeg.bare_frames(&clip.file, Form::Container, false)?;
    alike(&sent, &srt::frames(&over_srt.output())?, TAIL).map_err(|fault| format!("by SRT: {fault}"))?;
    alike(&sent, &srt::frames(&over_rtmp.output())?, TAIL).map_err(|fault| format!("by RTMP: {fault}"))
}

/// A stream that came by RTMP is pushed to libsrt's own program, encrypted or not: every transport packet arrives there, in
/// sequence, and with them every frame from the first to the last.
pub(crate) fn pushed_to_libsrt(encrypted: bool, ffmpeg: &Ffmpeg) -> Outcome {
    let clip = clip(Make::H264Aac, ffmpeg)?;
    let weir = Weir::start(&[])?;
    let secret = if encrypted { "&passphrase=correct-horse-battery&pbkeylen=32" } else { "" };
    let port = socket::free_udp_port()?;
    let captured = scratch(&format!("srt-pushed-{encrypted}.ts"));
    let mut capture = Capture::start(&format!("srt://127.0.0.1:{port}?mode=listener{secret}"), &captured)?;
    socket::wait_for_udp(port)?;
    let key = format!("streamid=live/copy{secret}");
    let destination = serde_json::json!({ "name": "libsrt", "url": format!("srt://127.0.0.1:{port}"), "key": key });
    weir.api.call("POST", "/destinations", Some(&destination))?;
    let mut publishing = ffmpeg.publish(&clip.file, &weir.url("stream"))?;
    let link = weir.api.until("the push to be live", "/streams", |answer| {
        let stream = answer["streams"].as_array()?.iter().find(|it| it["path"] == "live/stream")?;
        let reader = stream["readers"].as_array()?.iter().find(|it| it["kind"] == "destination")?;
        (reader["srt"]["peer_version"].is_string()).then(|| reader["srt"].clone())
    })?;
    publishing.succeed()?;
    capture.end()?;
    if encrypted && link["key_length"] != 32 {
        return Err(format!("it was not encrypted as it was asked for: {link:#}"));
    }
    let packets = srt::unbroken(&captured)?;
    let sent = ffmpeg.bare_frames(&clip.file, Form::Container, false)?;
    let got = ffmpeg.bare_frames(&captured, Form::Transport, false)?;
    alike(&sent, &got, 0.0).map_err(|fault| format!("{fault} ({packets} packets)"))
}

/// 16 Mbit/s for 12 seconds; encoded once for all trials.
pub(super) fn heavy(ffmpeg: &Ffmpeg) -> Outcome<PathBuf> {
    static MADE: Mutex<Option<PathBuf>> = Mutex::new(None);
    let mut made = MADE.lock().map_err(|_| "an earlier encoding failed".to_owned())?;
    if let Some(file) = &*made {
        return Ok(file.clone());
    }
    let file = scratch("srt-heavy.ts");
    let name = file.to_string_lossy().into_owned();
    ffmpeg.run(&[
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=640x360:rate=25,noise=alls=60:allf=t",
        // A stream with pictures begins with one.
        "-itsoffset",
        "0.1",
        "-f",
        "lavfi",
        "-i",
        "anoisesrc=sample_rate=48000:amplitude=0.2",
        "-t",
        "12",
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-b:v",
        "16M",
        "-minrate",
        "16M",
        "-maxrate",
        "16M",
        "-bufsize",
        "4M",
        "-g",
        "50",
        "-pix_fmt",
        "yuv420p",
        "-c:a",
        "aac",
        "-b:a",
        "128k",
        &name,
    ])?;
    let bits = std::fs::metadata(&file).map_err(|error| error.to_string())?.len() * 8;
    if bits < 12 * 14_000_000 {
        return Err(format!("{name} has only {} Mbit/s", bits / 12_000_000));
    }
    *made = Some(file.clone());
    Ok(file)
}

fn scratch(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("interop-{}-{name}", std::process::id()))
}
