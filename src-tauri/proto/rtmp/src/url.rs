//! Addresses to publish to, as streaming services print them and people paste them.

use std::fmt;

use weir_media::Secret;

use crate::command::percent_decode;

const DEFAULT_PORT: u16 = 1935;
const DEFAULT_TLS_PORT: u16 = 443;
/// Longest address; protects what is shown and stored from a pasted file.
const MAX_LEN: usize = 4096;

/// Why a text is no address to publish to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No `rtmp://` or `rtmps://` in front.
    #[error("the address must begin with rtmp:// or rtmps://")]
    Scheme,
    /// Nothing between `://` and the path.
    #[error("the address has no host name, e.g. rtmp://live.example.com/app")]
    NoHost,
    /// The port is no number from 1 to 65535.
    #[error("the port in the address must be a number from 1 to 65535")]
    Port,
    /// An IPv6 address without its closing bracket.
    #[error("an IPv6 address stands in brackets, e.g. rtmp://[::1]/app")]
    Brackets,
    /// Nothing after the host.
    #[error("the address has no application after the host, e.g. rtmp://live.example.com/app")]
    NoApp,
    /// White space or control characters inside.
    #[error("the address or key has spaces or line breaks in it; paste it again")]
    Space,
    /// Longer than any real address.
    #[error("the address or key is longer than {MAX_LEN} characters")]
    TooLong,
}

/// Why a server's wish to be connected to elsewhere is not followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FollowError {
    /// It is no address.
    #[error("{0}")]
    Invalid(#[from] Error),
    /// From TLS to plain TCP: the stream key would cross the network in the clear.
    #[error("the server sent us from an encrypted connection to one that is not")]
    Downgrade,
}

/// How the connection is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Plain TCP.
    Rtmp,
    /// TLS.
    Rtmps,
}

impl Scheme {
    /// The scheme as written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rtmp => "rtmp",
            Self::Rtmps => "rtmps",
        }
    }
}

/// User name and password that stood before the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user.
    pub user: Secret<String>,
    /// The password; empty if there was none.
    pub password: Secret<String>,
}

/// Where to publish, taken apart. `Display` and `Debug` hide the key, credentials and every query.
#[derive(Clone, PartialEq, Eq)]
pub struct PublishUrl {
    /// Plain or TLS.
    pub scheme: Scheme,
    /// Host name or address, IPv6 without brackets.
    pub host: String,
    /// TCP port; 1935 or, for RTMPS, 443 if the address has none.
    pub port: u16,
    /// The application, query (`?backup=1`) and trailing slash included, as the service printed it.
    pub app: Secret<String>,
    /// The address without credentials and key, otherwise as the user wrote it.
    pub tc_url: Secret<String>,
    /// The stream key, query included; may be empty.
    pub key: Secret<String>,
    /// User name and password, for servers that ask for them.
    pub credentials: Option<Credentials>,
}

impl PublishUrl {
    /// Takes an address apart.
    ///
    /// With a separate `key` (the usual two fields of a service) the whole path is the application. Without one the
    /// last part of the path is the key, together with the query; in `rtmp://host/app?backup=1/key` the query is the
    /// application's. A path of one part is an application with an empty key.
    pub fn parse(url: &str, key: Option<&Secret<String>>) -> Result<Self, Error> {
        let url = url.trim();
        let key = key.map(|key| key.expose().trim().trim_start_matches('/')).filter(|key| !key.is_empty());
        check_text(url)?;
        check_text(key.unwrap_or_default())?;
        let (scheme, rest) = split_scheme(url)?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (credentials, host_port) = split_credentials(authority);
        let (host, port) = split_port(host_port)?;
        let path = path.trim_start_matches('/');
        let (app, key) = match key {
            Some(key) => (path, key),
            None => split_key(path),
        };
        if app.split('?').next().unwrap_or_default().trim_matches('/').is_empty() {
            return Err(Error::NoApp);
        }
        let default_port = if scheme == Scheme::Rtmps { DEFAULT_TLS_PORT } else { DEFAULT_PORT };
        Ok(Self {
            scheme,
            host: host.to_owned(),
            port: port.unwrap_or(default_port),
            app: Secret::new(app.to_owned()),
            tc_url: Secret::new(format!("{}://{host_port}/{app}", scheme.as_str())),
            key: Secret::new(key.to_owned()),
            credentials,
        })
    }

