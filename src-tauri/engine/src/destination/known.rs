//! An address that is known and said anew: what of it stays.

use weir_media::Secret;

use super::given::{Given, GivenError};
use super::kept::{Kept, authority, part};
use super::srt_key;
use super::target::is_srt;

/// An address as it is.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// As it stands in the settings.
    pub url: &'a str,
    /// What is kept for it.
    pub kept: &'a Kept,
    /// As it is shown ([`shown`](super::shown)).
    pub shown: &'a str,
}

impl Known<'_> {
    /// Whether `url` says nothing new: it is the address as it stands in the settings, or as it is shown.
    pub fn is(&self, url: &str) -> bool {
        [self.url, self.shown].contains(&url.trim())
    }

    /// The address after somebody gave an address, a key or both; `None` when nothing was given that is new. An empty key takes
    /// the kept one away, and only that.
    ///
    /// A key belongs to its server, so another address of the same host keeps it, and with SRT whichever of stream id and passphrase
    /// is not said anew; the same goes for a login, which `rtmp://@host/app` takes away. What else is kept belongs to the address, so the
    /// same one given without it keeps it, and another does not.
    pub fn changed(&self, url: Option<&str>, key: Option<&Secret<String>>) -> Result<Option<Given>, GivenError> {
        let whole = self.kept.whole(self.url);
        // An address that cannot be read was written by hand; nothing of it is known.
        let before = Given::read(whole.expose(), self.kept.key.as_ref());
        let takes_away = key.is_some_and(|key| key.expose().trim().is_empty());
        let Some(url) = url.filter(|url| !self.is(url)) else {
            return match key {
                None => Ok(None),
                Some(_) if takes_away => {
                    let kept = Kept { key: None, ..self.kept.clone() };
                    Ok(Some(Given { url: self.url.to_owned(), kept }))
                }
                Some(_) => {
                    let mut given = Given::read(whole.expose(), key)?;
                    if let Ok(before) = &before {
                        stay(&mut given, before, key);
                    }
                    Ok(Some(given))
                }
            };
        };
        let mut given = Given::read(url, key)?;
        if let Ok(before) = &before {
            if given.kept.query.is_none() && given.url == before.url {
                given.kept.query.clone_from(&before.kept.query);
            }
            let same_host = Given::host_of(&before.url).eq_ignore_ascii_case(Given::host_of(&given.url));
            let says_login = url.split_once("://").is_some_and(|(_, rest)| authority(rest).contains('@'));
            if same_host && !says_login && !is_srt(url) {
                given.kept.login.clone_from(&before.kept.login);
            }
            if same_host && !takes_away {
                let said = given.kept.key.clone();
                stay(&mut given, before, said.as_ref());
            }
        }
        Ok(Some(given))
    }
}

