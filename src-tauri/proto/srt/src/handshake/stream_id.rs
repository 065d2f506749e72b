//! What a caller wants, from the stream id it sends: `#!::r=live/show,m=publish`, `publish:live/show`, or a bare name.

use std::fmt;

/// The stream id as it was sent. It may hold a token, so it does not show itself.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct StreamId(String);

/// What the caller wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Receive the stream.
    Request,
    /// Send the stream.
    Publish,
    /// Both.
    Bidirectional,
}

/// A stream id taken apart. Secrets in it do not show in `Debug`.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Access {
    /// The stream (`r`), without a leading slash and without its query; `None` when the id does not name one.
    pub resource: Option<String>,
    /// What to do with it (`m`); `None` when the id does not say.
    pub mode: Option<Mode>,
    /// Who asks (`u`).
    pub user: Option<String>,
    /// The session or password (`s`). Secret.
    pub session: Option<String>,
    /// The host (`h`).
    pub host: Option<String>,
    /// The kind of transfer (`t`): `stream`, `file` or `auth`.
    pub kind: Option<String>,
    /// What follows a `?`, or the query part of an `action:path:query`, as pairs. Secret.
    pub query: Vec<(String, String)>,
}

/// Why a stream id cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StreamIdError {
    /// `m` is none of the known modes.
    #[error("the stream id asks for an unknown mode: m is request, publish or bidirectional")]
    UnknownMode,
}

impl StreamId {
    /// Keeps an id as it is.
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The id as it was sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether there is anything in it.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes the id apart.
    pub fn parse(&self) -> Result<Access, StreamIdError> {
        // In an address `#` must be written `%23`, and often more is; neither libsrt's programs nor ffmpeg decode it.
        let decoded = self.0.starts_with("%23").then(|| percent_decode(&self.0));
        let decoded = decoded.filter(|text| text.starts_with("#!::"));
        let text = decoded.as_deref().unwrap_or(&self.0);
        // StreamToStudio appends this.
        let text = text.strip_suffix("#feedbackplay").unwrap_or(text);
        match text.strip_prefix("#!::") {
            Some(list) => parse_list(list),
            None => Ok(parse_plain(text)),
        }
    }
}

impl fmt::Debug for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.parse() {
            Ok(access) => write!(f, "StreamId({:?})", access.resource.unwrap_or_default()),
            Err(_) => f.write_str("StreamId(?)"),
        }
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access")
            .field("resource", &self.resource)
            .field("mode", &self.mode)
            .field("user", &self.user)
            .field("session", &self.session.as_ref().map(|_| "[secret]"))
            .field("query", &self.query.iter().map(|(key, _)| key).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

impl Access {
    /// The value of a key of the query.
    pub fn query(&self, key: &str) -> Option<&str> {
        self.query.iter().find(|(found, _)| found == key).map(|(_, value)| value.as_str())
    }

    fn set_resource(&mut self, text: &str) {
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        self.add_query(query);
        let path = path.strip_prefix('/').unwrap_or(path);
        self.resource = (!path.is_empty()).then(|| path.to_owned());
    }

    fn add_query(&mut self, query: &str) {
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            self.query.push((key.to_owned(), value.to_owned()));
        }
    }
}

/// `key=value,key=value`. Unknown keys are ignored: encoders add their own.
fn parse_list(list: &str) -> Result<Access, StreamIdError> {
    let mut access = Access::default();
    for item in list.split(',') {
        let Some((key, value)) = item.split_once('=') else { continue };
        match key {
            "r" => access.set_resource(value),
            "m" => access.mode = Some(mode(value).ok_or(StreamIdError::UnknownMode)?),
            "u" => access.user = Some(value.to_owned()),
            "s" => access.session = Some(value.to_owned()),
            "h" => access.host = Some(value.to_owned()),
            "t" => access.kind = Some(value.to_owned()),
            _ => {}
        }
    }
    Ok(access)
}

