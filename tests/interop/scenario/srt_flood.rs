//! A flood of handshakes leaves a live stream unharmed and costs no memory.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use crate::clip::{Make, clip};
use crate::ffmpeg::Ffmpeg;
use crate::process::Outcome;
use crate::scenario::srt_media::LATENCY;
use crate::scripted::{ABILITY, CONCLUSION, INDUCTION, KEY_MESSAGE, handshake, word};
use crate::srt::{self, Form, alike};
use crate::weir::Weir;

/// Inductions, each from a port and a socket id of its own in turn.
const INDUCTIONS: u32 = 60_000;
/// Conclusions with a right cookie and a wrong passphrase, each of which costs a key derivation if it is let so far.
const CONCLUSIONS: u32 = 2_000;
/// Memory that a flood may cost, pages of buffers and threads that are there once included.
const MOST_KIB: u64 = 24 * 1024;

pub(crate) fn unharmed(ffmpeg: &Ffmpeg) -> Outcome {
    let clip = clip(Make::H264Aac, ffmpeg)?;
    // What the flood pushes out of the system's buffer is sent again, and a busy machine needs time for that.
    let latency = LATENCY.to_string();
    let flags = ["--srt-listen", "127.0.0.1:0", "--srt-passphrase", "incorrect-horse", "--srt-latency", &latency];
    let weir = Weir::start(&flags)?;
    let mut playing = ffmpeg.bare(&["-rtmp_live", "live", "-i", &weir.url("stream")], Form::Container, false)?;
    weir.wait_for_players("stream", 1)?;
    let url = format!("{}&passphrase=incorrect-horse", weir.srt("publish:live/stream")?);
    let mut publishing = ffmpeg.publish_transport(&clip.file, &url, &[])?;
    weir.wait_for_state("stream", "live")?;
    let before = weir.process.memory_kib()?;
    let began = Instant::now();
    flood(&weir).map_err(|error| error.to_string())?;
    let after = weir.process.memory_kib()?;
    // It has come as far as the passphrase, else it was no flood.
    weir.api.until("a wrong passphrase among the problems", "/problems", |answer| {
        answer["problems"].as_array()?.iter().any(|it| it["code"] == "srt_passphrase_wrong").then_some(())
    })?;
    publishing.succeed()?;
    playing.end()?;
    let sent = ffmpeg.bare_frames(&clip.file, Form::Container, false)?;
    alike(&sent, &srt::frames(&playing.output())?, 500.0)?;
    if after > before + MOST_KIB {
        return Err(format!("memory went from {before} to {after} KiB in {:?}", began.elapsed()));
    }
    Ok(())
}

fn flood(weir: &Weir) -> std::io::Result<()> {
    let server = weir.srt_address().map_err(std::io::Error::other)?;
    let sockets: Vec<UdpSocket> = (0..16).map(|_| UdpSocket::bind("127.0.0.1:0")).collect::<Result<_, _>>()?;
    for socket in &sockets {
        socket.connect(server)?;
        socket.set_read_timeout(Some(Duration::from_millis(20)))?;
    }
    let mut answer = [0; 2048];
    let mut cookies = Vec::new();
    for number in 0..INDUCTIONS {
        let socket = &sockets[number as usize % sockets.len()];
        socket.send(&handshake(number + 1, 4, 2, INDUCTION, 0, &[]))?;
        // Most go unanswered: one address may ask so often and no more.
        if number % 997 == 0
            && let Ok(len) = socket.recv(&mut answer)
            && len >= 64
        {
            let (id, cookie) = (word(&answer, 10), word(&answer, 11));
            cookies.push((number as usize % sockets.len(), id, cookie));
        }
    }
    if cookies.is_empty() {
        return Err(std::io::Error::other("no question was answered"));
    }
    let key = [0x0003_0000 | KEY_MESSAGE.len() as u32];
    let extensions = [&ABILITY[..], &key, &KEY_MESSAGE].concat();
    for number in 0..CONCLUSIONS {
        let (at, id, cookie) = cookies[number as usize % cookies.len()];
        // A cookie is good for a minute, whatever the socket id.
        sockets[at].send(&handshake(id.wrapping_add(number), 5, 3, CONCLUSION, cookie, &extensions))?;
    }
    Ok(())
}
