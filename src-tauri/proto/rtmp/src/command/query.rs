//! Query parameters of addresses: tokens and the like, so secret as a whole.

use std::fmt;

use weir_media::Secret;

/// Most parameters that are looked at; protects the time look-ups take.
const MAX_PARAMETERS: usize = 64;

/// The parameters of an address, merged from where clients put them: stream name before application before tcUrl.
///
/// Kept as they came, since FFmpeg does not decode and OBS does not encode; decoded only when looked at.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Query(Vec<(String, Secret<String>)>);

impl Query {
    /// Merges queries, each without its `?`; a parameter of an earlier one hides those of the same name in later ones.
    pub fn merge<'a>(queries: impl IntoIterator<Item = &'a str>) -> Self {
        let mut merged: Vec<(String, Secret<String>)> = Vec::new();
        for query in queries {
            let known = merged.len();
            for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
                let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
                let hidden = merged.iter().take(known).any(|(name, _)| name == key);
                if !hidden && merged.len() < MAX_PARAMETERS {
                    merged.push((key.to_owned(), Secret::new(value.to_owned())));
                }
            }
        }
        merged.shrink_to_fit();
        Self(merged)
    }

    /// Whether there is no parameter.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first parameter called `key`, percent-decoded.
    pub fn get(&self, key: &str) -> Option<Secret<String>> {
        let (_, value) = self.0.iter().find(|(name, _)| name == key)?;
        Some(Secret::new(percent_decode(value.expose())))
    }

    /// All parameters as they came, joined by `&`.
    pub fn to_text(&self) -> Secret<String> {
        let join = |(key, value): &(String, Secret<String>)| match value.expose().as_str() {
            "" => key.clone(),
            value => format!("{key}={value}"),
        };
        Secret::new(self.0.iter().map(join).collect::<Vec<_>>().join("&"))
    }
}

/// Shows how many parameters there are and nothing of them: some clients put a bare token there.
impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Query({} parameters)", self.0.len())
    }
}

/// Decodes `%41`; what is no such escape stays.
pub(crate) fn percent_decode(text: &str) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = after.first_chunk::<2>().filter(|_| *first == b'%');
        let byte = escaped
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        decoded.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_earlier_query_hides_a_later_one() {
        let query = Query::merge(["token=name&x", "token=app&y=1", "y=2&z=3"]);
        assert_eq!(query.to_text().expose(), "token=name&x&y=1&z=3");
        assert_eq!(query.get("token").unwrap().expose(), "name");
        assert_eq!(query.get("nothing"), None);
    }

    #[test]
    fn values_are_decoded_when_looked_at_and_never_shown() {
        let query = Query::merge(["token=a%20b%2&bare-token"]);
        assert_eq!(query.get("token").unwrap().expose(), "a b%2");
        assert_eq!(format!("{query:?}"), "Query(2 parameters)");
    }
}
