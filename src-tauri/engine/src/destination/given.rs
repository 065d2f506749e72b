//! An address as a person gives it: services show address and key apart, links have the key at their end.

use std::borrow::Cow;

use weir_media::Secret;

use super::kept::{Kept, authority, is_open, part};
use super::srt_key;
use super::target::{SrtQuery, split_srt_query};

/// Longest address or key in bytes: both become parts of RTMP commands, and no service comes near it.
const MAX_LEN: usize = 2000;

/// An address, taken apart: what anybody may see goes into the settings, the rest is kept with the secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// `rtmp://host[:port]/app` or `srt://host:port`, as it was given: services differ in whether a slash at the end matters.
    pub url: String,
    /// Its key, and what else of it is not for the settings file.
    pub kept: Kept,
}

/// Why nothing can be sent to an address. Never holds the address, which may hold a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GivenError {
    /// Nothing was given.
    #[error("the address is empty")]
    Empty,
    /// More than 2,000 bytes.
    #[error("the address or the key is longer than {MAX_LEN} bytes")]
    TooLong,
    /// A space or an invisible character, which copying picks up easily.
    #[error("the address or the key has a space or an invisible character in it")]
    Spaces,
    /// Another scheme, or none.
    #[error("the address does not begin with rtmp://, rtmps:// or srt://")]
    Scheme,
    /// `user:password@` before the host of an SRT address.
    #[error("this SRT address has a user name in it, which SRT does not have")]
    Credentials,
    /// A character in it that ends what stands before the path.
    #[error("the user name or the password in the address has a / or a ? in it")]
    Login,
    /// The host or its port cannot be read.
    #[error("the host or the port in the address is wrong")]
    Host,
    /// Nothing after the host.
    #[error("the address ends after the host; the part after it (the application) is missing")]
    NoApp,
    /// SRT has no usual port.
    #[error("the address of an SRT server needs a port")]
    NoPort,
    /// A stream cannot be sent by waiting for a caller.
    #[error("this SRT address waits for calls (mode=listener or rendezvous); Weir calls the destination itself")]
    Mode,
    /// No SRT program looks at a path, so what stands there would be lost without a word.
    #[error("this SRT address goes on with a path after the port, which SRT does not have")]
    Path,
}

impl GivenError {
    /// One sentence: what to do.
    pub const fn hint(self) -> &'static str {
        match self {
            Self::Empty | Self::Scheme | Self::NoApp | Self::Host => {
                "Copy the whole server address from the service, for example rtmp://live.twitch.tv/app."
            }
            Self::Credentials => {
                "Leave out what stands before the @; if it is a token, enter it as the key: streamid=…."
            }
            Self::Login => "Write %2F for / and %3F for ?.",
            Self::TooLong | Self::Spaces => "Copy the address and the key again, each for itself.",
            Self::NoPort => "Copy the whole address from the service, for example srt://ingest.example.com:9000.",
            Self::Mode => "Leave out the mode, or write mode=caller.",
            Self::Path => "Leave it out; if it is the stream id, enter it as the key.",
        }
    }
}

impl Given {
    /// Reads an address, and the key when it is given apart. Without one, the last part of the path is the key if another
    /// part comes before it (`rtmp://host/app/key`); with one, it is so where it is the same key.
    pub fn read(url: &str, key: Option<&Secret<String>>) -> Result<Self, GivenError> {
        let url = url.trim();
        let key = key.map(|key| key.expose().trim()).filter(|key| !key.is_empty());
        let texts = || std::iter::once(url).chain(key);
        if url.is_empty() {
            return Err(GivenError::Empty);
        }
        if texts().any(|text| text.len() > MAX_LEN) {
            return Err(GivenError::TooLong);
        }
        if texts().any(|text| text.chars().any(|c| c.is_whitespace() || c.is_control())) {
            return Err(GivenError::Spaces);
        }
        let (scheme, rest) = url.split_once("://").ok_or(GivenError::Scheme)?;
        match scheme.to_ascii_lowercase().as_str() {
            "rtmp" | "rtmps" => {}
            "srt" => return Self::read_srt(scheme, rest, key),
            _ => return Err(GivenError::Scheme),
        }
        let (before, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, host) = before.rsplit_once('@').map_or((None, before), |(login, host)| (part(login), host));
        check_host(host).map_err(|error| if path.contains('@') { GivenError::Login } else { error })?;
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        if path.trim_matches('/').is_empty() {
            return Err(GivenError::NoApp);
        }
        let Parts { app, query, key } = match key {
            Some(key) => Parts::beside(path, query, key),
            None => Parts::pasted(path, query),
        };
        let (open, query) = match query {
            Some(query) if is_open(query) => (format!("?{query}"), None),
            query => (String::new(), query.and_then(part)),
        };
        let kept = Kept { login, query, key: key.as_deref().and_then(part) };
        Ok(Self { url: format!("{scheme}://{host}/{app}{open}"), kept })
    }

