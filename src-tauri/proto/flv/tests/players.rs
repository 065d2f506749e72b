//! Files that FFmpeg must be able to play and seek in.
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod support;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::{flow, folder, write_file};

/// Says that a test could not be run, past the capture of test output.
fn skip(test: &str, why: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {why}");
}

fn works(program: &Path) -> bool {
    Command::new(program).arg("-version").output().is_ok_and(|output| output.status.success())
}

/// FFmpeg 9: named by `WEIR_FFMPEG_9`, or where `npm test` puts it.
fn ffmpeg_9() -> Option<PathBuf> {
    let named = std::env::var_os("WEIR_FFMPEG_9").filter(|path| !path.is_empty()).map(PathBuf::from);
    let cache = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../.cache/ffmpeg-9/imageio_ffmpeg/binaries");
    let cached = std::fs::read_dir(cache).into_iter().flatten().flatten().map(|entry| entry.path());
    named.into_iter().chain(cached).find(|program| works(program))
}

/// Runs a program; what it says on standard output. Anything on standard error fails the test.
fn run(program: &Path, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && complaint.is_empty(), "{program:?} {arguments:?}: {complaint}");
    String::from_utf8(output.stdout).unwrap()
}

/// Each packet's stream, times and checksum; AV1 without temporal delimiters, which FFmpeg leaves in and Weir takes out.
fn packets(program: &Path, file: &str) -> Vec<String> {
    let filter: &[&str] = if file.contains("-av1-") { &["-bsf:v", "av1_metadata=td=remove"] } else { &[] };
    let arguments =
        [&["-v", "error", "-i", file, "-map", "0", "-c", "copy"], filter, &["-copyts", "-f", "framemd5", "-"]];
    let out = run(program, &arguments.concat());
    out.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

fn written(folder: &Path, name: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, write_file(&flow(name), true)).unwrap();
    path.into_os_string().into_string().unwrap()
}

fn original(name: &str) -> String {
    folder().join(name).into_os_string().into_string().unwrap()
}

/// Without the stream's number, which FFmpeg gives in the order in which headers come, and sorted, since it interleaves equal
/// times as it likes. Empty packets are what FFmpeg makes of the ends of its own audio tracks.
fn assert_same_packets(program: &Path, file: &str, name: &str) {
    let comparable = |file: &str| {
        let fields =
            |line: String| -> Vec<String> { line.split(',').skip(1).map(|field| field.trim().to_owned()).collect() };
        let mut packets: Vec<Vec<String>> = packets(program, file).into_iter().map(fields).collect();
        packets.retain(|packet| packet[3] != "0");
        packets.sort();
        packets
    };
    let (got, sent) = (comparable(file), comparable(&original(name)));
    assert!(!sent.is_empty());
    assert_eq!(got, sent, "{name} with {program:?}");
}

#[test]
fn ffprobe_sees_duration_frames_and_codecs() {
    let ffprobe = Path::new("ffprobe");
    if !works(ffprobe) {
        return skip("ffprobe_sees_duration_frames_and_codecs", "ffprobe is not installed");
    }
    let folder = tempfile::tempdir().unwrap();
    for (name, duration, expected) in [
        ("ffmpeg-5.1-h264-bframes-aac.flv", 1.99..2.05, &["h264,160,90,20", "aac,44100,1,"][..]),
        ("ffmpeg-5.1-h264-mp3.flv", 1.0..1.1, &["h264,160,90,10", "mp3,44100,1,"]),
        ("ffmpeg-5.1-h264-only.flv", 0.9..1.1, &["h264,160,90,10"]),
        ("ffmpeg-5.1-aac-only.flv", 0.9..1.1, &["aac,44100,2,"]),
        ("ffmpeg-5.1-speex.flv", 0.9..1.1, &["speex,16000,1,"]),
        ("ffmpeg-5.1-h263-pcm.flv", 0.2..0.4, &["flv1,128,96,3", "pcm_s16le,11025,1,"]),
    ] {
        let file = written(folder.path(), name);
        let entries = "stream=codec_name,width,height,sample_rate,channels,nb_read_packets:format=duration";
        let out = run(ffprobe, &["-v", "error", "-count_packets", "-show_entries", entries, "-of", "csv=p=0", &file]);
        let lines: Vec<&str> = out.lines().collect();
        let (last, streams) = lines.split_last().unwrap();
        let seconds: f64 = last.parse().unwrap_or_else(|_| panic!("{name}: {out}"));
        assert!(duration.contains(&seconds), "{name}: {seconds}");
        for want in expected {
            assert!(streams.iter().any(|line| line.starts_with(want)), "{name}: {want} is not in {streams:?}");
        }
        assert_eq!(streams.len(), expected.len(), "{name}: {streams:?}");
    }
}

