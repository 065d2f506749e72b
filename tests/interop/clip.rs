//! What is published: short films with noise for sound, so that no two packets are alike.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use crate::ffmpeg::Ffmpeg;
use crate::packets::{Kind, Listing};
use crate::process::Outcome;

/// The make of a clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Make {
    /// H.264 with B-frames, and AAC.
    H264Aac,
    /// H.264 with B-frames, and MP3.
    H264Mp3,
    /// AAC alone.
    AudioOnly,
    /// H.264 alone.
    VideoOnly,
}

impl Make {
    pub(crate) const ALL: [Self; 4] = [Self::H264Aac, Self::H264Mp3, Self::AudioOnly, Self::VideoOnly];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::H264Aac => "h264_and_aac",
            Self::H264Mp3 => "h264_and_mp3",
            Self::AudioOnly => "audio_only",
            Self::VideoOnly => "video_only",
        }
    }
}

/// A file, its packets, and which of them are key frames.
#[derive(Debug, Clone)]
pub(crate) struct Clip {
    pub(crate) file: PathBuf,
    pub(crate) packets: Listing,
    pub(crate) key: Vec<String>,
}

pub(crate) const SECONDS: &str = "4";
const X264: &str = "keyint=25:min-keyint=25:scenecut=0:bframes=2:b-adapt=0:open-gop=0";

static MADE: Mutex<Vec<(Make, Clip)>> = Mutex::new(Vec::new());

/// The clip of this make; encoded once for all tests.
pub(crate) fn clip(make: Make, ffmpeg: &Ffmpeg) -> Outcome<Clip> {
    // Under the lock, so that tests that run at the same time wait for one encoding.
    let mut made = MADE.lock().map_err(|_| "an earlier encoding failed".to_owned())?;
    if let Some((_, clip)) = made.iter().find(|(known, _)| *known == make) {
        return Ok(clip.clone());
    }
    let clip = encode(make, ffmpeg)?;
    made.push((make, clip.clone()));
    Ok(clip)
}

fn encode(make: Make, ffmpeg: &Ffmpeg) -> Outcome<Clip> {
    let file =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("interop-{}-{}.flv", make.name(), std::process::id()));
    let name = file.to_string_lossy().into_owned();
    let mut arguments = Vec::new();
    if make != Make::AudioOnly {
        arguments.extend(["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25"]);
    }
    if make != Make::VideoOnly {
        arguments.extend(["-f", "lavfi", "-i", "anoisesrc=sample_rate=44100:amplitude=0.2"]);
    }
    arguments.extend(["-t", SECONDS, "-c:v", "libx264", "-preset", "ultrafast", "-profile:v", "main"]);
    arguments.extend(["-pix_fmt", "yuv420p", "-x264-params", X264]);
    arguments.extend(["-c:a", if make == Make::H264Mp3 { "libmp3lame" } else { "aac" }, "-b:a", "96k", &name]);
    ffmpeg.run(&arguments)?;
    let packets = ffmpeg.list(&file)?;
    let key = key_frames(&file)?;
    if make != Make::AudioOnly {
        let reordered = packets.of(Kind::VIDEO).iter().any(|packet| packet.pts - packet.dts > 40);
        if !reordered || key.len() < 3 {
            return Err(format!("{name} has no B-frames or too few key frames: it would prove little"));
        }
    }
    Ok(Clip { file, packets, key })
}

/// The hashes of the video key frames in `file`.
fn key_frames(file: &Path) -> Outcome<Vec<String>> {
    let arguments = ["-v", "error", "-select_streams", "v", "-show_packets", "-show_data_hash", "md5"];
    let output = Command::new("ffprobe").args(arguments).args(["-of", "compact=p=0:nk=0"]).arg(file).output();
    let output = output.map_err(|error| format!("ffprobe: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let key = text.lines().filter(|line| line.contains("|flags=K"));
    Ok(key.filter_map(|line| line.split("data_hash=MD5:").nth(1)).map(|hash| hash.trim().to_owned()).collect())
}