/// The key of `given` when `said` is what was said of it anew, and it was that of `before`.
fn stay(given: &mut Given, before: &Given, said: Option<&Secret<String>>) {
    let said = said.map(|said| said.expose().trim()).unwrap_or_default();
    let kept = before.kept.key.as_ref().map(|key| key.expose().as_str()).unwrap_or_default();
    match (is_srt(&before.url), is_srt(&given.url)) {
        (true, true) => given.kept.key = part(&srt_key::over(kept, said)),
        (false, false) if said.is_empty() => given.kept.key.clone_from(&before.kept.key),
        // A passphrase is nothing to tell an RTMP server.
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: &str = "streamid=id&passphrase=pp";

    #[test]
    fn what_is_not_said_anew_stays_where_it_belongs() {
        // Address, kept, shown; address and key that are given; address and kept after it.
        for (known, kept, shown, url, key, expected) in [
            ("rtmp://h/app", "q=1\nk", "rtmp://h/app?•••", None, None, None),
            ("rtmp://h/app", "q=1\nk", "rtmp://h/app?•••", None, Some("new"), Some(("rtmp://h/app", "q=1\nnew"))),
            ("rtmp://h/app", "q=1\nk", "rtmp://h/app?•••", None, Some(""), Some(("rtmp://h/app", "q=1\n"))),
            ("rtmp://h/app", "q=1\nk", "rtmp://h/app?•••", Some("rtmp://h/app?•••"), None, None),
            ("rtmp://h/app", "q=1\nk", "rtmp://h/app?•••", Some(" rtmp://h/app "), None, None),
            ("rtmp://h/a/b", "k", "rtmp://h/a/b", Some("rtmp://h/a/b"), None, None),
            ("rtmp://h/app", "q=1\nk", "", Some("rtmp://h/app/new"), None, Some(("rtmp://h/app", "q=1\nnew"))),
            ("rtmp://h/app", "q=1\nk", "", Some("rtmp://h/app/k"), Some("k"), Some(("rtmp://h/app", "q=1\nk"))),
            ("rtmp://h/app", "q=1\nk", "", Some("rtmp://h/app?q=2"), None, Some(("rtmp://h/app", "q=2\nk"))),
            ("rtmp://h/app", "q=1\nk", "", Some("rtmp://H/other"), None, Some(("rtmp://H/other", "k"))),
            ("rtmp://h/app", "q=1\nk", "", Some("rtmp://other/app"), None, Some(("rtmp://other/app", ""))),
            ("rtmp://h/app", "q=1\nk", "", Some("rtmp://h/other"), Some(""), Some(("rtmp://h/other", ""))),
            ("rtmp://h/app", "u:p\n\nk", "rtmp://•••@h/app", None, Some("new"), Some(("rtmp://h/app", "u:p\n\nnew"))),
            ("rtmp://h/app", "u:p\n\nk", "rtmp://•••@h/app", None, Some(""), Some(("rtmp://h/app", "u:p\n\n"))),
            ("rtmp://h/app", "u:p\n\nk", "rtmp://•••@h/app", Some("rtmp://•••@h/app"), None, None),
            ("rtmp://h/app", "u:p\n\nk", "", Some("rtmp://h/other"), None, Some(("rtmp://h/other", "u:p\n\nk"))),
            ("rtmp://h/app", "u:p\n\nk", "", Some("rtmp://v:q@h/app"), None, Some(("rtmp://h/app", "v:q\n\nk"))),
            ("rtmp://h/app", "u:p\n\nk", "", Some("rtmp://@h/app"), None, Some(("rtmp://h/app", "k"))),
            ("rtmp://h/app", "u:p\n\nk", "", Some("rtmp://other/app"), None, Some(("rtmp://other/app", ""))),
            ("rtmp://h/app", "u:p\n\nk", "", Some("srt://h:1"), None, Some(("srt://h:1", ""))),
            // Written into the settings file by hand.
            ("rtmp://u:p@h/app", "k", "rtmp://•••@h/app", None, Some("new"), Some(("rtmp://h/app", "u:p\n\nnew"))),
            ("rtmp://h/app?q=1", "k", "rtmp://h/app?•••", None, Some("new"), Some(("rtmp://h/app", "q=1\nnew"))),
            ("rtmp://h/app?q=1", "k", "rtmp://h/app?•••", Some("rtmp://h/app"), None, Some(("rtmp://h/app", "q=1\nk"))),
            ("rtmp://h/app/k", "k", "rtmp://h/app/•••", None, Some("k"), Some(("rtmp://h/app", "k"))),
            ("nonsense", "k", "•••", Some("rtmp://h/app"), None, Some(("rtmp://h/app", ""))),
            ("srt://h:1", "u=1\nid", "srt://h:1?•••", None, Some("new"), Some(("srt://h:1", "u=1\nnew"))),
            ("srt://h:1?u=1", "id", "srt://h:1?•••", None, Some("new"), Some(("srt://h:1", "u=1\nnew"))),
            // Of stream id and passphrase the other one.
            ("srt://h:1", BOTH, "", None, Some("new"), Some(("srt://h:1", "streamid=new&passphrase=pp"))),
            ("srt://h:1", BOTH, "", None, Some("streamid=new"), Some(("srt://h:1", "streamid=new&passphrase=pp"))),
            ("srt://h:1", BOTH, "", None, Some("passphrase=new"), Some(("srt://h:1", "passphrase=new&streamid=id"))),
            ("srt://h:1", BOTH, "", None, Some("passphrase="), Some(("srt://h:1", "streamid=id"))),
            ("srt://h:1", BOTH, "", None, Some(""), Some(("srt://h:1", ""))),
            ("srt://h:1", BOTH, "", Some("srt://h:2"), None, Some(("srt://h:2", BOTH))),
            ("srt://h:1", BOTH, "", Some("srt://h:2"), Some("new"), Some(("srt://h:2", "streamid=new&passphrase=pp"))),
            ("srt://h:1", BOTH, "", Some("srt://h:2"), Some(""), Some(("srt://h:2", ""))),
            (
                "srt://h:1",
                BOTH,
                "",
                Some("srt://h:1?streamid=new"),
                None,
                Some(("srt://h:1", "streamid=new&passphrase=pp")),
            ),
            ("srt://h:1", BOTH, "", Some("srt://other:1"), Some("new"), Some(("srt://other:1", "new"))),
            ("srt://h:1", BOTH, "", Some("rtmp://h/app"), None, Some(("rtmp://h/app", ""))),
            (
                "srt://h:1?passphrase=old",
                "streamid=id&passphrase=pp",
                "srt://h:1?•••",
                None,
                Some("new"),
                Some(("srt://h:1", "streamid=new&passphrase=pp")),
            ),
        ] {
            let kept = Kept::read(Some(&Secret::new(kept.to_owned())));
            let key = key.map(|key: &str| Secret::new(key.to_owned()));
            let changed = Known { url: known, kept: &kept, shown }.changed(url, key.as_ref()).unwrap();
            let changed = changed.map(|given| {
                let stored = given.kept.stored().map(|stored| stored.expose().clone());
                (given.url, stored.unwrap_or_default())
            });
            let expected = expected.map(|(url, kept): (&str, &str)| (url.to_owned(), kept.to_owned()));
            assert_eq!(changed, expected, "{known} {url:?}");
        }
    }
}
