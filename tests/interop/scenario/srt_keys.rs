//! The keys of an encrypted stream change while it is published.

use std::thread;
use std::time::Duration;

use crate::ffmpeg::Ffmpeg;
use crate::network::Network;
use crate::process::Outcome;
use crate::scenario::srt_media::{heavy, weir};
use crate::srt::{Feed, Form, alike};
use crate::weir::Weir;

const SECRET: &str = "correct-horse-battery";
/// Packets under one key, and how many before its end the next one is announced: nearly as early as libsrt lets it be.
const EVERY: usize = 2000;
const ANNOUNCED: usize = 990;
/// The latency in milliseconds, as long as it may be: what the network in between loses on a busy machine is sent again in time.
const LATENCY: u64 = 8000;
/// How long the last packets may take.
const QUIET: Duration = Duration::from_secs(2);
/// How long the stream lasts.
const LASTS: Duration = Duration::from_secs(12);
/// How often it is published at most. libsrt 1.5.1 makes its next key by a clock and may die when a busy machine lets it send
/// more packets within a tick than lie between announcement and change.
const ATTEMPTS: usize = 3;

/// libsrt changes its key every 2000 packets of 16 Mbit/s: the recording has every picture and every sound, to the last.
pub(crate) fn change(ffmpeg: &Ffmpeg) -> Outcome {
    let file = heavy(ffmpeg)?;
    let sent = ffmpeg.bare_frames(&file, Form::Transport, false)?;
    for _ in 0..ATTEMPTS {
        let weir = weir(&["--srt-latency", &LATENCY.to_string(), "--srt-passphrase", SECRET, "--record-all", "true"])?;
        let network = Network::keeping(weir.srt_address()?)?;
        let keys = format!("passphrase={SECRET}&pbkeylen=32&kmrefreshrate={EVERY}&kmpreannounce={ANNOUNCED}");
        let mut feed =
            Feed::start(&format!("srt://{}?streamid=publish:live/stream&latency={LATENCY}&{keys}", network.address))?;
        weir.wait_for_state("stream", "live")?;
        // It changes its keys by a clock too, and when the peer has answered: a busy machine must not send all of it under a few.
        let fed = feed.send_held_back(&file, LASTS, || network.under_this_key() > EVERY + 100);
        let is_whole = wait_for_the_rest(&weir, sent.len())?;
        if feed.end()? || !is_whole {
            continue;
        }
        fed?;
        weir.wait_for_the_end("stream")?;
        if network.keys() < 5 {
            return Err(format!("only {} keys were used", network.keys()));
        }
        return alike(&sent, &ffmpeg.bare_frames(&weir.closed_recording()?, Form::Container, false)?, 0.0);
    }
    Err(format!("srt-live-transmit died, or left before the end, {ATTEMPTS} times"))
}

/// libsrt throws away what it has not sent when it is ended, and on a busy machine that may be seconds of the stream: waits until all
/// but the last packets of sound and picture, which are whole only at the end, have come. False when it leaves before: it does so when it
/// hears nothing for some seconds.
fn wait_for_the_rest(weir: &Weir, frames: usize) -> Outcome<bool> {
    const LAST: u64 = 10;
    let is_whole = weir.api.until("the rest of the stream", "/streams", |answer| {
        let stream = &answer["streams"][0];
        let came: u64 = stream["tracks"].as_array().into_iter().flatten().filter_map(|it| it["frames"].as_u64()).sum();
        let is_whole = came + LAST >= frames as u64;
        (is_whole || stream["publisher"].is_null()).then_some(is_whole)
    })?;
    thread::sleep(QUIET);
    Ok(is_whole)
}
