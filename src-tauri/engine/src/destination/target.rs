//! Where a destination sends to: an address and its key as the protocol that goes there needs them.

use std::fmt;

use weir_media::Secret;
use weir_rtmp::url::PublishUrl;

use super::kept::{Kept, is_open};
use super::srt_call;

/// An address that Weir can send to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// RTMP, plain or over TLS.
    Rtmp(PublishUrl),
    /// SRT.
    Srt(SrtTarget),
}

/// Where to send by SRT: `srt://host:port?name=value&…`, together with the parameters that are kept as the key.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct SrtTarget {
    /// Host name or address, IPv6 without brackets.
    pub(super) host: String,
    /// UDP port.
    pub(super) port: u16,
    /// Every parameter of address and key, percent-decoded, in lower-case names as libsrt has them (`streamid`,
    /// `passphrase`, `latency`, …). Any value may be secret.
    pub(super) parameters: Vec<(String, Secret<String>)>,
}

/// Why a text is no address to send to. Never holds the address, which may hold a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum TargetError {
    /// Neither of the protocols.
    #[error("the address begins with none of rtmp://, rtmps:// and srt://")]
    Scheme,
    /// RTMP's own rules.
    #[error("the address has no host, no application after it, or a character that no address has")]
    Rtmp,
    /// SRT's own rules.
    #[error("the address has no host or no port; for SRT it is srt://host:port")]
    Srt,
}

impl TargetError {
    /// One sentence: what to do.
    pub(super) const fn hint(self) -> &'static str {
        match self {
            Self::Scheme | Self::Rtmp => {
                "Copy the whole server address from the service, for example rtmp://live.twitch.tv/app."
            }
            Self::Srt => "Copy the whole address from the service, for example srt://ingest.example.com:9000.",
        }
    }
}

impl Target {
    /// Reads an address and what is kept for it.
    pub(super) fn read(url: &str, kept: &Kept) -> Result<Self, TargetError> {
        let (whole, key) = (kept.whole(url), kept.key.as_ref());
        let url = whole.expose();
        let (scheme, rest) = url.split_once("://").ok_or(TargetError::Scheme)?;
        match scheme.to_ascii_lowercase().as_str() {
            "rtmp" | "rtmps" => PublishUrl::parse(url, key).map(Self::Rtmp).map_err(|_| TargetError::Rtmp),
            "srt" => SrtTarget::read(rest, key).map(Self::Srt),
            _ => Err(TargetError::Scheme),
        }
    }
}

pub(super) fn is_srt(url: &str) -> bool {
    url.split_once("://").is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case("srt"))
}

/// What a server may know of an address, and nobody who reads its words: the key, the query of the application, user and password.
pub(super) fn secret_parts(url: &PublishUrl) -> [&str; 4] {
    let query = url.app.expose().split_once('?').map(|(_, query)| query).filter(|query| !is_open(query));
    let login = url.credentials.as_ref().map(|login| [&login.user, &login.password].map(|part| part.expose().as_str()));
    let [user, password] = login.unwrap_or_default();
    [url.key.expose(), query.unwrap_or_default(), user, password]
}

impl SrtTarget {
    fn read(rest: &str, key: Option<&Secret<String>>) -> Result<Self, TargetError> {
        let (before, query) = rest.split_once('?').unwrap_or((rest, ""));
        let authority = before.split('/').next().unwrap_or_default();
        let (host, port) = match authority.strip_prefix('[') {
            Some(v6) => v6.split_once("]:").ok_or(TargetError::Srt)?,
            None => authority.rsplit_once(':').filter(|(host, _)| !host.contains(':')).ok_or(TargetError::Srt)?,
        };
        let port = port.parse().ok().filter(|port| *port != 0).ok_or(TargetError::Srt)?;
        if host.is_empty() || host.contains('@') || rest.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(TargetError::Srt);
        }
        let kept = key.map(|key| key.expose().trim()).unwrap_or_default();
        let mut parameters = read_query(query);
        for (name, value) in kept_parameters(kept) {
            // What is kept as the key goes before what the address says.
            parameters.retain(|(known, _)| *known != name);
            parameters.push((name, value));
        }
        Ok(Self { host: host.to_owned(), port, parameters })
    }

    /// The value of a parameter.
    #[cfg_attr(not(test), expect(dead_code, reason = "the SRT carrier asks"))]
    pub(super) fn parameter(&self, name: &str) -> Option<&Secret<String>> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }
}

