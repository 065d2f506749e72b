//! Words of a peer that may be shown: short, printable, and without the stream key it may have echoed.

use super::target::HIDDEN;

/// Longest text of a peer that is shown, in characters.
const MAX_SHOWN: usize = 200;

/// Shortest part of a key that is looked for beside the whole of it and what stands before its query; shorter ones would hide
/// ordinary words and protect nothing.
const MIN_PART: usize = 5;

/// `text` as the peer sent it with every part of the `secrets` hidden, which are a key and the query of an application, control
/// characters gone, and its length bounded.
pub(crate) fn redact(text: &str, secrets: &[&str]) -> String {
    let mut shown: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut parts: Vec<&str> = secrets.iter().flat_map(|secret| parts_of(secret)).collect();
    parts.sort_by_key(|part| std::cmp::Reverse(part.len()));
    for part in parts {
        shown = shown.replace(part, HIDDEN);
    }
    if shown.chars().count() > MAX_SHOWN {
        shown = shown.chars().take(MAX_SHOWN).chain(['…']).collect();
    }
    shown.trim().to_owned()
}

/// What a server may echo of a secret: all of it, what stands before its query, or a token of the query.
fn parts_of(secret: &str) -> Vec<&str> {
    let name = secret.split('?').next().unwrap_or_default();
    let parts = secret.split(['?', '&', '=', '/']).filter(|part| part.len() >= MIN_PART);
    parts.chain([secret, name]).filter(|part| !part.is_empty()).collect()
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
            let shown = redact(echoed, &[key]);
            assert!(!shown.contains("canary"), "{shown}");
            assert!(shown.contains("•••"));
        }
        for (key, shown) in
            [("abc1", "no ••• here"), ("abc1?x=1", "no ••• here"), ("k?abc1", "no abc1 here"), ("", "no abc1 here")]
        {
            assert_eq!(redact("no abc1 here", &[key]), shown, "{key}");
        }
    }

    #[test]
    fn an_echoed_query_of_the_application_is_hidden_beside_the_key() {
        let shown =
            redact("app?auth=canary1&u=canary2/key-1 (canary1) is unknown", &["key-1", "auth=canary1&u=canary2"]);
        assert_eq!(shown, "app?•••/••• (•••) is unknown");
    }

    #[test]
    fn words_of_a_peer_are_bounded_and_printable() {
        assert_eq!(redact("a\r\nb\u{1b}[31m", &["key-key"]), "a  b [31m");
        assert_eq!(redact(&"y".repeat(5000), &["key-key"]).chars().count(), MAX_SHOWN + 1);
    }
}
