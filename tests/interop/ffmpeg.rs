//! FFmpeg as an encoder, a player and a server.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::decoded::Decoded;
use crate::packets::Listing;
use crate::process::{Outcome, Process};
use crate::srt::{self, Form, Frame};

/// One FFmpeg of this machine.
#[derive(Debug, Clone)]
pub(crate) struct Ffmpeg {
    /// `ffmpeg_5`, for the names of tests.
    pub(crate) name: String,
    program: PathBuf,
}

/// The FFmpeg of the system, or why there is none.
pub(crate) fn installed() -> Outcome<Ffmpeg> {
    find(Path::new("ffmpeg")).ok_or("ffmpeg is not installed".to_owned())
}

/// FFmpeg 9, or why there is none.
pub(crate) fn newest() -> Outcome<Ffmpeg> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.cache/ffmpeg-9/imageio_ffmpeg/binaries");
    let fetched = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let named = std::env::var_os("WEIR_FFMPEG_9").filter(|path| !path.is_empty()).map(PathBuf::from);
    let mut candidates = named.into_iter().chain(fetched);
    let found = candidates.find_map(|program| find(&program).filter(|ffmpeg| ffmpeg.name == "ffmpeg_9"));
    found.ok_or("FFmpeg 9 is not in .cache/ffmpeg-9; npm test fetches it".to_owned())
}

