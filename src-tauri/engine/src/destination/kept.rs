//! What is kept with the secrets for one address: its key, and what else of the address is not for everyone's eyes.

use weir_media::Secret;

use super::target::{OPEN_QUERY, is_srt};

/// Between what belongs into the address and the key, where both are kept. Neither can hold one: an address or a key with white
/// space in it is refused.
const BETWEEN: char = '\n';

/// The secret parts of an address.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Kept {
    /// `user:password`, as it stood before the `@` of an RTMP address.
    pub login: Option<Secret<String>>,
    /// What belongs back into the address behind its `?`: of RTMP the query of the application, of SRT what Weir does not know.
    pub query: Option<Secret<String>>,
    /// The stream key with its own query. For SRT the stream id, or stream id and passphrase as the query they stood in.
    pub key: Option<Secret<String>>,
}

impl Kept {
    /// Reads what is kept under one name, a line each: `key`, `query` and `key`, or `login`, `query` and `key`.
    pub fn read(stored: Option<&Secret<String>>) -> Self {
        let stored = stored.map(|stored| stored.expose().as_str()).unwrap_or_default();
        let mut lines = stored.rsplit(BETWEEN).map(part);
        let mut next = || lines.next().flatten();
        let (key, query, login) = (next(), next(), next());
        Self { login, query, key }
    }

    /// The same as one text; none when there is nothing to keep.
    pub fn stored(&self) -> Option<Secret<String>> {
        let text = |part: &Option<Secret<String>>| part.as_ref().map(|part| part.expose().clone()).unwrap_or_default();
        let lines = [text(&self.login), text(&self.query), text(&self.key)];
        // The key alone is what was kept before there was more.
        let first = lines.iter().position(|line| !line.is_empty())?;
        Some(Secret::new(lines.get(first..)?.join(&BETWEEN.to_string())))
    }

    /// `url` with what belongs back into it.
    pub(super) fn whole(&self, url: &str) -> Secret<String> {
        let url = self.with_login(url.trim());
        let has_query = url.contains('?');
        let query = self.query.as_ref().map(|query| query.expose().as_str()).unwrap_or_default();
        Secret::new(match query {
            "" => url,
            query if !has_query => format!("{url}?{query}"),
            query if is_srt(&url) => format!("{url}&{query}"),
            // Somebody wrote another one into the settings file.
            _ => url,
        })
    }

    fn with_login(&self, url: &str) -> String {
        let login = self.login.as_ref().map(|login| login.expose().as_str()).filter(|login| !login.is_empty());
        match login.zip(url.split_once("://")) {
            // Unless somebody wrote another one into the settings file.
            Some((login, (scheme, rest))) if !authority(rest).contains('@') && !is_srt(url) => {
                format!("{scheme}://{login}@{rest}")
            }
            _ => url.to_owned(),
        }
    }
}

/// What stands before the path and the query.
pub(super) fn authority(rest: &str) -> &str {
    rest.split(['/', '?']).next().unwrap_or_default()
}

pub(super) fn part(text: &str) -> Option<Secret<String>> {
    Some(Secret::new(text.to_owned())).filter(Secret::is_set)
}

/// A query as it may stand in an address that everyone sees.
pub(super) fn is_open(query: &str) -> bool {
    query.is_empty() || query == OPEN_QUERY
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back_as_it_was_and_an_old_key_is_a_key() {
        for (login, query, key, stored) in [
            (None, None, Some("key?a=1"), Some("key?a=1")),
            (None, Some("auth=1"), Some("key?a=1"), Some("auth=1\nkey?a=1")),
            (None, Some("auth=1"), None, Some("auth=1\n")),
            (Some("me:pw"), Some("auth=1"), Some("key"), Some("me:pw\nauth=1\nkey")),
            (Some("me:pw"), None, Some("key"), Some("me:pw\n\nkey")),
            (Some("me:pw"), None, None, Some("me:pw\n\n")),
            (None, None, None, None),
        ] {
            let kept = Kept { login: login.and_then(part), query: query.and_then(part), key: key.and_then(part) };
            let text = kept.stored();
            assert_eq!(text.as_ref().map(|text| text.expose().as_str()), stored);
            assert_eq!(Kept::read(text.as_ref()), kept);
        }
    }

    #[test]
    fn an_address_gets_back_what_belongs_into_it() {
        let kept = Kept { login: None, query: part("auth=1"), key: part("key") };
        let with_login = Kept { login: part("me:p%2Fw"), ..kept.clone() };
        for (url, whole) in [
            ("rtmp://h:1/app", "rtmp://me:p%2Fw@h:1/app?auth=1"),
            ("rtmp://by:hand@h/app/a@b", "rtmp://by:hand@h/app/a@b?auth=1"),
            ("rtmp://h/app/a@b", "rtmp://me:p%2Fw@h/app/a@b?auth=1"),
        ] {
            assert_eq!(with_login.whole(url).expose(), whole);
        }
        for (url, whole) in [
            ("rtmp://h/app", "rtmp://h/app?auth=1"),
            ("rtmp://h/app/", "rtmp://h/app/?auth=1"),
            ("rtmp://h/app?by=hand", "rtmp://h/app?by=hand"),
            ("srt://h:1", "srt://h:1?auth=1"),
            ("SRT://h:1?latency=20", "SRT://h:1?latency=20&auth=1"),
        ] {
            assert_eq!(kept.whole(url).expose(), whole);
        }
        assert_eq!(Kept::default().whole(" rtmp://h/app ").expose(), "rtmp://h/app");
    }
}