    /// Where a server wants to be connected to anew (Enhanced RTMP v2, "Reconnect Request"): `tc_url` is absolute, or
    /// relative to the address in use (`//host/app`, `/app`, `app`); empty means the same address. The key stays ours, user
    /// and password stay with their host, and an encrypted connection stays encrypted.
    pub fn follow(&self, tc_url: &str) -> Result<Self, FollowError> {
        let tc_url = tc_url.trim();
        if tc_url.is_empty() {
            return Ok(self.clone());
        }
        let scheme = self.scheme.as_str();
        let (_, rest) = split_scheme(self.tc_url.expose())?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let absolute = if tc_url.contains("://") {
            tc_url.to_owned()
        } else if tc_url.starts_with("//") {
            format!("{scheme}:{tc_url}")
        } else if let Some(path) = tc_url.strip_prefix('/') {
            format!("{scheme}://{authority}/{path}")
        } else {
            let before_query = path.split('?').next().unwrap_or_default();
            let folder = before_query.rsplit_once('/').map(|(folder, _)| format!("{folder}/")).unwrap_or_default();
            format!("{scheme}://{authority}/{folder}{tc_url}")
        };
        check_text(&absolute)?;
        let (new_scheme, rest) = split_scheme(&absolute)?;
        if self.scheme == Scheme::Rtmps && new_scheme == Scheme::Rtmp {
            return Err(FollowError::Downgrade);
        }
        // The whole path is the application, whether or not a key follows.
        let (authority, app) = rest.split_once('/').ok_or(Error::NoApp)?;
        let (_, host_port) = split_credentials(authority);
        let (host, port) = split_port(host_port)?;
        if app.split('?').next().unwrap_or_default().trim_matches('/').is_empty() {
            return Err(Error::NoApp.into());
        }
        let default_port = if new_scheme == Scheme::Rtmps { DEFAULT_TLS_PORT } else { DEFAULT_PORT };
        let credentials = self.credentials.clone().filter(|_| host.eq_ignore_ascii_case(&self.host));
        Ok(Self {
            scheme: new_scheme,
            host: host.to_owned(),
            port: port.unwrap_or(default_port),
            app: Secret::new(app.to_owned()),
            tc_url: Secret::new(format!("{}://{host_port}/{app}", new_scheme.as_str())),
            key: self.key.clone(),
            credentials,
        })
    }

    /// The same with a query behind the application, after the one that is there.
    #[must_use]
    pub fn with_query(&self, query: &Secret<String>) -> Self {
        let with = |address: &Secret<String>| {
            let address = address.expose();
            let mark = if address.contains('?') { '&' } else { '?' };
            Secret::new(format!("{address}{mark}{}", query.expose()))
        };
        Self { app: with(&self.app), tc_url: with(&self.tc_url), ..self.clone() }
    }

    /// `text` with the key and its parts blotted out: servers quote names in their answers.
    pub fn mask(&self, text: &str) -> String {
        let key = self.key.expose();
        let name = key.split('?').next().unwrap_or_default();
        [key.as_str(), name]
            .into_iter()
            .filter(|part| !part.is_empty())
            .fold(text.to_owned(), |text, part| text.replace(part, "***"))
    }
}

impl fmt::Display for PublishUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let default_port = if self.scheme == Scheme::Rtmps { DEFAULT_TLS_PORT } else { DEFAULT_PORT };
        let (app, query) = self.app.expose().split_once('?').unwrap_or((self.app.expose(), ""));
        write!(f, "{}://{host}", self.scheme.as_str())?;
        if self.port != default_port {
            write!(f, ":{}", self.port)?;
        }
        write!(f, "/{}", app.trim_end_matches('/'))?;
        if !query.is_empty() {
            f.write_str("?***")?;
        }
        if self.key.is_set() { f.write_str("/***") } else { Ok(()) }
    }
}

impl fmt::Debug for PublishUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublishUrl({self})")
    }
}

fn check_text(text: &str) -> Result<(), Error> {
    if text.len() > MAX_LEN {
        return Err(Error::TooLong);
    }
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) { Err(Error::Space) } else { Ok(()) }
}

