//! The values of flags, each with a sentence for what cannot be one.

use std::path::PathBuf;
use std::time::Duration;

use weir_engine::destination::Given;
use weir_engine::net::ListenAddress;
use weir_engine::protocol::rtmp::{ChunkSize, ReconnectUrl};
use weir_media::Secret;

/// An address to send every stream on to, with its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Relay(pub(crate) Given);

pub(crate) fn address(text: &str) -> Result<ListenAddress, String> {
    text.parse().map_err(|error: weir_engine::net::AddressError| error.to_string())
}

pub(crate) fn switch(text: &str) -> Result<bool, String> {
    match text {
        "true" | "1" | "yes" => Ok(true),
        "false" | "0" | "no" => Ok(false),
        other => Err(format!("{other:?} is neither yes nor no; write true, 1, yes, false, 0 or no")),
    }
}

pub(crate) fn chunk_size(text: &str) -> Result<ChunkSize, String> {
    let size = text.parse::<u32>().ok().and_then(|size| ChunkSize::try_from(size).ok());
    size.ok_or_else(|| format!("{text:?} is no chunk size; write a number of bytes from 1 to 65536"))
}

/// The value itself stays out of the sentence: it may hold a key.
pub(crate) fn relay(text: &str) -> Result<Relay, String> {
    let given = Given::read(text, None).map(Relay);
    given.map_err(|error| format!("{error}; write rtmp://host/app/key"))
}

/// The value itself stays out of the sentence, likewise.
pub(crate) fn reconnect(text: &str) -> Result<ReconnectUrl, String> {
    text.parse::<ReconnectUrl>().map_err(|error| format!("{error}; write rtmp://host/app"))
}

pub(crate) fn pattern(text: &str) -> Result<weir_engine::recording::Pattern, String> {
    text.parse().map_err(|error: weir_engine::recording::PatternError| error.to_string())
}

/// `1h30m`, `90s`, `500ms`, or a number of seconds; zero switches off what the duration is for.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no duration; write for example 1h, 30m, 90s or a number of seconds");
    let (mut seconds, mut rest) = (0.0, text);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let unit = match unit {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 0.001,
            "" if number.len() == text.len() => 1.0,
            _ => return Err(wrong()),
        };
        seconds += number.parse::<f64>().map_err(|_| wrong())? * unit;
        rest = after;
    }
    Duration::try_from_secs_f64(seconds).ok().filter(|_| !text.is_empty()).ok_or_else(wrong)
}

pub(crate) fn folder(text: &str) -> Result<PathBuf, String> {
    if text.is_empty() { Err("the folder is empty; write its path".to_owned()) } else { Ok(PathBuf::from(text)) }
}

pub(crate) fn file(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    if text.is_empty() || path.file_name().is_none() || path.is_dir() {
        return Err(format!("{text:?} is no file; write the path of a file"));
    }
    Ok(path)
}

impl Relay {
    /// The destination it means, `number` counting from 1, and its key.
    pub(crate) fn destination(self, number: usize) -> (weir_engine::destination::Config, Option<Secret<String>>) {
        let Self(given) = self;
        let config = weir_engine::destination::Config {
            id: format!("relay-{number}"),
            name: given.host().to_owned(),
            url: given.url,
            streams: Default::default(),
            enabled: true,
        };
        (config, given.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_for_yes_and_no_is_taken() {
        for (text, value) in [("true", true), ("1", true), ("yes", true), ("false", false), ("0", false), ("no", false)]
        {
            assert_eq!(switch(text), Ok(value));
        }
        assert!(switch("on").is_err() && switch("").is_err());
    }

    #[test]
    fn durations_are_taken_as_the_predecessor_took_them() {
        for (text, millis) in
            [("1h30m", 5_400_000), ("90s", 90_000), ("1.5s", 1_500), ("500ms", 500), ("60", 60_000), ("0", 0)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "h", "1x", "-1s", "1h2", "1..2s"] {
            assert!(duration(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_bad_relay_is_refused_without_its_text() {
        let error = relay("http://host/app/canary").unwrap_err();
        assert!(!error.contains("canary"), "{error}");
        let (config, key) = relay("rtmp://host/app/canary").unwrap().destination(2);
        assert_eq!((config.id.as_str(), config.url.as_str()), ("relay-2", "rtmp://host/app"));
        assert_eq!(key.unwrap().expose(), "canary");
    }
}