fn find(program: &Path) -> Option<Ffmpeg> {
    let output = Command::new(program).arg("-version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = text.strip_prefix("ffmpeg version ")?.trim_start_matches('n');
    let major: String = version.chars().take_while(char::is_ascii_digit).collect();
    let major = if major.is_empty() { "unknown".to_owned() } else { major };
    Some(Ffmpeg { name: format!("ffmpeg_{major}"), program: program.to_owned() })
}

impl Ffmpeg {
    pub(crate) fn run(&self, arguments: &[&str]) -> Outcome {
        self.start(&self.name, arguments)?.succeed()
    }

    /// Sends the packets of `file` as they are, at their own pace.
    pub(crate) fn publish(&self, file: &Path, url: &str) -> Outcome<Process> {
        self.publish_with(file, &[], url)
    }

    /// The same with options for the address.
    pub(crate) fn publish_with(&self, file: &Path, options: &[&str], url: &str) -> Outcome<Process> {
        let file = file.to_string_lossy();
        let mut arguments = vec!["-re", "-i", &file, "-map", "0", "-c", "copy", "-f", "flv"];
        arguments.extend(["-flvflags", "no_duration_filesize"]);
        arguments.extend_from_slice(options);
        arguments.push(url);
        self.start(&format!("{} publishing", self.name), &arguments)
    }

    /// Plays `url` with options for the address.
    pub(crate) fn play_with(&self, options: &[&str], url: &str) -> Outcome<Process> {
        self.hash(&format!("{} playing", self.name), &[&["-rtmp_live", "live"], options, &["-i", url]].concat())
    }

    /// Sends the packets of `file` as a transport stream as FFmpeg makes it by default, at their own pace.
    pub(crate) fn publish_transport(&self, file: &Path, url: &str, options: &[&str]) -> Outcome<Process> {
        let file = file.to_string_lossy();
        let input = ["-re", "-i", &file, "-map", "0", "-c", "copy"];
        // As OBS does: what was sent last gets the time to arrive.
        let url = &format!("{url}&linger=3");
        self.start(&format!("{} publishing", self.name), &[&input, options, &["-f", "mpegts", url]].concat())
    }

    /// Plays `input` and prints the hash of every picture and sound, bare of what its container adds.
    pub(crate) fn bare(&self, input: &[&str], form: Form, hevc: bool) -> Outcome<Process> {
        let filters = srt::bare(form, hevc);
        let filters: Vec<&str> = filters.iter().map(String::as_str).collect();
        self.hash_filtered(&format!("{} playing", self.name), input, &filters)
    }

    /// The pictures and sounds of `file`, likewise.
    pub(crate) fn bare_frames(&self, file: &Path, form: Form, hevc: bool) -> Outcome<Vec<Frame>> {
        let mut process = self.bare(&["-i", &file.to_string_lossy()], form, hevc)?;
        process.succeed()?;
        srt::frames(&process.output())
    }

    /// Whether this FFmpeg was built with libsrt.
    pub(crate) fn knows_srt(&self) -> bool {
        let output = Command::new(&self.program).args(["-hide_banner", "-protocols"]).output();
        output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).lines().any(|line| line.trim() == "srt"))
    }

    /// Plays `url` and prints the hash of every packet.
    pub(crate) fn play(&self, url: &str) -> Outcome<Process> {
        self.hash(&format!("{} playing", self.name), &["-rtmp_live", "live", "-i", url])
    }

    /// Plays `url` as a player that announces every codec it knows, and therefore tracks.
    pub(crate) fn play_enhanced(&self, url: &str) -> Outcome<Process> {
        let codecs = "hvc1,av01,vp09,vvc1,avc1,mp4a,Opus,fLaC,ac-3,ec-3,.mp3";
        let input = ["-rtmp_live", "live", "-rtmp_enhanced_codecs", codecs, "-i", url];
        self.hash(&format!("{} playing with a list of codecs", self.name), &input)
    }

    /// The same, and keeps what it plays in `file`.
    pub(crate) fn play_enhanced_into(&self, url: &str, file: &Path) -> Outcome<Process> {
        let name = format!("{} playing with a list of codecs", self.name);
        let codecs = "hvc1,av01,vp09,vvc1,avc1,mp4a,Opus,fLaC,ac-3,ec-3,.mp3";
        let input = ["-copyts", "-rtmp_live", "live", "-rtmp_enhanced_codecs", codecs, "-i", url];
        let copied = ["-map", "0:v?", "-map", "0:a?", "-copyinkf", "-c", "copy"];
        let listed = ["-f", "framehash", "-hash", "md5", "-flush_packets", "1", "pipe:1"];
        let file = file.to_string_lossy();
        self.start(&name, &[&input[..], &copied, &listed, &copied, &["-f", "flv", &file]].concat())
    }

    /// Waits at `url` for one publisher and prints the hash of every packet it sends.
    pub(crate) fn serve(&self, url: &str) -> Outcome<Process> {
        self.hash(&format!("{} serving", self.name), &["-listen", "1", "-i", url])
    }

    /// Every packet in `file`.
    pub(crate) fn list(&self, file: &Path) -> Outcome<Listing> {
        let file = file.to_string_lossy();
        let mut process = self.hash(&format!("{} reading {file}", self.name), &["-i", &file])?;
        process.succeed()?;
        Listing::read(&process.output())
    }

    /// Every packet in `file`, whatever the unit of its times is.
    pub(crate) fn list_loosely(&self, file: &Path) -> Outcome<Listing> {
        let file = file.to_string_lossy();
        let mut process = self.hash(&format!("{} reading {file}", self.name), &["-i", &file])?;
        process.succeed()?;
        Listing::read_loosely(&process.output())
    }

    /// What `file` says of itself, in FFmpeg's words.
    pub(crate) fn describe(&self, file: &Path) -> Outcome<String> {
        let file = file.to_string_lossy();
        let mut process = Process::start(&self.name, &self.program, ["-hide_banner", "-nostdin", "-i", &*file])?;
        // Without an output it ends with an error, after it has said everything.
        process.end()?;
        Ok(process.errors().join("\n"))
    }

    /// What `file` decodes to.
    pub(crate) fn decoded(&self, file: &Path) -> Outcome<Decoded> {
        let file = file.to_string_lossy();
        let arguments = ["-copyts", "-i", &file, "-map", "0:v?", "-map", "0:a?", "-fps_mode", "passthrough"];
        // The times of the file; left alone FFmpeg rounds those of pictures to whole frames.
        let rest = ["-enc_time_base:v", "demux", "-f", "framehash", "-hash", "md5", "pipe:1"];
        let mut process = self.start(&format!("{} decoding {file}", self.name), &[&arguments[..], &rest].concat())?;
        process.succeed()?;
        Decoded::read(&process.output()).ok_or(format!("nothing that {file} decodes to can be read"))
    }

    /// The packets of the first video track in `file` with a filter applied to each; the times are of no use.
    pub(crate) fn filtered(&self, file: &Path, filter: &str) -> Outcome<Listing> {
        let file = file.to_string_lossy();
        let arguments = ["-i", &file, "-map", "0:v:0", "-copyinkf", "-c", "copy", "-bsf:v", filter, "-f", "framehash"];
        let mut process =
            self.start(&format!("{} filtering", self.name), &[&arguments[..], &["-hash", "md5", "pipe:1"]].concat())?;
        process.succeed()?;
        Listing::read_loosely(&process.output())
    }

    fn hash(&self, name: &str, input: &[&str]) -> Outcome<Process> {
        self.hash_filtered(name, input, &[])
    }

    fn hash_filtered(&self, name: &str, input: &[&str], filters: &[&str]) -> Outcome<Process> {
        // The timestamps of the wire, and nothing dropped before the first key frame: a fault must show.
        let mut arguments = vec!["-copyts"];
        arguments.extend_from_slice(input);
        arguments.extend(["-map", "0:v?", "-map", "0:a?", "-copyinkf", "-c", "copy"]);
        arguments.extend_from_slice(filters);
        arguments.extend(["-f", "framehash", "-hash", "md5", "-flush_packets", "1", "pipe:1"]);
        self.start(name, &arguments)
    }

    fn start(&self, name: &str, arguments: &[&str]) -> Outcome<Process> {
        let quiet = ["-hide_banner", "-nostdin", "-nostats", "-loglevel", "warning", "-y"].map(OsString::from);
        Process::start(name, &self.program, quiet.into_iter().chain(arguments.iter().map(OsString::from)))
    }
}