    /// The stream id is what services call the stream key, and a passphrase is one: neither stays in the address, nor does
    /// anything of which nobody here knows what it is.
    fn read_srt(scheme: &str, rest: &str, key: Option<&str>) -> Result<Self, GivenError> {
        let (before, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = before.split_once('/').unwrap_or((before, ""));
        if authority.contains('@') {
            return Err(GivenError::Credentials);
        }
        check_host(authority)?;
        if !authority.rsplit(']').next().unwrap_or_default().contains(':') {
            return Err(GivenError::NoPort);
        }
        if !path.trim_matches('/').is_empty() {
            return Err(GivenError::Path);
        }
        let SrtQuery { open, key: secret, unknown } = split_srt_query(query);
        if open.split('&').any(|pair| pair.starts_with("mode=") && pair != "mode=caller") {
            return Err(GivenError::Mode);
        }
        // What is given as the key says more than what the address says, but not about everything.
        let key = key.map_or_else(|| secret.clone(), |key| srt_key::over(&secret, key));
        let open = if open.is_empty() { open } else { format!("?{open}") };
        let kept = Kept { login: None, query: part(&unknown), key: part(&key) };
        Ok(Self { url: format!("{scheme}://{before}{open}"), kept })
    }

    /// The host, to call a destination by when it has no name.
    pub fn host(&self) -> &str {
        Self::host_of(&self.url)
    }

    pub(super) fn host_of(url: &str) -> &str {
        let host = authority(url.split_once("://").map_or(url, |(_, rest)| rest));
        host.rsplit_once(':').filter(|(_, port)| !port.contains(']')).map_or(host, |(host, _)| host)
    }
}

/// What stands after the host of an RTMP address.
#[derive(Debug, PartialEq, Eq)]
struct Parts<'a> {
    app: &'a str,
    /// Of the application.
    query: Option<&'a str>,
    key: Option<Cow<'a, str>>,
}

impl<'a> Parts<'a> {
    /// An address with the key in it, if it has one.
    fn pasted(path: &'a str, query: Option<&'a str>) -> Self {
        if let Some((app, name)) = key_in_path(path) {
            return Self { app, query: None, key: Some(with_query(name, query)) };
        }
        match key_in_query(path, query) {
            Some((query, key)) => Self { app: path, query: Some(query), key: Some(key.into()) },
            None => Self { app: path, query, key: None },
        }
    }

    /// An address that `key` was given beside. All of its path is the application, unless it ends with the same key.
    fn beside(path: &'a str, query: Option<&'a str>, key: &'a str) -> Self {
        let name = name_of(key.trim_start_matches('/'));
        if let Some((app, _)) = key_in_path(path.trim_end_matches('/')).filter(|(_, last)| *last == name) {
            // A query behind it is the key's, which may have been given without.
            let key =
                if key.contains('?') { key.into() } else { with_query(key, query.filter(|query| !query.is_empty())) };
            return Self { app, query: None, key: Some(key) };
        }
        match key_in_query(path, query).filter(|(_, last)| name_of(last) == name) {
            Some((query, last)) => {
                let key = if key.contains('?') { key } else { last };
                Self { app: path, query: Some(query), key: Some(key.into()) }
            }
            None => Self { app: path, query, key: Some(key.into()) },
        }
    }
}

