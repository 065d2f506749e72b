//! Weir sends a stream on to another server, and what arrives there is what was published.

use std::net::SocketAddr;

use serde_json::json;

use crate::clip::{Clip, Make, clip};
use crate::ffmpeg::Ffmpeg;
use crate::nginx::Nginx;
use crate::packets::{From, Listing, same};
use crate::process::{Outcome, Process};
use crate::socket;
use crate::tls::{Authority, Certificate, TlsFront};
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

/// To nginx behind TLS. Its certificate is refused until somebody trusts it; then every frame arrives.
pub(crate) fn to_nginx_over_tls(make: Make, ffmpeg: &Ffmpeg) -> Outcome {
    let clip = clip(make, ffmpeg)?;
    let nginx = Nginx::start()?;
    let front = TlsFront::of(nginx.address(), &Certificate::of_nobody()?)?;
    let weir = Weir::start(&[])?;
    let new = json!({ "name": "nginx", "url": format!("rtmps://localhost:{}/live", front.port()), "key": "copy" });
    let made = weir.api.call("POST", "/destinations", Some(&new))?;
    let id = made["id"].as_str().ok_or("no id")?.to_owned();
    let mut publishing = ffmpeg.publish(&clip.file, &weir.url("first"))?;
    let offered = weir.api.until("the certificate to be refused", "/destinations", |answer| {
        let leg = answer["destinations"].as_array()?.first()?;
        let refused = leg["state"] == "stopped" && leg["reason"]["code"] == "certificate_untrusted";
        leg["offered_certificate"].as_str().filter(|_| refused).map(str::to_owned)
    })?;
    publishing.succeed()?;
    weir.wait_for_the_end("first")?;
    weir.api.call("PATCH", &format!("/destinations/{id}"), Some(&json!({ "trusted_certificate": offered })))?;
    let mut playing = ffmpeg.play(&nginx.url("copy"))?;
    ffmpeg.publish(&clip.file, &weir.url("stream"))?.succeed()?;
    playing.end()?;
    same(&clip.packets, &clip.key, &Listing::read(&playing.output())?, From::AKeyFrame)
}

/// To a second Weir behind TLS, with certificates that somebody vouches for whom the system trusts. A good one needs nobody's
/// trust; one out of date, or for another name, stops the destination, which says so and shows its fingerprint, and nothing is
/// sent until somebody trusts it.
pub(crate) fn to_weir_over_tls(make: Make, ffmpeg: &Ffmpeg) -> Outcome {
    let clip = clip(make, ffmpeg)?;
    let authority = Authority::new()?;
    let cases = [
        ("good", authority.vouch("localhost", (2020, 2090))?, None),
        ("expired", authority.vouch("localhost", (2000, 2001))?, Some(("certificate_expired", "out of date"))),
        (
            "misnamed",
            authority.vouch("other.example.com", (2020, 2090))?,
            Some(("certificate_wrong_name", "another name")),
        ),
    ];
    for (name, certificate, refused) in cases {
        let far = Weir::start(&[])?;
        let server = far.rtmp_address().parse::<SocketAddr>().map_err(|error| error.to_string())?;
        let front = TlsFront::of(server, &certificate)?;
        let near = Weir::start_with(&[], &[("SSL_CERT_FILE", authority.file().as_os_str())])?;
        let new = json!({ "name": name, "url": format!("rtmps://localhost:{}/live", front.port()), "key": "copy" });
        let id = near.api.call("POST", "/destinations", Some(&new))?["id"].as_str().ok_or("no id")?.to_owned();
        if let Some((code, words)) = refused {
            let mut publishing = ffmpeg.publish(&clip.file, &near.url("first"))?;
            let (message, offered) = near.api.until("the certificate to be refused", "/destinations", |answer| {
                let leg = answer["destinations"].as_array()?.first()?;
                let stopped = leg["state"] == "stopped" && leg["reason"]["code"] == code;
                let message = leg["reason"]["message"].as_str().filter(|_| stopped)?;
                Some((message.to_owned(), leg["offered_certificate"].as_str()?.to_owned()))
            })?;
            if !message.contains(words) || offered != certificate.fingerprint() {
                return Err(format!("{name}: {message} ({offered}, it is {})", certificate.fingerprint()));
            }
            publishing.succeed()?;
            near.wait_for_the_end("first")?;
            let there = far.api.read("/streams")?;
            if there["streams"].as_array().is_none_or(|streams| !streams.is_empty()) {
                return Err(format!("{name}: something was sent before the certificate was trusted: {there}"));
            }
            let trust = json!({ "trusted_certificate": offered });
            near.api.call("PATCH", &format!("/destinations/{id}"), Some(&trust))?;
        }
        let mut playing = ffmpeg.play(&far.url("copy"))?;
        far.wait_for_players("copy", 1)?;
        ffmpeg.publish(&clip.file, &near.url("stream"))?.succeed()?;
        playing.end()?;
        arrived(&clip, &playing).map_err(|fault| format!("{name}: {fault}"))?;
    }
    Ok(())
}

/// The destination was there before the stream: though connecting takes it a moment, nothing may be missing.
fn arrived(clip: &Clip, receiver: &Process) -> Outcome {
    same(&clip.packets, &clip.key, &Listing::read(&receiver.output())?, From::TheFirstFrame)
}
