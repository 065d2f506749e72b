//! The keys of an encrypted stream change while it is published.

use std::time::Duration;

use crate::ffmpeg::Ffmpeg;
use crate::network::Network;
use crate::process::Outcome;
use crate::scenario::srt_media::{LATENCY, heavy, weir};
use crate::srt::{Feed, Form, alike};

const SECRET: &str = "correct-horse-battery";
/// Packets under one key, and how many before its end the next one is announced: nearly as early as libsrt lets it be.
const EVERY: usize = 2000;
const ANNOUNCED: usize = 990;
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
        let fed = feed.send(&file, LASTS);
        if feed.end()? {
            continue;
        }
        fed?;
        weir.wait_for_the_end("stream")?;
        if network.keys() < 5 {
            return Err(format!("only {} keys were used", network.keys()));
        }
        return alike(&sent, &ffmpeg.bare_frames(&weir.recording()?, Form::Container, false)?, 0.0);
    }
    Err(format!("srt-live-transmit died {ATTEMPTS} times"))
}
