//! SRT as other programs speak it: srt-live-transmit of libsrt, and FFmpeg, which uses libsrt too.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::ffmpeg::Ffmpeg;
use crate::packets::Kind;
use crate::process::{Outcome, Process};

const TRANSMIT: &str = "srt-live-transmit";

/// Whether srt-live-transmit is there.
pub(crate) fn installed() -> Outcome {
    let run = Command::new(TRANSMIT).arg("-version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    run.map(drop).map_err(|_| format!("{TRANSMIT} (Debian's srt-tools) is not installed"))
}

/// The first reason why the trials of SRT cannot run with this FFmpeg.
pub(crate) fn with(ffmpeg: &Outcome<Ffmpeg>) -> Outcome<Ffmpeg> {
    installed()?;
    ffmpeg
        .clone()
        .and_then(|ffmpeg| if ffmpeg.knows_srt() { Ok(ffmpeg) } else { Err("its FFmpeg lacks SRT".to_owned()) })
}

/// srt-live-transmit that calls and only waits for the answer.
pub(crate) fn call(url: &str) -> Outcome<Process> {
    Process::start(TRANSMIT, TRANSMIT, ["-a:no", "-loglevel:error", url, "file://con"])
}

/// srt-live-transmit that writes what it receives into a file.
pub(crate) struct Capture {
    child: Child,
}

impl Capture {
    pub(crate) fn start(url: &str, file: &Path) -> Outcome<Self> {
        let output = File::create(file).map_err(|error| error.to_string())?;
        let child = Command::new(TRANSMIT)
            .args(["-a:no", "-q", "-chunk:1316", "-loglevel:fatal", url, "file://con"])
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("{TRANSMIT}: {error}"))?;
        Ok(Self { child })
    }

    /// Waits until the other end has closed the connection.
    pub(crate) fn end(&mut self) -> Outcome {
        self.child.wait().map(drop).map_err(|error| error.to_string())
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How long a feed stays connected when everything has been fed: what was sent last gets the time to arrive, which FFmpeg does not
/// give it when its input ends.
const STAYS: Duration = Duration::from_secs(1);

/// srt-live-transmit that calls and sends what it is fed.
pub(crate) struct Feed {
    child: Child,
}

/// Pause before each chunk for which it is too early: some of libsrt's ticks.
const AHEAD: Duration = Duration::from_millis(20);

/// Bytes of a datagram: seven packets of a transport stream.
const CHUNK: usize = 1316;
/// Chunks that srt-live-transmit holds at most before it sends them.
const HELD: usize = 10;

impl Feed {
    pub(crate) fn start(url: &str) -> Outcome<Self> {
        let child = Command::new(TRANSMIT)
            .args(["-a:no", "-q", "-chunk:1316", "-loglevel:fatal", "file://con", url])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("{TRANSMIT}: {error}"))?;
        Ok(Self { child })
    }

    /// Feeds it `file` within `time` at an even pace and gives the end time to arrive. Whatever it reads before it is connected it
    /// throws away: call this once it is.
    pub(crate) fn send(&mut self, file: &Path, time: Duration) -> Outcome {
        self.send_held_back(file, time, || false)
    }

    /// The same, slowly for as long as `is_ahead` says so.
    pub(crate) fn send_held_back(&mut self, file: &Path, time: Duration, is_ahead: impl Fn() -> bool) -> Outcome {
        let mut bytes = std::fs::read(file).map_err(|error| error.to_string())?;
        // It waits for the rest of a chunk that is not full, reads ten before it sends any, and loses what it holds when it is ended:
        // that is null packets then.
        let all = bytes.len() + HELD * CHUNK;
        while bytes.len() < all || !bytes.len().is_multiple_of(CHUNK) {
            bytes.extend_from_slice(&[0x47, 0x1F, 0xFF, 0x10]);
            bytes.resize(bytes.len() + 184, 0xFF);
        }
        let mut stdin = self.child.stdin.take().ok_or("it is fed once")?;
        let chunks = bytes.chunks(CHUNK);
        let pace = time / u32::try_from(chunks.len()).unwrap_or(u32::MAX);
        let mut due = Instant::now();
        for chunk in chunks {
            if is_ahead() {
                thread::sleep(AHEAD);
            }
            stdin.write_all(chunk).map_err(|error| format!("{TRANSMIT}: {error}"))?;
            // What a busy machine kept us from sending is hardly made up for: libsrt changes its keys by a clock.
            let now = Instant::now();
            due = (due + pace).max(now.checked_sub(pace * 10).unwrap_or(now));
            thread::sleep(due.saturating_duration_since(now));
        }
        // It would go with its input, and whatever it has not sent yet with it.
        self.child.stdin = Some(stdin);
        thread::sleep(STAYS);
        Ok(())
    }

    /// Ends it, politely where that can be: it does not end with its input. Whether it had died before.
    pub(crate) fn end(&mut self) -> Outcome<bool> {
        if let Some(status) = self.child.try_wait().map_err(|error| error.to_string())? {
            return Ok(!status.success());
        }
        let asked = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status();
        if !asked.is_ok_and(|status| status.success()) {
            let _ = self.child.kill();
        }
        self.child.wait().map_err(|error| error.to_string())?;
        Ok(false)
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Checks that `file` is a transport stream without a hole: whole packets, and each stream's counter without a jump. Returns
/// the number of packets.
pub(crate) fn unbroken(file: &Path) -> Outcome<usize> {
    let bytes = std::fs::read(file).map_err(|error| error.to_string())?;
    let mut counters = std::collections::HashMap::new();
    let packets = bytes.chunks(188);
    for (at, packet) in packets.clone().enumerate() {
        let [0x47, high, low, flags, ..] = packet else {
            return Err(format!("packet {at} does not begin as one does"));
        };
        if packet.len() != 188 {
            return Err(format!("packet {at} has {} bytes", packet.len()));
        }
        if flags & 0x10 == 0 {
            continue;
        }
        let pid = u16::from(high & 0x1F) << 8 | u16::from(*low);
        let expected = counters.insert(pid, flags & 0x0F).map(|last: u8| (last + 1) & 0x0F);
        if expected.is_some_and(|expected| expected != flags & 0x0F) {
            return Err(format!("packet {at}: the counter of {pid:#x} jumps"));
        }
    }
    Ok(packets.len())
}

/// Whether `file`, a transport stream, says anywhere that time has jumped (`discontinuity_indicator`).
pub(crate) fn says_jump(file: &Path) -> Outcome<bool> {
    let bytes = std::fs::read(file).map_err(|error| error.to_string())?;
    let says = |packet: &[u8]| matches!(packet, [_, _, _, flags, len, field, ..] if *len > 0 && flags & 0x20 != 0 && field & 0x80 != 0);
    Ok(bytes.chunks(188).any(says))
}

/// A frame: what it is, its presentation time in milliseconds, its hash.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Frame {
    kind: Kind,
    millis: f64,
    hash: String,
}

impl Frame {
    pub(crate) const fn is_picture(&self) -> bool {
        matches!(self.kind, Kind::Video(_))
    }

    pub(crate) fn hash(&self) -> &str {
        &self.hash
    }
}

/// The form of a stream's frames, which decides what makes them comparable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Lengths before units and raw AAC: FLV, MP4, RTMP.
    Container,
    /// Start codes and ADTS.
    Transport,
}

/// FFmpeg's filters that leave of a frame only the picture or the sound itself, in the same form for all.
pub(crate) fn bare(form: Form, hevc: bool) -> [String; 4] {
    let (to_annexb, units) = if hevc {
        ("hevc_mp4toannexb,", "filter_units=remove_types=32-35|39-40")
    } else {
        ("h264_mp4toannexb,", "filter_units=remove_types=6-9")
    };
    let video = if form == Form::Container { format!("{to_annexb}{units}") } else { units.to_owned() };
    let audio = if form == Form::Transport && !hevc { "aac_adtstoasc" } else { "null" };
    ["-bsf:v".to_owned(), video, "-bsf:a".to_owned(), audio.to_owned()]
}

/// Reads FFmpeg's `framehash` output.
pub(crate) fn frames(lines: &[String]) -> Outcome<Vec<Frame>> {
    let mut kinds: Vec<(String, Kind)> = Vec::new();
    let mut units: Vec<(String, f64)> = Vec::new();
    let mut frames = Vec::new();
    for line in lines {
        if let Some((stream, kind)) = line.strip_prefix("#media_type ").and_then(|rest| rest.split_once(": ")) {
            let number =
                |make: fn(usize) -> Kind| (0..).map(make).find(|it| kinds.iter().all(|(_, known)| known != it));
            let kind = if kind == "video" { number(Kind::Video) } else { number(Kind::Audio) };
            kinds.push((stream.to_owned(), kind.ok_or("too many tracks")?));
        } else if let Some((stream, unit)) = line.strip_prefix("#tb ").and_then(|rest| rest.split_once(": ")) {
            let (over, under) = unit.split_once('/').ok_or("a time base without a slash")?;
            let parse = |text: &str| text.trim().parse::<f64>().map_err(|error| error.to_string());
            units.push((stream.to_owned(), parse(over)? * 1000.0 / parse(under)?));
        } else if !line.starts_with('#') && !line.is_empty() {
            let fields: Vec<&str> = line.split(',').map(str::trim).collect();
            let [stream, _, pts, _, _, hash, ..] = fields[..] else { return Err(format!("no frame: {line}")) };
            let kind = kinds.iter().find(|(known, _)| known == stream).ok_or("a frame of no track")?.1;
            let unit = units.iter().find(|(known, _)| known == stream).ok_or("a track without a time base")?.1;
            let pts: f64 = pts.parse().map_err(|_| format!("no time: {line}"))?;
            frames.push(Frame { kind, millis: pts * unit, hash: hash.to_owned() });
        }
    }
    Ok(frames)
}

/// Checks that `got` is what was `sent`, from the first frame to the last but `tail` milliseconds: the same frames of each
/// track in the same order; no frame's time further from its place than rounding takes it; and sound and picture as far apart
/// as they were, within a millisecond.
pub(crate) fn alike(sent: &[Frame], got: &[Frame], tail: f64) -> Outcome {
    let of = |frames: &[Frame], kind: Kind| frames.iter().filter(|it| it.kind == kind).cloned().collect::<Vec<_>>();
    let kinds: std::collections::BTreeSet<Kind> = sent.iter().map(|frame| frame.kind).collect();
    let end = sent.iter().map(|frame| frame.millis).fold(0.0, f64::max) - tail;
    let mut moved: Option<f64> = None;
    for kind in kinds {
        let (sent, got) = (of(sent, kind), of(got, kind));
        let due = sent.iter().filter(|frame| tail == 0.0 || frame.millis < end).count();
        let (both, whole) = (sent.len().min(got.len()), |at: &usize| tail == 0.0 || sent[*at].millis < end);
        if let Some(at) = (0..both).filter(whole).find(|at| sent[*at].hash != got[*at].hash) {
            let there = got.iter().any(|frame| frame.hash == sent[at].hash);
            let counts = format!("{} were sent, {} came", sent.len(), got.len());
            return Err(format!("{kind} frame {at} is another one ({counts}; it came elsewhere: {there})"));
        }
        if got.len() < due || got.len() > sent.len() {
            return Err(format!("{kind}: {} frames were sent, {} came", sent.len(), got.len()));
        }
        // In the tail a frame may be missing, and the next one stands in its place: only the rest tells how far it is moved.
        let shifts: Vec<f64> = (0..both).filter(whole).map(|at| got[at].millis - sent[at].millis).collect();
        if shifts.is_empty() {
            return Err(format!("{kind}: all {} frames are in the tail, which proves nothing", sent.len()));
        }
        let mean = shifts.iter().sum::<f64>() / shifts.len() as f64;
        if let Some(far) = shifts.iter().find(|shift| (*shift - mean).abs() > 1.5) {
            return Err(format!("{kind}: a frame is moved by {far} ms, all of them by {mean} ms on average"));
        }
        let first = *moved.get_or_insert(mean);
        if (mean - first).abs() > 1.0 {
            return Err(format!("{kind} is moved by {mean} ms, the first track by {first} ms"));
        }
    }
    Ok(())
}
