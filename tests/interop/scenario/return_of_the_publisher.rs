//! The encoder drops out and comes back within the grace time: players and the recording go on, on one timeline.

use serde_json::json;

use crate::clip::{Clip, Make, clip};
use crate::ffmpeg::Ffmpeg;
use crate::packets::{Kind, Listing, Packet};
use crate::process::Outcome;
use crate::weir::Weir;

pub(crate) fn within_the_grace_time(ffmpeg: &Ffmpeg) -> Outcome {
    let clip = clip(Make::H264Aac, ffmpeg)?;
    let weir = Weir::start(&["--record-all", "true"])?;
    weir.set(&json!({ "grace_seconds": 30.0 }))?;
    let mut playing = ffmpeg.play(&weir.url("stream"))?;
    weir.wait_for_players("stream", 1)?;
    let mut first = ffmpeg.publish(&clip.file, &weir.url("stream"))?;
    let middle = clip.key.get(2).ok_or("the clip has too few key frames")?;
    playing.until("the third key frame", |lines| lines.iter().any(|line| line.contains(middle)).then_some(()))?;
    first.kill();
    weir.api.until("the stream to be interrupted", "/streams", |answer| {
        (answer["streams"][0]["state"] == "interrupted").then_some(())
    })?;
    let mut second = ffmpeg.publish(&clip.file, &weir.url("stream"))?;
    weir.api.until("the stream to be live again", "/streams", |answer| {
        (answer["streams"][0]["state"] == "live").then_some(())
    })?;
    weir.set(&json!({ "grace_seconds": 0.5 }))?;
    second.succeed()?;
    playing.end()?;
    weir.wait_for_the_end("stream")?;
    unbroken(&clip, &Listing::read(&playing.output())?).map_err(|fault| format!("the player: {fault}"))?;
    unbroken(&clip, &ffmpeg.list(&weir.closed_recording()?)?).map_err(|fault| format!("the recording: {fault}"))
}

/// Each track holds the beginning of the clip, then the whole clip, and its time never runs back.
fn unbroken(clip: &Clip, got: &Listing) -> Outcome {
    for kind in [Kind::VIDEO, Kind::AUDIO] {
        let got = got.of(kind);
        let whole = hashes(&clip.packets.of(kind));
        let came = hashes(&got);
        let begin = came.len().checked_sub(whole.len()).ok_or(format!("only {} {kind} packets came", came.len()))?;
        if came[begin..] != whole {
            return Err(format!("the second clip's {kind} is not whole"));
        }
        if begin == 0 || came[..begin] != whole[..begin] {
            return Err(format!("the {begin} {kind} packets before the break are not the first clip's beginning"));
        }
        if let Some(back) = got.windows(2).find(|pair| pair[1].dts < pair[0].dts) {
            return Err(format!("{kind} time runs back from {} to {} ms", back[0].dts, back[1].dts));
        }
    }
    Ok(())
}

fn hashes<'a>(packets: &[&'a Packet]) -> Vec<&'a str> {
    packets.iter().map(|packet| packet.hash.as_str()).collect()
}
