//! Every codec of Enhanced RTMP that FFmpeg 9 can publish: to a player, to a second Weir, and in words.

use std::path::Path;

use serde_json::{Value, json};

use crate::clip::{Clip, SECONDS};
use crate::decoded::{Missing, alike};
use crate::ffmpeg::Ffmpeg;
use crate::packets::{From, Kind, Listing, same};
use crate::process::Outcome;
use crate::weir::Weir;

/// A pair of codecs: how to encode them, and what people are to be told of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    encode: &'static str,
    /// Of each track, in order.
    words: fn() -> Vec<Value>,
}

const MD5_OF_NOTHING: &str = "d41d8cd98f00b204e9800998ecf8427e";
const X265: &str = "keyint=25:min-keyint=25:scenecut=0:bframes=2:log-level=none";

pub(crate) const CASES: &[Case] = &[
    Case {
        name: "h265_and_opus",
        encode: "-c:v libx265 -preset ultrafast -pix_fmt yuv420p -c:a libopus -ac 2",
        words: || {
            vec![
                json!({ "codec": "H.265", "profile": "Main", "level": "2", "width": 320, "height": 180, "bit_depth": 8,
                    "hdr": false }),
                json!({ "codec": "Opus", "channels": 2, "sample_rate": 48000 }),
            ]
        },
    },
    Case {
        name: "h265_with_10_bits_of_hdr_and_opus_of_6_channels",
        encode: "-vf setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc:range=tv -c:v libx265 \
            -preset ultrafast -pix_fmt yuv420p10le -c:a libopus -ac 6",
        words: || {
            vec![
                json!({ "codec": "H.265", "profile": "Main 10", "width": 320, "height": 180, "bit_depth": 10, "hdr": true }),
                json!({ "codec": "Opus", "channels": 6, "sample_rate": 48000 }),
            ]
        },
    },
    Case {
        name: "av1_and_flac",
        encode: "-c:v libaom-av1 -cpu-used 8 -usage realtime -g 25 -pix_fmt yuv420p -c:a flac -ac 2",
        words: || {
            vec![
                json!({ "codec": "AV1", "profile": "Main", "width": 320, "height": 180, "bit_depth": 8, "hdr": false }),
                json!({ "codec": "FLAC", "channels": 2, "sample_rate": 48000 }),
            ]
        },
    },
    Case {
        name: "vp9_and_ac3",
        encode: "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -g 25 -pix_fmt yuv420p -c:a ac3 -ac 6",
        words: || {
            vec![
                json!({ "codec": "VP9", "width": 320, "height": 180, "bit_depth": 8, "hdr": false }),
                json!({ "codec": "AC-3", "channels": 6, "sample_rate": 48000 }),
            ]
        },
    },
    Case {
        name: "h266_and_eac3",
        encode: "-c:v libvvenc -preset faster -g 32 -qp 45 -pix_fmt yuv420p10le -c:a eac3 -ac 2",
        words: || {
            vec![
                json!({ "codec": "H.266", "profile": "Main 10", "width": 320, "height": 180, "bit_depth": 10, "hdr": false }),
                json!({ "codec": "E-AC-3", "channels": 2, "sample_rate": 48000 }),
            ]
        },
    },
    Case {
        name: "h264_and_mp3",
        encode: "-c:v libx264 -preset ultrafast -profile:v main -x264-params keyint=25:min-keyint=25:scenecut=0:bframes=2 \
            -pix_fmt yuv420p -c:a libmp3lame -ac 2",
        words: || {
            vec![
                json!({ "codec": "H.264", "profile": "Main", "width": 320, "height": 180, "bit_depth": 8, "hdr": false }),
                json!({ "codec": "MP3", "channels": 2, "sample_rate": 48000 }),
            ]
        },
    },
];

