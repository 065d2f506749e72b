//! The values of flags, each with a sentence for what cannot be one.

use std::path::PathBuf;
use std::time::Duration;

use weir_engine::auth;
use weir_engine::config::range::SHORTEST;
use weir_engine::destination::{Config as Destination, Given};
use weir_engine::hook::{self, Concurrency, StdioFormat};
use weir_engine::lifecycle::Kind;
use weir_engine::log;
use weir_engine::net::ListenAddress;
use weir_engine::protocol::rtmp::{ChunkSize, ReconnectUrl};
use weir_engine::protocol::srt::{KeyLength, LatencyMillis, passphrases};
use weir_media::{Secret, StreamPath};

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

pub(crate) fn latency(text: &str) -> Result<LatencyMillis, String> {
    let millis =
        text.parse::<u32>().map_err(|_| format!("{text:?} is no latency; write milliseconds from 20 to 8000"))?;
    LatencyMillis::try_from(millis).map_err(|error| match millis {
        // FFmpeg counts in microseconds.
        20_000.. => format!("{error}; it is counted in milliseconds here, not in microseconds"),
        _ => error.to_string(),
    })
}

/// The value itself stays out of the sentence.
pub(crate) fn passphrase(text: &str) -> Result<Secret<String>, String> {
    passphrases::check(text).map(|()| Secret::new(text.to_owned())).map_err(|error| error.to_string())
}

pub(crate) fn key_length(text: &str) -> Result<KeyLength, String> {
    let length = text.parse::<u32>().ok().and_then(|bytes| KeyLength::try_from(bytes).ok());
    length.ok_or_else(|| format!("{text:?} is no key length; write 16, 24 or 32 bytes"))
}