impl fmt::Debug for SrtTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A name that nobody knows may be anything.
        let names = self.parameters.iter().map(|(name, _)| name.as_str());
        let names: Vec<&str> = names.filter(|name| is_open_parameter(name) || is_key(name)).collect();
        write!(f, "SrtTarget({}:{}, {names:?})", self.host, self.port)
    }
}

/// A query that services print as part of the address, the same for everyone.
pub(super) const OPEN_QUERY: &str = "backup=1";

/// Parameters of an SRT address that are kept with the secrets: the stream id is what services call the stream key.
const SECRET_PARAMETERS: [&str; 3] = ["streamid", "srt_streamid", "passphrase"];

/// What is kept as the key of an SRT address: a query that names its parts, or a stream id alone.
fn kept_parameters(key: &str) -> Vec<(String, Secret<String>)> {
    let named = read_query(key);
    if named.iter().any(|(name, _)| is_key(name)) {
        return named;
    }
    if key.is_empty() { Vec::new() } else { vec![("streamid".to_owned(), Secret::new(key.to_owned()))] }
}

fn is_key(name: &str) -> bool {
    SECRET_PARAMETERS.contains(&name)
}

fn is_open_parameter(name: &str) -> bool {
    srt_call::OPEN.contains(&name)
}

/// The query of an SRT address, taken apart.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct SrtQuery {
    /// What may be shown.
    pub(super) open: String,
    /// What belongs to the key.
    pub(super) key: String,
    /// What makes no difference here, and may be anything.
    pub(super) unknown: String,
}

pub(super) fn split_srt_query(query: &str) -> SrtQuery {
    let mut split = SrtQuery::default();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let name = pair.split('=').next().unwrap_or_default().to_ascii_lowercase();
        let part = match name.as_str() {
            name if is_key(name) => &mut split.key,
            name if is_open_parameter(name) => &mut split.open,
            _ => &mut split.unknown,
        };
        if !part.is_empty() {
            part.push('&');
        }
        part.push_str(pair);
    }
    split
}

fn read_query(query: &str) -> Vec<(String, Secret<String>)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.map(|(name, value)| (name.to_ascii_lowercase(), Secret::new(percent_decoded(value)))).collect()
}

/// `%2F` and the like as what they stand for; what is no such code stays as it is, as does a text that would not be UTF-8.
fn percent_decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).filter(|_| *first == b'%').and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

/// What stands in for a secret part of an address.
pub(super) const HIDDEN: &str = "•••";

/// Of what is no address to send to, the host at most.
pub(super) fn hide_all(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return HIDDEN.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let host = rest.get(..end).unwrap_or_default();
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let more = if end < rest.len() { "/•••" } else { "" };
    if host.chars().any(char::is_whitespace) { HIDDEN.to_owned() } else { format!("{scheme}://{host}{more}") }
}