/// Two video and two audio tracks of four codecs.
pub(crate) const SEVERAL_TRACKS: Case = Case {
    name: "four_tracks_of_four_codecs",
    encode: "-map 0 -map 0 -map 1 -map 1 -pix_fmt yuv420p -c:v:0 libx264 -preset:v:0 ultrafast \
        -x264-params keyint=25:min-keyint=25:scenecut=0:bframes=2 -c:v:1 libx265 -preset:v:1 ultrafast -filter:v:1 \
        scale=160:90 -c:a:0 aac -ac:a:0 2 -c:a:1 libopus -ac:a:1 1",
    words: || {
        vec![
            json!({ "index": 0, "codec": "H.264", "width": 320, "height": 180 }),
            json!({ "index": 1, "codec": "H.265", "width": 160, "height": 90 }),
            json!({ "index": 0, "codec": "AAC", "profile": "LC", "channels": 2 }),
            json!({ "index": 1, "codec": "Opus", "channels": 1 }),
        ]
    },
};

/// A player and a second Weir behind a destination get every packet of every track, which decode to what the source decodes to,
/// and the API names them.
pub(crate) fn passes_through(case: Case, ffmpeg: &Ffmpeg) -> Outcome {
    let clip = encode(case, ffmpeg)?;
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let (played, relayed) = (folder.path().join("played.flv"), folder.path().join("relayed.flv"));
    let far = Weir::start(&[])?;
    let near = Weir::start(&["--relay-to", &far.url("copy")])?;
    let mut beyond = ffmpeg.play_enhanced_into(&far.url("copy"), &relayed)?;
    far.wait_for_players("copy", 1)?;
    let mut early = ffmpeg.play_enhanced_into(&near.url("stream"), &played)?;
    near.wait_for_players("stream", 1)?;
    let mut publishing = ffmpeg.publish(&clip.file, &near.url("stream"))?;
    for weir in [&near, &far] {
        words(case, weir)?;
    }
    publishing.succeed()?;
    early.end()?;
    beyond.end()?;
    same(&clip.packets, &clip.key, &Listing::read(&early.output())?, From::TheFirstFrame)
        .map_err(|fault| format!("the player: {fault}"))?;
    same(&clip.packets, &clip.key, &Listing::read(&beyond.output())?, From::TheFirstFrame)
        .map_err(|fault| format!("behind the second Weir: {fault}"))?;
    let source = ffmpeg.decoded(&clip.file)?;
    alike(&source, &ffmpeg.decoded(&played)?, Missing::NOTHING).map_err(|fault| format!("the player: {fault}"))?;
    alike(&source, &ffmpeg.decoded(&relayed)?, Missing::NOTHING)
        .map_err(|fault| format!("behind the second Weir: {fault}"))
}

/// The recording holds every packet, and decodes to what the source decodes to; as long as it, and with sound where it was.
pub(crate) fn is_recorded(case: Case, container: &str, ffmpeg: &Ffmpeg) -> Outcome {
    let clip = encode(case, ffmpeg)?;
    let weir = Weir::start(&["--record-all", "true"])?;
    weir.api.call("PATCH", "/recording-settings", Some(&json!({ "container": container })))?;
    ffmpeg.publish(&clip.file, &weir.url("stream"))?.succeed()?;
    weir.wait_for_the_end("stream")?;
    let recording = weir.closed_recording()?;
    let id = recording.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let said = weir.api.until("the recording", &format!("/recordings/{id}"), |answer| {
        (answer["state"] == "finished").then(|| answer.clone())
    })?;
    let (sent, seen) = (&clip.packets, ffmpeg.list_loosely(&recording)?);
    for track in sent.tracks() {
        let (sent, seen) = (sent.of(track).len(), seen.of(track).len());
        if sent != seen {
            return Err(format!("{track}: {sent} packets were sent, {seen} are in {id}"));
        }
    }
    let (source, copy) = (ffmpeg.decoded(&clip.file)?, ffmpeg.decoded(&recording)?);
    alike(&source, &copy, Missing::NOTHING).map_err(|fault| format!("{id}: {fault}"))?;
    let frame = 0.041;
    if (source.seconds_of_pictures() - copy.seconds_of_pictures()).abs() > frame {
        return Err(format!(
            "the source lasts {} s, {id} {} s",
            source.seconds_of_pictures(),
            copy.seconds_of_pictures()
        ));
    }
    let duration = said["duration_seconds"].as_f64().unwrap_or_default();
    if (duration - copy.seconds()).abs() > frame {
        return Err(format!("the list says {duration} s of {} s", copy.seconds()));
    }
    if said["tracks"].as_array().map(Vec::len) != Some((case.words)().len()) {
        return Err(format!("the list says of its tracks: {}", said["tracks"]));
    }
    Ok(())
}