/// The value itself stays out of the sentence: it may hold a key.
pub(crate) fn relay(text: &str) -> Result<Relay, String> {
    let given = Given::read(text, None).map(Relay);
    given.map_err(|error| {
        format!("{error}; write rtmp://host/app/key, rtmps://host/app/key or srt://host:port?streamid=key")
    })
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

pub(crate) fn auth_mode(text: &str) -> Result<auth::Mode, String> {
    match text {
        "none" => Ok(auth::Mode::None),
        "token" => Ok(auth::Mode::Token),
        "file" => Ok(auth::Mode::File),
        "callback" => Ok(auth::Mode::Callback),
        other => Err(format!("{other:?} is none of none, token, file and callback")),
    }
}

/// `app/name=token`, split at the first `=`. The value itself stays out of the sentence: it holds the token.
pub(crate) fn auth_token(text: &str) -> Result<auth::Given, String> {
    let form = "write app/name=token";
    let (stream, token) = text.split_once('=').ok_or_else(|| format!("there is no = in it; {form}"))?;
    let path = StreamPath::parse(stream).map_err(|error| format!("{error}; {form}"))?;
    if !path.as_str().contains('/') {
        return Err(format!("the stream has no application before its name; {form}"));
    }
    if token.is_empty() {
        return Err(format!("the token is empty; {form}"));
    }
    Ok(auth::Given { path, action: None, token: Secret::new(token.to_owned()) })
}

/// The value itself stays out of the sentence: it may hold a password.
pub(crate) fn auth_callback(text: &str) -> Result<String, String> {
    auth::check_callback(text).map(|()| text.to_owned()).map_err(|error| format!("{error}; write http://host/path"))
}

/// A duration in which something can be done, as the settings file has it.
pub(crate) fn positive_duration(text: &str) -> Result<Duration, String> {
    let given = duration(text)?;
    if given < SHORTEST {
        return Err(format!("{text:?} leaves no time at all; write 100ms or more, for example 30s"));
    }
    Ok(given)
}

pub(crate) fn concurrency(text: &str) -> Result<Concurrency, String> {
    let calls = text.parse::<u16>().ok().and_then(|calls| Concurrency::try_from(calls).ok());
    calls.ok_or_else(|| format!("{text:?} is no number of hooks; write a number from 1 to 256"))
}

pub(crate) fn stdio_format(text: &str) -> Result<StdioFormat, String> {
    match text {
        "json" => Ok(StdioFormat::Json),
        "env" => Ok(StdioFormat::Env),
        "" | "off" => Ok(StdioFormat::Off),
        other => Err(format!("{other:?} is none of json, env and off")),
    }
}

pub(crate) fn log_format(text: &str) -> Result<log::Format, String> {
    match text {
        "text" => Ok(log::Format::Text),
        "json" => Ok(log::Format::Json),
        other => Err(format!("{other:?} is neither text nor json")),
    }
}

/// `event=path`, split at the first `=`.
pub(crate) fn hook_script(text: &str) -> Result<GivenHook, String> {
    let (event, path) = event(text, "path")?;
    Ok(GivenHook { event, call: GivenCall::Script(PathBuf::from(path)) })
}

/// `event=url`. The address itself stays out of the sentence: it may hold a secret.
pub(crate) fn hook_webhook(text: &str) -> Result<GivenHook, String> {
    let (event, url) = event(text, "url")?;
    if !hook::config::is_web_address(url) {
        return Err(
            "the address of the hook must begin with https:// or http://; write event=https://host/path".to_owned()
        );
    }
    Ok(GivenHook { event, call: GivenCall::Webhook(Secret::new(url.to_owned())) })
}

fn event<'a>(text: &'a str, what: &str) -> Result<(Kind, &'a str), String> {
    let (event, rest) = text.split_once('=').filter(|(_, rest)| !rest.is_empty()).unwrap_or((text, ""));
    // What is no event may be an address with a secret in it.
    let plain = event.len() <= 40 && event.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if !plain {
        return Err(format!("a hook is written event={what}, for example publish_start={what}"));
    }
    let kind = event.parse().map_err(|error: weir_engine::lifecycle::UnknownKind| error.to_string())?;
    if rest.is_empty() {
        Err(format!("the hook for {event} calls nothing; write {event}={what}"))
    } else {
        Ok((kind, rest))
    }
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

/// A hook that a flag gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GivenHook {
    event: Kind,
    call: GivenCall,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum GivenCall {
    Script(PathBuf),
    Webhook(Secret<String>),
}

/// What of a hook is kept with the secrets.
type HookSecret = (hook::SecretKind, Secret<String>);

impl GivenHook {
    /// Whether its address may hold a secret: services put keys into paths as well.
    pub(crate) fn is_secret(&self) -> bool {
        match &self.call {
            GivenCall::Script(_) => false,
            GivenCall::Webhook(url) => hook::config::public_part(url.expose()) != url.expose().trim_end_matches('/'),
        }
    }

    /// The hook it means, `number` counting from 1, and what of it is secret.
    pub(crate) fn hook(self, number: usize) -> Result<(hook::Hook, Option<HookSecret>), hook::HookError> {
        let (target, secret) = match self.call {
            GivenCall::Script(path) => (hook::Target::Script { path, arguments: Vec::new() }, None),
            GivenCall::Webhook(url) => (
                hook::Target::Webhook { url: hook::config::public_part(url.expose()) },
                Some((hook::SecretKind::Url, url)),
            ),
        };
        let hook = hook::Hook::new(format!("flag-{number}"), String::new(), true, vec![self.event], target)?;
        Ok((hook, secret))
    }
}

impl Relay {
    /// The destination it means, `number` counting from 1, and what of it is secret.
    pub(crate) fn destination(self, number: usize) -> (Destination, Option<Secret<String>>) {
        let Self(given) = self;
        let name = given.host().to_owned();
        (Destination { name, ..Destination::new(format!("relay-{number}"), given.url) }, given.kept.stored())
    }

    /// Whether there is a key in it, or anything else that is not for everybody.
    pub(crate) fn is_secret(&self) -> bool {
        self.0.kept.stored().is_some()
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
    fn a_token_is_split_at_the_first_equals_sign_and_never_shown() {
        let given = auth_token("live/show=a=b").unwrap();
        assert_eq!((given.path.as_str(), given.token.expose().as_str()), ("live/show", "a=b"));
        for text in ["canary", "live/show=", "=canary", "../x=canary", "canary=b", "/canary/=b"] {
            let error = auth_token(text).unwrap_err();
            assert!(!error.contains("canary"), "{error}");
        }
        assert!(!auth_callback("ftp://user:canary@host").unwrap_err().contains("canary"));
    }

    #[test]
    fn a_bad_relay_is_refused_without_its_text() {
        let error = relay("http://host/app/canary").unwrap_err();
        assert!(!error.contains("canary"), "{error}");
        let (config, key) = relay("rtmp://host/app/canary").unwrap().destination(2);
        assert_eq!((config.id.as_str(), config.url.as_str()), ("relay-2", "rtmp://host/app"));
        assert_eq!(key.unwrap().expose(), "canary");
        let (config, kept) = relay("rtmp://host/app?auth=canary").unwrap().destination(1);
        assert_eq!((config.url.as_str(), kept.unwrap().expose().as_str()), ("rtmp://host/app", "auth=canary\n"));
    }

    #[test]
    fn an_address_with_more_than_a_host_may_be_secret() {
        for (text, secret) in [
            ("rtmp://host/app", false),
            ("rtmp://host/app/key", true),
            ("rtmp://host/app?auth=1", true),
            ("rtmps://host/live2?backup=1", false),
            ("srt://host:1?latency=20", false),
            ("srt://host:1?latency=20&passphrase=0123456789", true),
        ] {
            assert_eq!(relay(text).unwrap().is_secret(), secret, "{text}");
        }
        for (text, secret) in [("http://host/", false), ("http://host/key", true), ("http://u:p@host", true)] {
            assert_eq!(hook_webhook(&format!("play_start={text}")).unwrap().is_secret(), secret, "{text}");
        }
        assert!(!hook_script("play_start=/bin/true").unwrap().is_secret());
    }
}