/// `action:path`, `action:path:query`, `action:path:user:pass`, `action:path:user:pass:query`, or a bare path.
fn parse_plain(text: &str) -> Access {
    let mut access = Access::default();
    let Some((action, rest)) = text.split_once(':').and_then(|(action, rest)| Some((mode(action)?, rest))) else {
        access.set_resource(text);
        return access;
    };
    access.mode = Some(action);
    // A query may hold colons itself.
    let (path, question) = rest.split_once('?').map_or((rest, None), |(path, query)| (path, Some(query)));
    let mut parts = path.split(':');
    access.set_resource(parts.next().unwrap_or_default());
    match (parts.next(), parts.next()) {
        (Some(query), None) => access.add_query(query),
        (user, session) => {
            access.user = user.map(str::to_owned);
            access.session = session.map(str::to_owned);
            parts.next().into_iter().for_each(|query| access.add_query(query));
        }
    }
    question.into_iter().for_each(|query| access.add_query(query));
    access
}

fn mode(text: &str) -> Option<Mode> {
    match text.to_ascii_lowercase().as_str() {
        "request" | "read" | "play" => Some(Mode::Request),
        "publish" => Some(Mode::Publish),
        "bidirectional" => Some(Mode::Bidirectional),
        _ => None,
    }
}

fn percent_decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, tail)) = rest.split_first() {
        let pair = tail.first_chunk::<2>().filter(|_| *byte == b'%').and_then(|pair| std::str::from_utf8(pair).ok());
        if let Some(value) = pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            out.push(value);
            rest = tail.get(2..).unwrap_or_default();
        } else {
            out.push(*byte);
            rest = tail;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let Ok(access) = StreamId::new(text.into()).parse() else { return "error".into() };
        let (user, session) = (access.user.unwrap_or_default(), access.session.unwrap_or_default());
        let query: Vec<_> = access.query.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let mode = access.mode.map(|mode| format!("{mode:?}")).unwrap_or_default();
        format!("{} {mode} {user} {session} {}", access.resource.unwrap_or_default(), query.join("&"))
    }

    #[test]
    fn every_spelling_in_the_field_is_read() {
        let table = [
            ("#!::r=live/show,m=publish", "live/show Publish   "),
            ("#!::m=REQUEST,r=/live/show", "live/show Request   "),
            ("#!::r=live/a=b?token=x=y,u=joe,s=pw", "live/a=b  joe pw token=x=y"),
            ("#!::bmd_uuid=1,bmd_name=Blackmagic Web Presenter 4K", "    "),
            ("#!::h=host,r=live/x,nonsense,m=bidirectional", "live/x Bidirectional   "),
            ("#!::r=live/x,m=other", "error"),
            ("%23%21%3A%3Ar%3Dlive%2Fx%2Cm%3dpublish", "live/x Publish   "),
            ("%23!::r=live/x,m=publish", "live/x Publish   "),
            ("%23nothing", "%23nothing    "),
            ("publish:live/test", "live/test Publish   "),
            ("publish:live/test?token=a:b", "live/test Publish   token=a:b"),
            ("read:live/test:k=v", "live/test Request   k=v"),
            ("publish:live/test:joe:pw", "live/test Publish joe pw "),
            ("publish:live/test:joe:pw:k=v", "live/test Publish joe pw k=v"),
            ("live/x", "live/x    "),
            ("/live/x?token=1&b", "live/x    token=1&b="),
            ("cam:1", "cam:1    "),
            ("publish:live/x#feedbackplay", "live/x Publish   "),
            ("", "    "),
            ("%", "%    "),
        ];
        for (text, expected) in table {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn tokens_do_not_show() {
        let id = StreamId::new("#!::r=live/x?token=canary,s=canary".into());
        assert!(!format!("{id:?} {:?}", id.parse()).contains("canary"));
    }
}
