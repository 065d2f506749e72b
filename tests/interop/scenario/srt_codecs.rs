//! Every codec that MPEG-TS carries and Weir reads: published by FFmpeg over SRT, played over RTMP and SRT, and recorded.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::clip::SECONDS;
use crate::decoded::{Missing, alike};
use crate::ffmpeg::Ffmpeg;
use crate::network::Network;
use crate::process::Outcome;
use crate::scenario::srt_media::TAIL;
use crate::srt::Capture;
use crate::weir::Weir;

/// A pair of codecs: how to encode them, and what they are called by people and by browsers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    encode: &'static str,
    called: [(&'static str, &'static str); 2],
    /// RTMP knows no such sound, and Weir says so.
    rtmp_lacks_it: bool,
}

const H264: (&str, &str) = ("H.264", "avc1.4D400C");
const H265: (&str, &str) = ("H.265", "hvc1.1.6.L60.90");

pub(crate) const CASES: &[Case] = &[
    Case {
        name: "h264_and_aac",
        encode: "-c:v libx264 -c:a aac -ac 2",
        called: [H264, ("AAC", "mp4a.40.2")],
        rtmp_lacks_it: false,
    },
    Case {
        name: "h264_and_mp3",
        encode: "-c:v libx264 -c:a libmp3lame -ac 2",
        called: [H264, ("MP3", "mp4a.6B")],
        rtmp_lacks_it: false,
    },
    // No browser plays it, so it has no name there.
    Case {
        name: "h264_and_mp2",
        encode: "-c:v libx264 -c:a mp2 -ac 2",
        called: [H264, ("MP2", "")],
        rtmp_lacks_it: true,
    },
    Case {
        name: "h264_and_ac3",
        encode: "-c:v libx264 -c:a ac3 -ac 6",
        called: [H264, ("AC-3", "ac-3")],
        rtmp_lacks_it: false,
    },
    Case {
        name: "h265_and_aac",
        encode: "-c:v libx265 -c:a aac -ac 2",
        called: [H265, ("AAC", "mp4a.40.2")],
        rtmp_lacks_it: false,
    },
    Case {
        name: "h265_and_opus",
        encode: "-c:v libx265 -c:a libopus -ac 2",
        called: [H265, ("Opus", "opus")],
        rtmp_lacks_it: false,
    },
    Case {
        name: "h265_and_eac3",
        encode: "-c:v libx265 -c:a eac3 -ac 2",
        called: [H265, ("E-AC-3", "ec-3")],
        rtmp_lacks_it: false,
    },
];

const X264: &str = "keyint=25:min-keyint=25:scenecut=0:bframes=2:b-adapt=0:open-gop=0";
const X265: &str = "keyint=25:min-keyint=25:scenecut=0:bframes=2:log-level=none";

/// What FFmpeg has put on the wire reaches everybody to the last frame, and decodes to what the source decodes to.
pub(crate) fn arrive(case: Case, ffmpeg: &Ffmpeg) -> Outcome {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let at = |name: &str| folder.path().join(name);
    let file = encode(case, ffmpeg, folder.path())?;
    let weir = Weir::start(&["--srt-listen", "127.0.0.1:0", "--record-all", "true"])?;
    let network = Network::keeping(weir.srt_address()?)?;
    let mut over_rtmp = ffmpeg.play_enhanced_into(&weir.url("stream"), &at("rtmp.flv"))?;
    let mut over_srt = Capture::start(&weir.srt("read:live/stream")?, &at("srt.ts"))?;
    weir.wait_for_players("stream", 2)?;
    let url = format!("srt://{}?streamid=publish:live/stream", network.address);
    let mut publishing = ffmpeg.publish_transport(&file, &url, &[])?;
    called(case, &weir)?;
    if case.rtmp_lacks_it {
        let said = |answer: &Value| {
            let findings = answer["streams"][0]["health"]["findings"].as_array()?;
            findings.iter().any(|finding| finding["code"] == "audio_not_in_rtmp").then_some(())
        };
        weir.api.until("what does not reach everybody", "/streams", said)?;
    }
    publishing.succeed()?;
    over_rtmp.end()?;
    over_srt.end()?;
    weir.wait_for_the_end("stream")?;
    std::fs::write(at("wire.ts"), network.payload()).map_err(|error| error.to_string())?;
    let (source, wire) = (ffmpeg.decoded(&file)?, ffmpeg.decoded(&at("wire.ts"))?);
    let missing = Missing { end: TAIL / 1e3, broken: 3, ..Missing::NOTHING };
    alike(&source, &wire, missing).map_err(|fault| format!("on the wire: {fault}"))?;
    // Containers say of Opus how much of its beginning is not to be heard, and a transport stream does not.
    let missing = Missing { other_sounds: 2, broken: 3, ..Missing::NOTHING };
    let mut recording = weir.recording()?;
    if case.rtmp_lacks_it {
        // MP4 has one number for MP3 and MP2, and FFmpeg rounds otherwise where it takes one for the other.
        let copied = at("recording.ts");
        ffmpeg.run(&["-i", &recording.to_string_lossy(), "-map", "0", "-c", "copy", &copied.to_string_lossy()])?;
        recording = copied;
    }
    let copies = [("over RTMP", at("rtmp.flv")), ("over SRT", at("srt.ts")), ("the recording", recording)];
    for (name, copy) in copies.into_iter().skip(usize::from(case.rtmp_lacks_it)) {
        alike(&wire, &ffmpeg.decoded(&copy)?, missing).map_err(|fault| format!("{name}: {fault}"))?;
    }
    Ok(())
}

fn encode(case: Case, ffmpeg: &Ffmpeg, folder: &Path) -> Outcome<PathBuf> {
    let file = folder.join("source.ts");
    let name = file.to_string_lossy().into_owned();
    let mut arguments = vec!["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25"];
    // A stream with pictures begins with one.
    arguments.extend(["-itsoffset", "0.1", "-f", "lavfi", "-i", "anoisesrc=sample_rate=48000:amplitude=0.2"]);
    arguments.extend(["-t", SECONDS, "-preset", "ultrafast", "-pix_fmt", "yuv420p"]);
    arguments.extend(["-x264-params", X264, "-x265-params", X265]);
    arguments.extend(case.encode.split_whitespace());
    if case.encode.contains("libx264") {
        arguments.extend(["-profile:v", "main"]);
    }
    arguments.push(&name);
    ffmpeg.run(&arguments)?;
    Ok(file)
}

/// Waits until the API calls the tracks what they are.
fn called(case: Case, weir: &Weir) -> Outcome {
    let named = |answer: &Value| {
        let tracks = answer["streams"][0]["tracks"].as_array()?.clone();
        let name = |track: &Value| {
            Some((track["codec"].as_str()?.to_owned(), track["codec_string"].as_str().unwrap_or_default().to_owned()))
        };
        tracks.iter().filter(|track| track["kind"] != "data").map(name).collect::<Option<Vec<_>>>()
    };
    let wanted = case.called.map(|(people, browsers)| (people.to_owned(), browsers.to_owned()));
    let found =
        weir.api.until("the names of its tracks", "/streams", |answer| (named(answer)? == wanted).then_some(()));
    found.map_err(|fault| format!("{wanted:?} were wanted; {fault}"))
}
