//! Words of a peer that may be shown: short, printable, and without the stream key it may have echoed.

/// Longest text of a peer that is shown, in characters.
const MAX_SHOWN: usize = 200;

/// Shortest part of a key that is looked for; shorter ones would hide ordinary words and protect nothing.
const MIN_PART: usize = 5;

/// `text` as the peer sent it with every part of `key` hidden, control characters gone, and its length bounded.
pub(crate) fn redact(text: &str, key: &str) -> String {
    let mut shown: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    // Servers echo the key whole, without its query, or only a token of the query.
    let mut parts: Vec<&str> =
        key.split(['?', '&', '=', '/']).chain([key]).filter(|part| part.len() >= MIN_PART).collect();
    parts.sort_by_key(|part| std::cmp::Reverse(part.len()));
    for part in parts {
        shown = shown.replace(part, "•••");
    }
    if shown.chars().count() > MAX_SHOWN {
        shown = shown.chars().take(MAX_SHOWN).chain(['…']).collect();
    }
    shown.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echoed_key_is_hidden_whole_and_in_parts() {
        let key = "sk_us-west-2_canary?auth=canarytoken&x=1";
        for echoed in [
            "stream sk_us-west-2_canary?auth=canarytoken&x=1 is not allowed",
            "stream sk_us-west-2_canary is not allowed",
            "bad auth canarytoken",
        ] {
            let shown = redact(echoed, key);
            assert!(!shown.contains("canary"), "{shown}");
            assert!(shown.contains("•••"));
        }
        assert_eq!(redact("x marks", "x"), "x marks");
    }

    #[test]
    fn words_of_a_peer_are_bounded_and_printable() {
        assert_eq!(redact("a\r\nb\u{1b}[31m", "key-key"), "a  b [31m");
        assert_eq!(redact(&"y".repeat(5000), "key-key").chars().count(), MAX_SHOWN + 1);
    }
}
