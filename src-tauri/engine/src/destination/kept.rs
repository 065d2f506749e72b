//! What is kept with the secrets for one address: its key, and what else of the address is not for everyone's eyes.

use weir_media::Secret;

use super::target::{OPEN_QUERY, is_srt};

/// Between what belongs into the address and the key, where both are kept. Neither can hold one: an address or a key with white
/// space in it is refused.
const BETWEEN: char = '\n';

/// The secret parts of an address.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Kept {
    /// What belongs back into the address behind its `?`: of RTMP the query of the application, of SRT what Weir does not know.
    pub query: Option<Secret<String>>,
    /// The stream key with its own query. For SRT the stream id, or stream id and passphrase as the query they stood in.
    pub key: Option<Secret<String>>,
}

impl Kept {
    /// Reads what is kept under one name: `key`, or `query`, a line break and `key`.
    pub fn read(stored: Option<&Secret<String>>) -> Self {
        let stored = stored.map(|stored| stored.expose().as_str()).unwrap_or_default();
        let (query, key) = stored.split_once(BETWEEN).unwrap_or(("", stored));
        Self { query: part(query), key: part(key) }
    }

    /// The same as one text; none when there is nothing to keep.
    pub fn stored(&self) -> Option<Secret<String>> {
        let key = self.key.as_ref().filter(|key| key.is_set());
        match self.query.as_ref().filter(|query| query.is_set()) {
            Some(query) => {
                let key = key.map(|key| key.expose().as_str()).unwrap_or_default();
                Some(Secret::new(format!("{}{BETWEEN}{key}", query.expose())))
            }
            None => key.cloned(),
        }
    }

    /// `url` with what belongs back into it.
    pub(super) fn whole(&self, url: &str) -> Secret<String> {
        let url = url.trim();
        let has_query = url.contains('?');
        let query = self.query.as_ref().map(|query| query.expose().as_str()).unwrap_or_default();
        Secret::new(match query {
            "" => url.to_owned(),
            query if !has_query => format!("{url}?{query}"),
            query if is_srt(url) => format!("{url}&{query}"),
            // Somebody wrote another one into the settings file.
            _ => url.to_owned(),
        })
    }
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
        for (query, key, stored) in [
            (None, Some("key?a=1"), Some("key?a=1")),
            (Some("auth=1"), Some("key?a=1"), Some("auth=1\nkey?a=1")),
            (Some("auth=1"), None, Some("auth=1\n")),
            (None, None, None),
        ] {
            let kept = Kept { query: query.and_then(part), key: key.and_then(part) };
            let text = kept.stored();
            assert_eq!(text.as_ref().map(|text| text.expose().as_str()), stored);
            assert_eq!(Kept::read(text.as_ref()), kept);
        }
    }

    #[test]
    fn an_address_gets_back_what_belongs_into_it() {
        let kept = Kept { query: part("auth=1"), key: part("key") };
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
