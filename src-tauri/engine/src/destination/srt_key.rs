//! The key of an SRT destination: a stream id, a passphrase, or both.
//!
//! It is a stream id alone, or the query that names its parts (`streamid=…&passphrase=…`). Whoever says one of them anew has not
//! said anything about the other.

use std::borrow::Cow;

/// The names of the stream id, as libsrt and FFmpeg have them.
const STREAM_ID: [&str; 2] = ["streamid", "srt_streamid"];
/// The name of the passphrase.
const PASSPHRASE: &str = "passphrase";

/// `given` over `kept`: what it does not name stays, what it names without a value goes.
pub(super) fn over(kept: &str, given: &str) -> String {
    let (kept, new) = (parts(kept), parts(given));
    let stays = |(name, _): &&(Cow<'_, str>, Cow<'_, str>)| {
        let is_part = |name: &str| is_stream_id(name) || name.eq_ignore_ascii_case(PASSPHRASE);
        is_part(name) && !new.iter().any(|(known, _)| is_same(known, name))
    };
    let all: Vec<_> = new.iter().chain(kept.iter().filter(stays)).filter(|(_, value)| !value.is_empty()).collect();
    match all[..] {
        // As it was given, when there is nothing beside it.
        [_] if !is_query(given) && !given.is_empty() => given.to_owned(),
        _ => all.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&"),
    }
}

fn parts(key: &str) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
    if key.is_empty() {
        return Vec::new();
    }
    if !is_query(key) {
        // As a value of a query, which is decoded.
        return vec![(STREAM_ID[0].into(), key.replace('%', "%25").replace('&', "%26").into())];
    }
    let pairs = key.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}

/// Whether it names its parts.
fn is_query(key: &str) -> bool {
    let mut names = key.split('&').map(|pair| pair.split('=').next().unwrap_or_default());
    names.any(|name| is_stream_id(name) || name.eq_ignore_ascii_case(PASSPHRASE))
}

fn is_stream_id(name: &str) -> bool {
    STREAM_ID.iter().any(|known| name.eq_ignore_ascii_case(known))
}

fn is_same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other) || is_stream_id(one) && is_stream_id(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_named_stays_and_what_is_named_without_a_value_goes() {
        for (kept, given, expected) in [
            ("", "id", "id"),
            ("old", "id", "id"),
            ("old", "#!::r=live/a,m=publish", "#!::r=live/a,m=publish"),
            ("streamid=old&passphrase=pp", "id", "streamid=id&passphrase=pp"),
            ("streamid=old&passphrase=pp", "50%&more", "streamid=50%25%26more&passphrase=pp"),
            ("streamid=old&passphrase=pp", "streamid=new", "streamid=new&passphrase=pp"),
            ("streamid=old&passphrase=pp", "SRT_StreamID=new", "SRT_StreamID=new&passphrase=pp"),
            ("streamid=old&passphrase=pp", "passphrase=new", "passphrase=new&streamid=old"),
            ("streamid=old&passphrase=pp", "streamid=new&passphrase=other", "streamid=new&passphrase=other"),
            ("streamid=old&passphrase=pp", "passphrase=", "streamid=old"),
            ("streamid=old&passphrase=pp", "streamid=", "passphrase=pp"),
            ("streamid=old&passphrase=pp", "streamid=&passphrase=", ""),
            ("streamid=old&passphrase=pp", "", "streamid=old&passphrase=pp"),
            ("old", "passphrase=pp", "passphrase=pp&streamid=old"),
            ("passphrase=pp", "id", "streamid=id&passphrase=pp"),
            // What nobody knows belongs to what it came with.
            ("streamid=old&other=1", "passphrase=pp", "passphrase=pp&streamid=old"),
            ("passphrase=pp", "streamid=new&other=1", "streamid=new&other=1&passphrase=pp"),
        ] {
            assert_eq!(over(kept, given), expected, "{given:?} over {kept:?}");
        }
    }
}