fn split_scheme(url: &str) -> Result<(Scheme, &str), Error> {
    let (scheme, rest) = url.split_once("://").ok_or(Error::Scheme)?;
    match scheme.to_ascii_lowercase().as_str() {
        "rtmp" => Ok((Scheme::Rtmp, rest)),
        "rtmps" => Ok((Scheme::Rtmps, rest)),
        _ => Err(Error::Scheme),
    }
}

fn split_credentials(authority: &str) -> (Option<Credentials>, &str) {
    let Some((credentials, host_port)) = authority.rsplit_once('@') else { return (None, authority) };
    let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
    let secret = |text: &str| Secret::new(percent_decode(text));
    (Some(Credentials { user: secret(user), password: secret(password) }), host_port)
}

fn split_port(host_port: &str) -> Result<(&str, Option<u16>), Error> {
    let (host, port) = match host_port.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']').ok_or(Error::Brackets)?;
            let port = after.strip_prefix(':');
            if port.is_none() && !after.is_empty() {
                return Err(Error::Brackets);
            }
            (host, port)
        }
        None => match host_port.split_once(':') {
            Some((_, port)) if port.contains(':') => return Err(Error::Brackets),
            Some((host, port)) => (host, Some(port)),
            None => (host_port, None),
        },
    };
    if host.is_empty() {
        return Err(Error::NoHost);
    }
    let port = port.filter(|port| !port.is_empty()).map(|port| port.parse().map_err(|_| Error::Port)).transpose()?;
    if port == Some(0) { Err(Error::Port) } else { Ok((host, port)) }
}

