//! What an SRT address asks for beside the host: its parameters in the spelling of FFmpeg, OBS and libsrt's own programs.

use std::time::Duration;

use weir_media::Secret;
use weir_srt::caller::Call;
use weir_srt::connection::Config;
use weir_srt::crypto::{KeyLength, Passphrase};
use weir_srt::handshake::{Latency, MAX_LATENCY, StreamId};

use super::failure::{Failure, FailureCode};
use crate::preset::{Finding, FindingCode};

/// A latency that nobody means in milliseconds: FFmpeg and OBS write microseconds.
const SURELY_MICROSECONDS: u64 = 20_000;
/// The names of the latency; `peerlatency` is what a sender means, and the others are what people write for it.
const LATENCIES: [&str; 4] = ["latency", "peerlatency", "rcvlatency", "tsbpddelay"];
/// Every parameter that is read here, those of the key aside. What others there are may hold anything.
pub(super) const OPEN: [&str; 14] = [
    "pbkeylen",
    "latency",
    "peerlatency",
    "rcvlatency",
    "tsbpddelay",
    "conntimeo",
    "connect_timeout",
    "maxbw",
    "mode",
    "transtype",
    "congestion",
    "smoother",
    "packetfilter",
    "cryptomode",
];
/// What holds when the address says nothing: as for every SRT program.
const LATENCY: Duration = Duration::from_millis(120);

/// Reads the parameters of an address, names in lower case. Those that make no difference to a caller in live mode are
/// passed over.
pub(super) fn read(parameters: &[(String, Secret<String>)]) -> Result<Call, Failure> {
    let mut call = Call { config: Config { latency: both(LATENCY), ..Config::default() }, ..Call::default() };
    // The longest of those that are given; a server that wants a longer one has it.
    let mut wanted = None;
    for (name, value) in parameters {
        let text = value.expose().trim();
        match name.as_str() {
            "streamid" | "srt_streamid" => call.stream_id = StreamId::new(text.to_owned()),
            // A passphrase may begin or end with a space.
            "passphrase" if value.expose().is_empty() => {}
            "passphrase" => {
                let passphrase = Passphrase::new(value.expose());
                call.passphrase =
                    Some(passphrase.map_err(|error| wrong(format!("{error}"), "Enter the destination's passphrase."))?);
            }
            "pbkeylen" => call.key_length = key_length(text)?,
            name if LATENCIES.contains(&name) => {
                let given = latency(name, text)?;
                wanted = Some(wanted.map_or(given, |wanted: Duration| wanted.max(given)));
            }
            "conntimeo" | "connect_timeout" => {
                let millis = number(name, text)?.clamp(500, 60_000);
                call.timeout = Duration::from_millis(millis);
            }
            "maxbw" => {
                // Zero and less mean no limit of its own.
                if let Some(bytes) = text.parse::<u64>().ok().filter(|bytes| *bytes > 0) {
                    call.config.max_bandwidth = bytes.max(20_000);
                }
            }
            "mode" => {
                only(name, text, &["caller", "client", "c"], "Weir calls the destination; it cannot wait for its call")?
            }
            "transtype" => only(name, text, &["live"], "Weir sends live streams, not files")?,
            "congestion" | "smoother" => only(name, text, &["live"], "Weir sends live streams, not files")?,
            "packetfilter" => only(name, text, &[""], "forward error correction is not supported")?,
            "cryptomode" => only(name, text, &["0", "1", "aes-ctr"], "AES-GCM is not supported")?,
            // Its name may be secret as well: nobody knows what it is.
            _ => tracing::debug!("a parameter of an SRT address makes no difference here"),
        }
    }
    call.config.latency.send = wanted.unwrap_or(LATENCY);
    Ok(call)
}

/// What looks like a mistake in the parameters of an address, and how it is understood.
pub(super) fn finding(parameters: &[(String, Secret<String>)]) -> Option<Finding> {
    let value = parameters.iter().filter(|(name, _)| LATENCIES.contains(&name.as_str())).find_map(|(_, value)| {
        value.expose().trim().parse::<u64>().ok().filter(|value| *value >= SURELY_MICROSECONDS)
    })?;
    Some(Finding {
        code: FindingCode::LatencyUnit,
        message: format!(
            "The latency {value} in the address is taken for microseconds, as FFmpeg and OBS count: {} milliseconds.",
            value / 1000
        ),
        hint: format!("Write it in milliseconds: latency={}.", value / 1000),
    })
}

const fn both(latency: Duration) -> Latency {
    Latency { receive: latency, send: latency }
}