#[test]
fn ffmpeg_reads_the_packets_that_were_sent() {
    let ffmpeg = Path::new("ffmpeg");
    if !works(ffmpeg) {
        return skip("ffmpeg_reads_the_packets_that_were_sent", "ffmpeg is not installed");
    }
    let folder = tempfile::tempdir().unwrap();
    for name in support::VECTORS.into_iter().filter(|name| name.contains("-5.1-")) {
        assert_same_packets(ffmpeg, &written(folder.path(), name), name);
    }
}

#[test]
fn ffmpeg_9_reads_the_packets_that_were_sent() {
    let Some(ffmpeg) = ffmpeg_9() else {
        return skip(
            "ffmpeg_9_reads_the_packets_that_were_sent",
            "FFmpeg 9 is not in .cache/ffmpeg-9; npm test fetches it",
        );
    };
    let folder = tempfile::tempdir().unwrap();
    for name in support::VECTORS {
        assert_same_packets(&ffmpeg, &written(folder.path(), name), name);
    }
}

#[test]
fn ffmpeg_seeks_by_the_index_to_a_key_frame() {
    let ffmpeg = Path::new("ffmpeg");
    if !works(ffmpeg) {
        return skip("ffmpeg_seeks_by_the_index_to_a_key_frame", "ffmpeg is not installed");
    }
    let folder = tempfile::tempdir().unwrap();
    let name = "ffmpeg-5.1-h264-bframes-aac.flv";
    let file = written(folder.path(), name);
    let first_after = |seconds: &str| -> i64 {
        let arguments =
            ["-v", "error", "-ss", seconds, "-copyts", "-i", &file, "-map", "0:v", "-c", "copy", "-f", "framemd5", "-"];
        let out = run(ffmpeg, &arguments);
        let first = out.lines().find(|line| !line.starts_with('#')).unwrap();
        first.split(',').nth(1).unwrap().trim().parse().unwrap()
    };
    // The second key frame is decoded at 1.0 s: before it seeking lands on the first one, after it on the second.
    assert_eq!(first_after("0.5"), 0);
    assert_eq!(first_after("1.5"), 1000);
    // The decoder is given nothing that it cannot decode.
    run(ffmpeg, &["-v", "error", "-ss", "1.5", "-i", &file, "-f", "null", "-"]);
}

#[test]
fn ffmpeg_plays_a_file_that_a_crash_cut_off() {
    let ffmpeg = Path::new("ffmpeg");
    if !works(ffmpeg) {
        return skip("ffmpeg_plays_a_file_that_a_crash_cut_off", "ffmpeg is not installed");
    }
    let folder = tempfile::tempdir().unwrap();
    let name = "ffmpeg-5.1-h264-only.flv";
    let crashed = write_file(&flow(name), false);
    let path = folder.path().join(name);
    std::fs::write(&path, &crashed[..crashed.len() - 7]).unwrap();
    // FFmpeg complains of the packet that was cut and hands out what is left of it: all before it must be there.
    let arguments = ["-v", "fatal", "-i", path.to_str().unwrap(), "-c", "copy", "-copyts", "-f", "framemd5", "-"];
    let out = run(ffmpeg, &arguments);
    let got: Vec<&str> = out.lines().filter(|line| !line.starts_with('#')).collect();
    let sent = packets(ffmpeg, &original(name));
    let whole = sent.len() - 1;
    assert_eq!(got[..whole], sent[..whole]);
}