/// VP9 of an HDR film: its pictures do not say how bright they are meant to be, only what is sent beside them does.
pub(crate) fn hdr(ffmpeg: &Ffmpeg) -> Outcome {
    const DISPLAY: &str = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)";
    const FILTER: &str = "setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc:range=tv";
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let at = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let (made, clip, played) = (at("made.mp4"), at("clip.flv"), folder.path().join("played.flv"));
    let x265 = format!("{X265}:hdr10=1:master-display={DISPLAY}:max-cll=1000,400");
    let ten_bits = ["-pix_fmt", "yuv420p10le"];
    let source = ["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25", "-t", SECONDS, "-vf", FILTER];
    let encode = ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", &x265, &made];
    ffmpeg.run(&[&source[..], &ten_bits, &encode].concat())?;
    let encode = ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-g", "25", &clip];
    ffmpeg.run(&[&["-i", &made][..], &ten_bits, &encode].concat())?;
    let weir = Weir::start(&["--record-all", "true"])?;
    let mut playing = ffmpeg.play_enhanced_into(&weir.url("stream"), &played)?;
    weir.wait_for_players("stream", 1)?;
    ffmpeg.publish(Path::new(&clip), &weir.url("stream"))?.succeed()?;
    playing.end()?;
    weir.wait_for_the_end("stream")?;
    for file in [played, weir.closed_recording()?] {
        let said = ffmpeg.describe(&file)?;
        let wanted = [
            "bt2020nc/bt2020/smpte2084",
            "MaxCLL=1000, MaxFALL=400",
            "r(0.6800,0.3200) g(0.2650,0.6900) b(0.1500 0.0600) wp(0.3127, 0.3290)",
            "min_luminance=0.005000, max_luminance=1000.000000",
        ];
        if let Some(missing) = wanted.iter().find(|wanted| !said.contains(**wanted)) {
            return Err(format!("{} does not say {missing:?}: {said}", file.display()));
        }
    }
    Ok(())
}

/// A player that comes late gets the headers of all tracks, and each from a key frame.
pub(crate) fn late(ffmpeg: &Ffmpeg) -> Outcome {
    let clip = encode(SEVERAL_TRACKS, ffmpeg)?;
    let weir = Weir::start(&[])?;
    let early = ffmpeg.play_enhanced(&weir.url("stream"))?;
    weir.wait_for_players("stream", 1)?;
    let mut publishing = ffmpeg.publish(&clip.file, &weir.url("stream"))?;
    let past = clip.key.get(1).ok_or("the clip has one key frame only")?;
    early.until("the second key frame", |lines| lines.iter().any(|line| line.contains(past)).then_some(()))?;
    let mut playing = ffmpeg.play_enhanced(&weir.url("stream"))?;
    publishing.succeed()?;
    playing.end()?;
    let got = Listing::read(&playing.output())?;
    if got.tracks().len() != 4 || got.configs != clip.packets.configs {
        return Err(format!("the tracks {:?} came, with {:?}", got.tracks(), got.configs));
    }
    // Tracks are interleaved, so each is compared by itself from its first packet on.
    for track in got.tracks() {
        let (sent, came) = (clip.packets.only(&[track]), got.only(&[track]));
        let hashes: Vec<_> = came.packets.iter().map(|packet| &packet.hash).collect();
        let all: Vec<_> = sent.packets.iter().map(|packet| &packet.hash).collect();
        if hashes.is_empty() || hashes.len() >= all.len() || !all.ends_with(&hashes) {
            return Err(format!("{track}: {} of {} packets came, not the last ones", hashes.len(), all.len()));
        }
    }
    Ok(())
}

