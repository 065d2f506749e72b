//! One program publishes, others play, Weir records: everyone has the same frames.

use crate::clip::{Make, clip};
use crate::ffmpeg::Ffmpeg;
use crate::librtmp;
use crate::packets::{From, Listing, same};
use crate::process::Outcome;
use crate::weir::Weir;

/// A player that was there first and the recording get every frame.
pub(crate) fn from_the_beginning(make: Make, encoder: &Ffmpeg, player: &Ffmpeg, reference: &Ffmpeg) -> Outcome {
    let clip = clip(make, reference)?;
    let weir = Weir::start(&["--record-all", "true"])?;
    let mut playing = player.play(&weir.url("stream"))?;
    weir.wait_for_players("stream", 1)?;
    encoder.publish(&clip.file, &weir.url("stream"))?.succeed()?;
    playing.end()?;
    weir.wait_for_the_end("stream")?;
    same(&clip.packets, &clip.key, &Listing::read(&playing.output())?, From::TheFirstFrame)
        .map_err(|fault| format!("the player: {fault}"))?;
    same(&clip.packets, &clip.key, &reference.list(&weir.closed_recording()?)?, From::TheFirstFrame)
        .map_err(|fault| format!("the recording: {fault}"))
}

/// A player that comes in the middle gets everything from a key frame on.
pub(crate) fn late(encoder: &Ffmpeg, player: &Ffmpeg, reference: &Ffmpeg) -> Outcome {
    let clip = clip(Make::H264Aac, reference)?;
    let weir = Weir::start(&[])?;
    let early = reference.play(&weir.url("stream"))?;
    weir.wait_for_players("stream", 1)?;
    let mut publishing = encoder.publish(&clip.file, &weir.url("stream"))?;
    let past_a_key_frame = clip.key.get(1).ok_or("the clip has one key frame only")?;
    early.until("the second key frame", |lines| {
        lines.iter().any(|line| line.contains(past_a_key_frame)).then_some(())
    })?;
    let mut playing = player.play(&weir.url("stream"))?;
    publishing.succeed()?;
    playing.end()?;
    let got = Listing::read(&playing.output())?;
    if got.packets.len() >= clip.packets.packets.len() {
        return Err("the player came too early to prove anything".to_owned());
    }
    same(&clip.packets, &clip.key, &got, From::AKeyFrame)
}

/// A player built on librtmp, which was there first, writes down every frame and is told of the end.
pub(crate) fn librtmp(make: Make, ffmpeg: &Ffmpeg) -> Outcome {
    let clip = clip(make, ffmpeg)?;
    let weir = Weir::start(&[])?;
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let file = folder.path().join("played.flv");
    let mut playing = librtmp::play(&weir.url("stream"), &file)?;
    weir.wait_for_players("stream", 1)?;
    ffmpeg.publish(&clip.file, &weir.url("stream"))?.succeed()?;
    playing.succeed()?;
    same(&clip.packets, &clip.key, &ffmpeg.list(&file)?, From::TheFirstFrame)
}
