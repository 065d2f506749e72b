//! Weir sends a stream on to another server, and what arrives there is what was published.

use serde_json::json;

use crate::clip::{Clip, Make, clip};
use crate::ffmpeg::Ffmpeg;
use crate::nginx::Nginx;
use crate::packets::{From, Listing, same};
use crate::process::{Outcome, Process};
use crate::socket;
use crate::weir::Weir;

/// To a second Weir, with a player behind it.
pub(crate) fn to_weir(make: Make, ffmpeg: &Ffmpeg) -> Outcome {
    let clip = clip(make, ffmpeg)?;
    let far = Weir::start(&[])?;
    let near = Weir::start(&["--relay-to", &far.url("copy")])?;
    let mut playing = ffmpeg.play(&far.url("copy"))?;
    far.wait_for_players("copy", 1)?;
    ffmpeg.publish(&clip.file, &near.url("stream"))?.succeed()?;
    playing.end()?;
    arrived(&clip, &playing)
}

/// To FFmpeg as a server.
pub(crate) fn to_ffmpeg(make: Make, server: &Ffmpeg, ffmpeg: &Ffmpeg) -> Outcome {
    let clip = clip(make, ffmpeg)?;
    let port = socket::free_port()?;
    let url = format!("rtmp://127.0.0.1:{port}/live/copy");
    let mut serving = server.serve(&url)?;
    socket::wait_for_listener(port, &serving)?;
    let weir = Weir::start(&["--relay-to", &url])?;
    ffmpeg.publish(&clip.file, &weir.url("stream"))?.succeed()?;
    serving.end()?;
    arrived(&clip, &serving)
}

/// To nginx, with a player behind it; the destination is added through the API while Weir runs.
pub(crate) fn to_nginx(make: Make, ffmpeg: &Ffmpeg) -> Outcome {
    let clip = clip(make, ffmpeg)?;
    let nginx = Nginx::start()?;
    let weir = Weir::start(&[])?;
    let (url, key) =
        nginx.url("copy").rsplit_once('/').map(|(url, key)| (url.to_owned(), key.to_owned())).ok_or("no key")?;
    weir.api.call("POST", "/destinations", Some(&json!({ "name": "nginx", "url": url, "key": key })))?;
    let mut playing = ffmpeg.play(&nginx.url("copy"))?;
    ffmpeg.publish(&clip.file, &weir.url("stream"))?.succeed()?;
    playing.end()?;
    // nginx says nothing of its players, so this one may come a moment late.
    same(&clip.packets, &clip.key, &Listing::read(&playing.output())?, From::AKeyFrame)
}

/// The destination was there before the stream: though connecting takes it a moment, nothing may be missing.
fn arrived(clip: &Clip, receiver: &Process) -> Outcome {
    same(&clip.packets, &clip.key, &Listing::read(&receiver.output())?, From::TheFirstFrame)
}
