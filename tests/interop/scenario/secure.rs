//! RTMPS with the certificate that Weir makes: who trusts it gets every frame, who does not is refused. And stream keys over
//! RTMP and SRT: a right one opens, a revoked one ends what it opened.

use std::path::PathBuf;

use serde_json::json;

use crate::clip::{Make, clip};
use crate::ffmpeg::Ffmpeg;
use crate::packets::{From, Listing, same};
use crate::process::Outcome;
use crate::socket::free_port;
use crate::weir::Weir;

/// A Weir that takes RTMPS, its address for a stream, and the file of its certificate.
struct Secure {
    weir: Weir,
    url: String,
    certificate: PathBuf,
    _folder: tempfile::TempDir,
}

impl Secure {
    fn start() -> Outcome<Self> {
        let weir = Weir::start(&[])?;
        let port = free_port()?;
        let patch = json!({ "enabled": true, "port": port, "reach": "this_computer" });
        let listener = weir.api.call("PATCH", "/listeners/rtmps", Some(&patch))?;
        if listener["state"] != "listening" {
            return Err(format!("RTMPS does not listen: {listener}"));
        }
        let pem = weir.api.read("/certificate")?["pem"].as_str().ok_or("no certificate")?.to_owned();
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let certificate = folder.path().join("weir.pem");
        std::fs::write(&certificate, pem).map_err(|error| error.to_string())?;
        Ok(Self { weir, url: format!("rtmps://localhost:{port}/live/stream"), certificate, _folder: folder })
    }
}

/// Published and played over RTMPS, trusted by `-ca_file`.
pub(crate) fn trusted(encoder: &Ffmpeg, reference: &Ffmpeg) -> Outcome {
    let clip = clip(Make::H264Aac, reference)?;
    let secure = Secure::start()?;
    let file = secure.certificate.to_string_lossy();
    let trust = ["-tls_verify", "1", "-ca_file", &file];
    let mut playing = encoder.play_with(&trust, &secure.url)?;
    secure.weir.wait_for_players("stream", 1)?;
    encoder.publish_with(&clip.file, &trust, &secure.url)?.succeed()?;
    playing.end()?;
    secure.weir.wait_for_the_end("stream")?;
    same(&clip.packets, &clip.key, &Listing::read(&playing.output())?, From::TheFirstFrame)
}

/// Without the certificate the program leaves, and Weir says why.
pub(crate) fn not_trusted(encoder: &Ffmpeg, reference: &Ffmpeg) -> Outcome {
    let clip = clip(Make::H264Aac, reference)?;
    let secure = Secure::start()?;
    let mut publishing = encoder.publish_with(&clip.file, &["-tls_verify", "1"], &secure.url)?;
    if publishing.succeed().is_ok() {
        return Err("a certificate that nobody vouches for was taken".to_owned());
    }
    secure.weir.api.until("the reason", "/problems", |answer| {
        let problems = answer["problems"].as_array()?;
        problems.iter().any(|problem| problem["code"] == "certificate_refused").then_some(())
    })
}

/// A key publishes over both protocols; once it is revoked, what it opened ends and it opens no more.
pub(crate) fn keys(ffmpeg: &Ffmpeg) -> Outcome {
    let clip = clip(Make::H264Aac, ffmpeg)?;
    let weir = Weir::start(&["--srt-listen", "127.0.0.1:0", "--auth-mode", "token"])?;
    let make = |name: &str, action: &str| -> Outcome<(String, String)> {
        let key = json!({ "name": name, "action": action, "streams": "live/*" });
        let made = weir.api.call("POST", "/stream-keys", Some(&key))?;
        let text = |value: &serde_json::Value| value.as_str().map(str::to_owned).ok_or("no key".to_owned());
        Ok((text(&made["stream_key"]["id"])?, text(&made["secret"])?))
    };
    let (watch_id, watch) = make("friends", "play")?;
    for over_srt in [false, true] {
        let (id, key) = make("encoder", "publish")?;
        let mut publishing = match over_srt {
            false => ffmpeg.publish(&clip.file, &weir.url(&format!("stream?token={key}")))?,
            true => {
                ffmpeg.publish_transport(&clip.file, &weir.srt(&format!("publish:live/stream?token={key}"))?, &[])?
            }
        };
        weir.wait_for_state("stream", "live")?;
        let mut playing = ffmpeg.play(&weir.url(&format!("stream?token={watch}")))?;
        weir.wait_for_players("stream", 1)?;
        weir.api.call("DELETE", &format!("/stream-keys/{id}"), None)?;
        if publishing.succeed().is_ok() {
            return Err("a publisher went on to the end by a revoked key".to_owned());
        }
        playing.end()?;
        weir.wait_for_the_end("stream")?;
        let mut again = ffmpeg.publish(&clip.file, &weir.url(&format!("stream?token={key}")))?;
        if again.succeed().is_ok() {
            return Err("a revoked key opened".to_owned());
        }
    }
    weir.api.call("DELETE", &format!("/stream-keys/{watch_id}"), None)?;
    let mut late = ffmpeg.play(&weir.url(&format!("stream?token={watch}")))?;
    if late.succeed().is_ok() {
        return Err("a revoked key opened a stream to a player".to_owned());
    }
    Ok(())
}