/// `app/key`.
fn key_in_path(path: &str) -> Option<(&str, &str)> {
    path.rsplit_once('/').filter(|(app, name)| !name.is_empty() && !app.trim_matches('/').is_empty())
}

/// The query and the key of `app?backup=1/key`.
fn key_in_query<'a>(path: &str, query: Option<&'a str>) -> Option<(&'a str, &'a str)> {
    let one_part = !path.trim_matches('/').contains('/');
    query.filter(|_| one_part)?.rsplit_once('/').filter(|(_, key)| !key.is_empty())
}

fn with_query<'a>(key: &'a str, query: Option<&str>) -> Cow<'a, str> {
    query.map_or(Cow::Borrowed(key), |query| Cow::Owned(format!("{key}?{query}")))
}

fn name_of(key: &str) -> &str {
    key.split('?').next().unwrap_or_default()
}

fn check_host(host: &str) -> Result<(), GivenError> {
    let (name, after) = match host.strip_prefix('[') {
        Some(v6) => v6.split_once(']').ok_or(GivenError::Host)?,
        None => host.find(':').map_or((host, ""), |at| host.split_at(at)),
    };
    let port_is_good = match after.strip_prefix(':') {
        Some(port) => port.parse::<u16>().is_ok_and(|port| port != 0),
        None => after.is_empty(),
    };
    if name.is_empty() || !port_is_good { Err(GivenError::Host) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_and_key_are_told_apart_however_they_are_given() {
        for (url, key, expected_url, expected_key) in [
            ("rtmp://live.twitch.tv/app", Some("live_1"), "rtmp://live.twitch.tv/app", Some("live_1")),
            (" rtmp://h/app/ ", Some(" k?a=1 "), "rtmp://h/app/", Some("k?a=1")),
            ("rtmp://h/a/b", Some("k"), "rtmp://h/a/b", Some("k")),
            ("rtmp://h/live2?backup=1", Some("k"), "rtmp://h/live2?backup=1", Some("k")),
            ("rtmp://h/live2?backup=1/k", None, "rtmp://h/live2?backup=1", Some("k")),
            ("rtmp://h/live2?backup=1/k", Some("k?a=1"), "rtmp://h/live2?backup=1", Some("k?a=1")),
            ("rtmp://h/app?auth=s", Some("k"), "rtmp://h/app", Some("auth=s\nk")),
            ("rtmp://h/app/?backup=1&auth=s", Some("k"), "rtmp://h/app/", Some("backup=1&auth=s\nk")),
            ("rtmp://h/a/b?auth=s", Some("k"), "rtmp://h/a/b", Some("auth=s\nk")),
            ("rtmp://h/app?auth=s", None, "rtmp://h/app", Some("auth=s\n")),
            ("rtmp://h/app?auth=s/k", None, "rtmp://h/app", Some("auth=s\nk")),
            ("rtmp://h/app?auth=s/k", Some("k"), "rtmp://h/app", Some("auth=s\nk")),
            ("rtmp://h/app?auth=s/t", Some("k"), "rtmp://h/app", Some("auth=s/t\nk")),
            ("rtmp://h/app?auth=s/", Some("k"), "rtmp://h/app", Some("auth=s/\nk")),
            ("rtmp://h/app?", Some("k"), "rtmp://h/app?", Some("k")),
            // The same key at the end of the address and beside it.
            ("rtmp://h/app/k", Some("k"), "rtmp://h/app", Some("k")),
            ("rtmp://h/app/k/", Some("/k"), "rtmp://h/app", Some("/k")),
            ("rtmp://h/a/b/k", Some("k?a=1"), "rtmp://h/a/b", Some("k?a=1")),
            ("rtmp://h/app/k?a=1", Some("k"), "rtmp://h/app", Some("k?a=1")),
            ("rtmp://h/app/k?a=1", Some("k?a=2"), "rtmp://h/app", Some("k?a=2")),
            ("rtmp://h/app/k?a=1", Some("other"), "rtmp://h/app/k", Some("a=1\nother")),
            ("rtmp://h/k", Some("k"), "rtmp://h/k", Some("k")),
            ("rtmp://h:1936/app/key?token=x/y", None, "rtmp://h:1936/app", Some("key?token=x/y")),
            ("rtmp://h/a/b/key", Some(""), "rtmp://h/a/b", Some("key")),
            ("RTMP://[::1]:1/app/key", None, "RTMP://[::1]:1/app", Some("key")),
            ("rtmp://h/app", None, "rtmp://h/app", None),
            ("rtmp://h/app/", None, "rtmp://h/app/", None),
            ("rtmps://h/app/key", None, "rtmps://h/app", Some("key")),
            ("rtmp://me:pw@h:1/app/key", None, "rtmp://h:1/app", Some("me:pw\n\nkey")),
            ("rtmp://me@x:p%2Fw@h/app?auth=s", Some("k"), "rtmp://h/app", Some("me@x:p%2Fw\nauth=s\nk")),
            ("rtmp://@h/app", None, "rtmp://h/app", None),
            ("srt://h:9000", Some("id"), "srt://h:9000", Some("id")),
            ("srt://h:9000?latency=200&streamid=id", None, "srt://h:9000?latency=200", Some("streamid=id")),
            (
                "srt://h:1?passphrase=pp&mode=caller",
                Some("id"),
                "srt://h:1?mode=caller",
                Some("streamid=id&passphrase=pp"),
            ),
            ("srt://[::1]:9000/", None, "srt://[::1]:9000/", None),
            ("srt://h:1?latency=20&Token=s&pkt_size=9", None, "srt://h:1?latency=20", Some("Token=s&pkt_size=9\n")),
            ("srt://h:1?s&streamid=id", None, "srt://h:1", Some("s\nstreamid=id")),
            ("srt://h:1?token=s", Some("id"), "srt://h:1", Some("token=s\nid")),
        ] {
            let key = key.map(|key| Secret::new(key.to_owned()));
            let given = Given::read(url, key.as_ref()).unwrap();
            assert_eq!(given.url, expected_url, "{url}");
            assert_eq!(given.kept.stored().as_ref().map(|key| key.expose().as_str()), expected_key, "{url}");
        }
    }

    #[test]
    fn what_cannot_be_an_address_is_refused_without_repeating_it() {
        for (url, error) in [
            ("  ", GivenError::Empty),
            ("live.twitch.tv/app/canary", GivenError::Scheme),
            ("http://h/canary", GivenError::Scheme),
            ("srt://h?streamid=canary", GivenError::NoPort),
            ("srt://h:1?mode=listener&streamid=canary", GivenError::Mode),
            ("srt://h:1/canary?latency=200", GivenError::Path),
            ("rtmp://h", GivenError::NoApp),
            ("rtmp://h/?canary", GivenError::NoApp),
            ("srt://user:canary@h:1", GivenError::Credentials),
            ("rtmp://user:canary@/app", GivenError::Host),
            ("rtmp://user:canary/?@h/app", GivenError::Login),
            ("rtmp:///app/canary", GivenError::Host),
            ("rtmp://h:0/app", GivenError::Host),
            ("rtmp://h:port/app", GivenError::Host),
            ("rtmp://[::1/app", GivenError::Host),
            ("rtmp://h/app/can ary", GivenError::Spaces),
        ] {
            assert_eq!(Given::read(url, None), Err(error), "{url}");
            assert!(!error.to_string().contains("canary") && error.hint().ends_with('.'));
        }
        assert_eq!(Given::read(&format!("rtmp://h/{}", "a".repeat(2000)), None), Err(GivenError::TooLong));
    }

    #[test]
    fn the_host_is_a_name() {
        for (url, host) in [("rtmp://h/a", "h"), ("rtmp://h:1/a", "h"), ("rtmp://[::1]:1/a", "[::1]")] {
            assert_eq!(Given::read(url, None).unwrap().host(), host);
        }
    }
}