/// An old player gets the default tracks, and nothing of the others.
pub(crate) fn to_an_old_player(ffmpeg: &Ffmpeg, old: &Ffmpeg) -> Outcome {
    let clip = encode(SEVERAL_TRACKS, ffmpeg)?;
    let weir = Weir::start(&[])?;
    let mut playing = old.play(&weir.url("stream"))?;
    weir.wait_for_players("stream", 1)?;
    ffmpeg.publish(&clip.file, &weir.url("stream"))?.succeed()?;
    playing.end()?;
    let default = clip.packets.only(&[Kind::VIDEO, Kind::AUDIO]);
    let mut got = Listing::read(&playing.output())?;
    // One FFmpeg pads what it makes of a header and another does not.
    got.configs = default.configs.clone();
    same(&default, &clip.key, &got, From::TheFirstFrame)
}

fn encode(case: Case, ffmpeg: &Ffmpeg) -> Outcome<Clip> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    // Two tests may use one case at the same time.
    let number = std::thread::current().id();
    let file = folder.join(format!("interop-{}-{}-{number:?}.flv", case.name, std::process::id()));
    let name = file.to_string_lossy().into_owned();
    let mut arguments = vec!["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25"];
    // A stream with pictures begins with one, and what FFmpeg sends first of two at the same time is its own affair.
    arguments.extend(["-itsoffset", "0.1", "-f", "lavfi", "-i"]);
    arguments.extend(["anoisesrc=sample_rate=48000:amplitude=0.2", "-t", SECONDS, "-x265-params", X265]);
    arguments.extend(case.encode.split_whitespace());
    let encoded = file.with_extension("encoded.flv");
    let encoded = encoded.to_string_lossy();
    arguments.push(&encoded);
    ffmpeg.run(&arguments)?;
    // FFmpeg writes another configuration of VP9 when it copies than when it encodes, and it is copies that are published.
    ffmpeg.run(&["-i", &encoded, "-map", "0", "-c", "copy", &name])?;
    let mut packets = ffmpeg.list(&file)?;
    // Weir takes temporal delimiters off, as containers want it.
    let (bare, bare_key) = if case.name.contains("av1") {
        ("filter_units=remove_types=2", "filter_units=remove_types=2,noise=drop=not(key)")
    } else {
        ("null", "noise=drop=not(key)")
    };
    let hashes = |filter| ffmpeg.filtered(&file, filter).map(|it| it.packets.into_iter().map(|packet| packet.hash));
    let video = packets.packets.iter_mut().filter(|packet| packet.kind == Kind::VIDEO);
    video.zip(hashes(bare)?).for_each(|(packet, hash)| packet.hash = hash);
    let key = hashes(bare_key)?.collect();
    let first = packets.packets.iter().position(|packet| packet.kind == Kind::VIDEO).ok_or("no pictures")?;
    let mut packets = packets.skip(first);
    // FFmpeg begins FLAC with a message of nothing, which means nothing.
    packets.packets.retain(|packet| packet.hash != MD5_OF_NOTHING);
    Ok(Clip { file, packets, key })
}

/// Waits until the API says of each track what it should.
fn words(case: Case, weir: &Weir) -> Outcome {
    let wanted = (case.words)();
    let says_all = |track: &Value, words: &Value| {
        words.as_object().is_some_and(|words| words.iter().all(|(name, word)| track[name] == *word))
    };
    let seen = std::cell::RefCell::new(Value::Null);
    let found = weir.api.until("the words for its tracks", "/streams", |answer| {
        let tracks = answer["streams"][0]["tracks"].as_array()?.clone();
        let media: Vec<_> = tracks.iter().filter(|track| track["kind"] != "data").collect();
        *seen.borrow_mut() = json!(media);
        let all = media.len() == wanted.len() && media.iter().zip(&wanted).all(|(track, words)| says_all(track, words));
        all.then_some(())
    });
    found.map_err(|fault| format!("{fault}: {wanted:?} were wanted, {} are there", seen.borrow()))
}