/// An address without what may be secret in it.
pub(super) fn hide(url: &str) -> String {
    let (before, query) = url.split_once('?').map_or((url, ""), |(before, query)| (before, query));
    let (scheme, rest) = before.split_once("://").map_or(("", before), |(scheme, rest)| (scheme, rest));
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let user = if host.len() < authority.len() { format!("{HIDDEN}@") } else { String::new() };
    let sep = if scheme.is_empty() { "" } else { "://" };
    let query = match query {
        "" => String::new(),
        OPEN_QUERY => format!("?{OPEN_QUERY}"),
        query if scheme.eq_ignore_ascii_case("srt") => {
            let SrtQuery { open, key, unknown } = split_srt_query(query);
            let hidden = if key.is_empty() && unknown.is_empty() { "" } else { HIDDEN };
            format!("?{open}{}{hidden}", if open.is_empty() || hidden.is_empty() { "" } else { "&" })
        }
        _ => format!("?{HIDDEN}"),
    };
    format!("{scheme}{sep}{user}{host}{path}{query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn srt(url: &str, key: &str) -> SrtTarget {
        match Target::read(url, &Kept::read(Some(&Secret::new(key.to_owned())))) {
            Ok(Target::Srt(target)) => target,
            other => panic!("{url}: {other:?}"),
        }
    }

    #[test]
    fn a_shown_address_holds_no_login_and_no_query() {
        for (url, shown) in [
            ("rtmp://live.twitch.tv/app", "rtmp://live.twitch.tv/app"),
            ("rtmp://me:canary@h:1935/app", "rtmp://•••@h:1935/app"),
            ("rtmp://h/app?key=canary", "rtmp://h/app?•••"),
            ("rtmps://b.rtmps.youtube.com/live2?backup=1", "rtmps://b.rtmps.youtube.com/live2?backup=1"),
            ("rtmp://h", "rtmp://h"),
            ("me:canary@h/app", "•••@h/app"),
            ("srt://h:9000?latency=200&streamid=canary", "srt://h:9000?latency=200&•••"),
            ("srt://h:9000?latency=200", "srt://h:9000?latency=200"),
            ("srt://h:9000?latency=200&canary=canary", "srt://h:9000?latency=200&•••"),
            ("srt://h:9000?canary", "srt://h:9000?•••"),
        ] {
            assert_eq!(hide(url), shown);
        }
    }

    #[test]
    fn of_what_is_no_address_only_the_host_is_shown() {
        for (url, shown) in [
            ("nonsense canary", "•••"),
            ("http://h/canary", "http://h/•••"),
            ("https://me:canary@h:1?canary", "https://h:1/•••"),
            ("rtmp://h", "rtmp://h"),
            ("rtmp://canary canary", "•••"),
        ] {
            assert_eq!(hide_all(url), shown);
        }
    }

    #[test]
    fn an_srt_key_is_a_stream_id_or_names_its_parts() {
        let target = srt("srt://h:9000?latency=200&mode=caller", "canary-id");
        assert_eq!((target.host.as_str(), target.port), ("h", 9000));
        assert_eq!(target.parameter("latency").unwrap().expose(), "200");
        assert_eq!(target.parameter("streamid").unwrap().expose(), "canary-id");
        let target = srt("srt://[::1]:9000?streamid=old", "streamid=%23!::r=live/x,m=publish&passphrase=canary%20word");
        assert_eq!(target.host, "::1");
        assert_eq!(target.parameter("streamid").unwrap().expose(), "#!::r=live/x,m=publish");
        assert_eq!(target.parameter("passphrase").unwrap().expose(), "canary word");
        assert_eq!(target.parameters.len(), 2);
        assert!(!format!("{target:?}").contains("canary"));
    }

    #[test]
    fn what_nobody_knows_in_an_srt_address_is_no_stream_id() {
        let target = srt("srt://h:9000?latency=200", "canary=canary&canary\n");
        assert_eq!(target.parameter("streamid"), None);
        assert_eq!(target.parameter("latency").unwrap().expose(), "200");
        assert!(!format!("{target:?}").contains("canary"));
        let target = srt("srt://h:9000", "token=canary\nid");
        assert_eq!(target.parameter("streamid").unwrap().expose(), "id");
    }

    #[test]
    fn an_rtmp_server_is_asked_with_the_query_that_is_kept() {
        for (url, kept, app, key) in [
            ("rtmp://h/app", "auth=s\nkey?a=1", "app?auth=s", "key?a=1"),
            ("rtmp://h/app/", "auth=s/t\nkey", "app/?auth=s/t", "key"),
            ("rtmp://h/a/b", "auth=s\nkey", "a/b?auth=s", "key"),
            ("rtmp://h/app", "auth=s\n", "app?auth=s", ""),
            ("rtmp://h/live2?backup=1", "key", "live2?backup=1", "key"),
        ] {
            let kept = Kept::read(Some(&Secret::new(kept.to_owned())));
            let Ok(Target::Rtmp(target)) = Target::read(url, &kept) else { panic!("{url}") };
            assert_eq!((target.app.expose().as_str(), target.key.expose().as_str()), (app, key));
            assert_eq!(target.tc_url.expose(), &format!("rtmp://h/{app}"));
            let parts = secret_parts(&target);
            assert_eq!(parts, [key, kept.query.as_ref().map_or("", |query| query.expose().as_str()), "", ""]);
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for (url, error) in [
            ("canary", TargetError::Scheme),
            ("http://h/canary", TargetError::Scheme),
            ("rtmp://h", TargetError::Rtmp),
            ("rtmp://h:99999/canary", TargetError::Rtmp),
            ("srt://h", TargetError::Srt),
            ("srt://h:0", TargetError::Srt),
            ("srt://:9000", TargetError::Srt),
            ("srt://::1:9000", TargetError::Srt),
        ] {
            assert_eq!(Target::read(url, &Kept::default()), Err(error), "{url}");
        }
    }
}
