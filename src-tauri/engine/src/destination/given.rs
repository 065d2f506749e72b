//! An address as a person gives it: services show address and key apart, links have the key at their end.

use weir_media::Secret;

/// Longest address or key in bytes: both become parts of RTMP commands, and no service comes near it.
const MAX_LEN: usize = 2000;

/// Address and key, taken apart: the key belongs to the secrets, the address into the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// `rtmp://host[:port]/app`, as it was given: services differ in whether a slash at the end matters.
    pub url: String,
    /// The stream key with its query.
    pub key: Option<Secret<String>>,
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
    /// `rtmps://`, which comes later.
    #[error("encrypted addresses (rtmps://) are not supported yet")]
    Encrypted,
    /// Another scheme, or none.
    #[error("the address does not begin with rtmp://")]
    Scheme,
    /// `user:password@` before the host: not used yet, and the address would take the password into the settings file.
    #[error("the address has a user name in it, which Weir cannot use yet")]
    Credentials,
    /// The host or its port cannot be read.
    #[error("the host or the port in the address is wrong")]
    Host,
    /// Nothing after the host.
    #[error("the address ends after the host; the part after it (the application) is missing")]
    NoApp,
}

impl GivenError {
    /// One sentence: what to do.
    pub const fn hint(self) -> &'static str {
        match self {
            Self::Empty | Self::Scheme | Self::NoApp | Self::Host => {
                "Copy the whole server address from the service, for example rtmp://live.twitch.tv/app."
            }
            Self::Credentials => "Leave out what stands before the @, or ask the service for a stream key.",
            Self::TooLong | Self::Spaces => "Copy the address and the key again, each for itself.",
            Self::Encrypted => "Use the service's rtmp:// address.",
        }
    }
}

impl Given {
    /// Reads an address, and the key when it is given apart. Without one, the last part of the path is the key if another
    /// part comes before it (`rtmp://host/app/key`).
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
        if scheme.eq_ignore_ascii_case("rtmps") {
            return Err(GivenError::Encrypted);
        }
        if !scheme.eq_ignore_ascii_case("rtmp") {
            return Err(GivenError::Scheme);
        }
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        if authority.contains('@') {
            return Err(GivenError::Credentials);
        }
        check_host(authority)?;
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        if path.trim_matches('/').is_empty() {
            return Err(GivenError::NoApp);
        }
        if let Some(key) = key {
            return Ok(Self { url: url.to_owned(), key: Some(Secret::new(key.to_owned())) });
        }
        match path.rsplit_once('/') {
            Some((app, name)) if !name.is_empty() && !app.trim_matches('/').is_empty() => {
                let key = query.map_or_else(|| name.to_owned(), |query| format!("{name}?{query}"));
                Ok(Self { url: format!("{scheme}://{authority}/{app}"), key: Some(Secret::new(key)) })
            }
            _ => Ok(Self { url: url.to_owned(), key: None }),
        }
    }

    /// The host, to call a destination by when it has no name.
    pub fn host(&self) -> &str {
        let rest = self.url.split_once("://").map_or(self.url.as_str(), |(_, rest)| rest);
        let host = rest.split('/').next().unwrap_or_default();
        host.rsplit_once(':').filter(|(_, port)| !port.contains(']')).map_or(host, |(host, _)| host)
    }
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
            ("rtmp://h:1936/app/key?token=x/y", None, "rtmp://h:1936/app", Some("key?token=x/y")),
            ("rtmp://h/a/b/key", Some(""), "rtmp://h/a/b", Some("key")),
            ("RTMP://[::1]:1/app/key", None, "RTMP://[::1]:1/app", Some("key")),
            ("rtmp://h/app", None, "rtmp://h/app", None),
            ("rtmp://h/app/", None, "rtmp://h/app/", None),
        ] {
            let key = key.map(|key| Secret::new(key.to_owned()));
            let given = Given::read(url, key.as_ref()).unwrap();
            assert_eq!(given.url, expected_url, "{url}");
            assert_eq!(given.key.as_ref().map(|key| key.expose().as_str()), expected_key, "{url}");
        }
    }

    #[test]
    fn what_cannot_be_an_address_is_refused_without_repeating_it() {
        for (url, error) in [
            ("  ", GivenError::Empty),
            ("live.twitch.tv/app/canary", GivenError::Scheme),
            ("http://h/canary", GivenError::Scheme),
            ("rtmps://h/app/canary", GivenError::Encrypted),
            ("rtmp://h", GivenError::NoApp),
            ("rtmp://h/?canary", GivenError::NoApp),
            ("rtmp://user:canary@h/app", GivenError::Credentials),
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