/// Milliseconds as libsrt's programs write them, or microseconds as FFmpeg and OBS do: which one, the size tells, and the log.
fn latency(name: &str, text: &str) -> Result<Duration, Failure> {
    let value = number(name, text)?;
    let latency = if value >= SURELY_MICROSECONDS {
        tracing::warn!(name, value, "so large a latency is taken for microseconds, as FFmpeg and OBS write it");
        Duration::from_micros(value)
    } else {
        Duration::from_millis(value)
    };
    if latency > MAX_LATENCY {
        return Err(wrong(
            format!("a latency of {} seconds is too long", latency.as_secs()),
            "Write it in milliseconds, at most 8000 (latency=200).",
        ));
    }
    Ok(latency)
}

fn key_length(text: &str) -> Result<Option<KeyLength>, Failure> {
    match text.parse::<usize>().ok().map(|bytes| (bytes, KeyLength::from_bytes(bytes))) {
        Some((0, _)) => Ok(None),
        Some((_, Some(length))) => Ok(Some(length)),
        _ => {
            Err(wrong("pbkeylen is none of 16, 24 and 32".to_owned(), "Write pbkeylen=16, 24 or 32, or leave it out."))
        }
    }
}

fn number(name: &str, text: &str) -> Result<u64, Failure> {
    text.parse().map_err(|_| wrong(format!("{name} is no number"), "Correct the address, or leave this parameter out."))
}

fn only(name: &str, text: &str, allowed: &[&str], why: &str) -> Result<(), Failure> {
    if allowed.iter().any(|known| known.eq_ignore_ascii_case(text)) {
        return Ok(());
    }
    Err(wrong(format!("{name} is set to something else: {why}"), "Leave this parameter out of the address."))
}

/// The value stays out of the sentence: any may be secret.
fn wrong(what: String, hint: &str) -> Failure {
    Failure::new(FailureCode::InvalidUrl, format!("The SRT address cannot be used: {what}."), hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(query: &str) -> Result<Call, Failure> {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let pairs: Vec<_> = pairs.map(|(name, value)| (name.to_owned(), Secret::new(value.to_owned()))).collect();
        read(&pairs)
    }

    #[test]
    fn both_spellings_mean_the_same() {
        for (query, millis) in [
            ("", 120),
            ("latency=400", 400),
            ("latency=400000", 400),
            ("peerlatency=2000000&latency=200", 2000),
            ("rcvlatency=50", 50),
            ("latency=20&peerlatency=80", 80),
            ("latency=8000", 8000),
        ] {
            assert_eq!(given(query).unwrap().config.latency.send, Duration::from_millis(millis), "{query}");
        }
        let call =
            given("srt_streamid=#!::r=live/a,m=publish&passphrase=correct-horse&pbkeylen=32&mode=caller").unwrap();
        assert_eq!(call.stream_id.as_str(), "#!::r=live/a,m=publish");
        assert_eq!(call.passphrase, Passphrase::new("correct-horse").ok());
        assert_eq!(call.key_length, Some(KeyLength::Aes256));
        assert_eq!(given("connect_timeout=1500").unwrap().timeout, Duration::from_millis(1500));
    }

    #[test]
    fn what_is_said_to_be_read_is_read() {
        for name in OPEN {
            let (bad, good) = (given(&format!("{name}=canary")), given(""));
            // What is no rate means none.
            let differs = name == "maxbw" && given("maxbw=30000").unwrap().config != good.unwrap().config;
            assert!(bad.is_err() || differs, "{name}");
        }
        assert!(given("pkt_size=canary").is_ok());
    }

    #[test]
    fn a_latency_in_microseconds_is_understood_and_said() {
        let found = |query: &str| {
            let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            let pairs: Vec<_> = pairs.map(|(name, value)| (name.to_owned(), Secret::new(value.to_owned()))).collect();
            finding(&pairs)
        };
        for query in ["latency=8000", "streamid=400000", "latency=canary", "conntimeo=60000", "mode=caller"] {
            assert_eq!(found(query), None, "{query}");
        }
        for query in ["latency=400000", "mode=caller&rcvlatency=400000", "tsbpddelay=120&peerlatency=400000"] {
            let finding = found(query).unwrap();
            assert_eq!(finding.code, FindingCode::LatencyUnit, "{query}");
            assert!(
                finding.message.contains("400 milliseconds") && finding.hint.contains("latency=400."),
                "{finding:?}"
            );
        }
    }

    #[test]
    fn what_cannot_work_is_refused_without_its_value() {
        for query in [
            "mode=listener",
            "transtype=file",
            "latency=canary",
            "latency=90000000",
            "pbkeylen=128",
            "passphrase=canary",
            "packetfilter=fec,cols:10",
            "cryptomode=2",
        ] {
            let failure = given(query).unwrap_err();
            assert_eq!(failure.code, FailureCode::InvalidUrl, "{query}");
            assert!(!failure.message.contains("canary") && !failure.hint.is_empty(), "{failure:?}");
        }
    }
}