fn split_key(path: &str) -> (&str, &str) {
    let before_query = path.split('?').next().unwrap_or_default();
    match before_query.trim_end_matches('/').rsplit_once('/') {
        Some((app, _)) if !before_query.ends_with('/') => {
            (app, path.get(app.len()..).unwrap_or_default().trim_start_matches('/'))
        }
        Some(_) => (path, ""),
        None if path.len() > before_query.len() => {
            path.rsplit_once('/').filter(|(app, _)| app.contains('?')).unwrap_or((path, ""))
        }
        None => (path, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Case(&'static str, Option<&'static str>, &'static str, u16, &'static str, &'static str, &'static str);

    #[test]
    fn addresses_of_services_come_apart_as_the_services_mean_them() {
        for Case(url, key, host, port, app, tc_url, stream_key) in [
            Case(
                "rtmp://live.twitch.tv/app",
                Some("k"),
                "live.twitch.tv",
                1935,
                "app",
                "rtmp://live.twitch.tv/app",
                "k",
            ),
            Case(
                "rtmps://b.rtmps.youtube.com:443/live2?backup=1",
                Some("a-b"),
                "b.rtmps.youtube.com",
                443,
                "live2?backup=1",
                "rtmps://b.rtmps.youtube.com:443/live2?backup=1",
                "a-b",
            ),
            Case(
                "rtmp://b.y.com/live2?backup=1/a-b",
                None,
                "b.y.com",
                1935,
                "live2?backup=1",
                "rtmp://b.y.com/live2?backup=1",
                "a-b",
            ),
            // Trovo and Facebook: the slash at the end belongs to the application.
            Case("rtmp://t/live/", Some("k"), "t", 1935, "live/", "rtmp://t/live/", "k"),
            Case(
                "rtmps://fb.com:443/rtmp/",
                Some("F?s_bl=1&a=2"),
                "fb.com",
                443,
                "rtmp/",
                "rtmps://fb.com:443/rtmp/",
                "F?s_bl=1&a=2",
            ),
            Case("rtmp://h/app/key", None, "h", 1935, "app", "rtmp://h/app", "key"),
            Case("rtmp://h/a/b/key?t=x/y", None, "h", 1935, "a/b", "rtmp://h/a/b", "key?t=x/y"),
            Case("rtmp://h/app", None, "h", 1935, "app", "rtmp://h/app", ""),
            Case("rtmp://h/live/", None, "h", 1935, "live/", "rtmp://h/live/", ""),
            Case(" RTMP://h:80/x \n", Some(" k\n"), "h", 80, "x", "rtmp://h:80/x", "k"),
            Case("rtmp://[::1]:1936/live", Some("k"), "::1", 1936, "live", "rtmp://[::1]:1936/live", "k"),
            Case("rtmp://[::1]/live/k", None, "::1", 1935, "live", "rtmp://[::1]/live", "k"),
            Case("rtmps://h/app", Some("k"), "h", 443, "app", "rtmps://h/app", "k"),
            Case("rtmp://u:p@h/app", Some("k"), "h", 1935, "app", "rtmp://h/app", "k"),
            Case("rtmp://u@x:p@q@h/app/k", None, "h", 1935, "app", "rtmp://h/app", "k"),
        ] {
            let key = key.map(|key| Secret::new(key.to_owned()));
            let parsed = PublishUrl::parse(url, key.as_ref()).unwrap();
            let seen =
                (parsed.host.as_str(), parsed.port, parsed.app.expose().as_str(), parsed.tc_url.expose().as_str());
            assert_eq!(seen, (host, port, app, tc_url), "{url}");
            assert_eq!(parsed.key.expose(), stream_key, "{url}");
        }
    }

    #[test]
    fn a_server_may_send_us_elsewhere_but_not_out_of_encryption() {
        let key = Secret::new("k?t=1".to_owned());
        let from = PublishUrl::parse("rtmps://u:p@a.com/live/x?b=1", Some(&key)).unwrap();
        for (tc_url, host, port, app) in [
            ("", "a.com", 443, "live/x?b=1"),
            ("rtmps://b.com:444/other", "b.com", 444, "other"),
            ("//b.com/other/", "b.com", 443, "other/"),
            ("/other/deep", "a.com", 443, "other/deep"),
            ("y?c=2", "a.com", 443, "live/y?c=2"),
        ] {
            let to = from.follow(tc_url).unwrap();
            assert_eq!((to.host.as_str(), to.port, to.app.expose().as_str()), (host, port, app), "{tc_url}");
            assert_eq!(to.key, from.key);
            assert_eq!(to.credentials.is_some(), host == "a.com", "{tc_url}");
        }
        assert_eq!(from.follow("rtmp://b.com/other"), Err(FollowError::Downgrade));
        for (wrong, error) in [
            ("http://b/x", Error::Scheme),
            ("rtmps://b", Error::NoApp),
            ("rtmps://b/", Error::NoApp),
            ("/", Error::NoApp),
        ] {
            assert_eq!(from.follow(wrong), Err(error.into()), "{wrong}");
        }
        let plain = PublishUrl::parse("rtmp://a.com/live", Some(&key)).unwrap();
        assert_eq!(plain.follow("rtmps://a.com/live").unwrap().port, 443);
    }

    #[test]
    fn what_is_no_address_is_refused_with_a_reason() {
        for (url, error) in [
            ("srt://h/app", Error::Scheme),
            ("live.twitch.tv/app", Error::Scheme),
            ("rtmp:///app", Error::NoHost),
            ("rtmp://h:0/app", Error::Port),
            ("rtmp://h:99999/app", Error::Port),
            ("rtmp://::1/app", Error::Brackets),
            ("rtmp://[::1/app", Error::Brackets),
            ("rtmp://h", Error::NoApp),
            ("rtmp://h/", Error::NoApp),
            ("rtmp://h/a b", Error::Space),
        ] {
            assert_eq!(PublishUrl::parse(url, None), Err(error), "{url}");
        }
    }

    #[test]
    fn a_login_stands_before_the_host() {
        for (url, user, password) in [
            ("rtmp://me:secret@h/app", "me", "secret"),
            ("rtmp://me@x.org:s:e@h/app", "me@x.org", "s:e"),
            ("rtmp://me%3Ax:100%25%2Fday@h/app", "me:x", "100%/day"),
            ("rtmp://me@h/app", "me", ""),
        ] {
            let Credentials { user: seen, password: given } =
                PublishUrl::parse(url, None).unwrap().credentials.unwrap();
            assert_eq!((seen.expose().as_str(), given.expose().as_str()), (user, password));
        }
    }

    #[test]
    fn nothing_secret_is_shown() {
        let key = Secret::new("canary-key?token=canary".to_owned());
        let url = PublishUrl::parse("rtmps://user:canary@[::1]:1/app/?x=canary", Some(&key)).unwrap();
        assert_eq!(url.to_string(), "rtmps://[::1]:1/app?***/***");
        assert!(!format!("{url:?} {:?}", url.credentials).contains("canary"));
        assert_eq!(url.mask("canary-key is already publishing"), "*** is already publishing");
    }
}
