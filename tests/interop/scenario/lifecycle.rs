//! Ending: asked to, Weir tells its players, closes its files and goes; killed, it leaves a file that plays.

#[cfg(unix)]
use std::time::{Duration, Instant};

use crate::clip::{Make, clip};
use crate::ffmpeg::Ffmpeg;
use crate::packets::{Kind, Listing};
use crate::process::Outcome;
use crate::weir::Weir;

/// The promise of `weir serve`: gone within this time after it was asked to end.
#[cfg(unix)]
const GOODBYE: Duration = Duration::from_secs(5);

/// Asked to end in the middle of a stream.
#[cfg(unix)]
pub(crate) fn asked_to_end(ffmpeg: &Ffmpeg) -> Outcome {
    let clip = clip(Make::H264Aac, ffmpeg)?;
    let mut weir = Weir::start(&["--record-all", "true"])?;
    let mut playing = ffmpeg.play(&weir.url("stream"))?;
    weir.wait_for_players("stream", 1)?;
    let _publishing = ffmpeg.publish(&clip.file, &weir.url("stream"))?;
    let middle = clip.key.get(2).ok_or("the clip has too few key frames")?;
    playing.until("the third key frame", |lines| lines.iter().any(|line| line.contains(middle)).then_some(()))?;
    let asked = Instant::now();
    weir.process.terminate()?;
    let status = weir.process.end()?;
    if !status.success() || asked.elapsed() > GOODBYE {
        return Err(format!("it ended with {status} after {:?}", asked.elapsed()));
    }
    playing.succeed().map_err(|fault| format!("the player was not told: {fault}"))?;
    beginning_of(&clip.packets, &ffmpeg.list(&weir.recording()?)?)
}

/// Killed in the middle of a stream.
pub(crate) fn killed(ffmpeg: &Ffmpeg) -> Outcome {
    let clip = clip(Make::H264Aac, ffmpeg)?;
    let mut weir = Weir::start(&["--record-all", "true"])?;
    let _publishing = ffmpeg.publish(&clip.file, &weir.url("stream"))?;
    weir.api.until("two seconds on disk", "/streams", |answer| {
        (answer["streams"][0]["recording"]["duration_seconds"].as_f64()? > 2.0).then_some(())
    })?;
    weir.process.kill();
    let got = ffmpeg.list(&weir.recording()?)?;
    if got.of(Kind::VIDEO).len() < 25 {
        return Err(format!("only {} video frames are in the file", got.of(Kind::VIDEO).len()));
    }
    beginning_of(&clip.packets, &got)
}

/// Checks that each track of `got` is the beginning of that of `sent`.
fn beginning_of(sent: &Listing, got: &Listing) -> Outcome {
    for kind in [Kind::VIDEO, Kind::AUDIO] {
        let (sent, got) = (sent.of(kind), got.of(kind));
        if got.is_empty() || got.len() > sent.len() || got.iter().zip(&sent).any(|(got, sent)| got.hash != sent.hash) {
            return Err(format!("the {} {kind} packets in the file are not the first of what was sent", got.len()));
        }
    }
    Ok(())
}
