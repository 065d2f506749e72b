//! Tokens that people chose, by stream: from the command line or a file.

use std::collections::HashMap;

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tokio_util::sync::CancellationToken;
use weir_media::{Secret, StreamPath};

use super::attempt::{Action, Grant};

/// A token as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// For which stream.
    pub path: StreamPath,
    /// For what; `None` for both.
    pub action: Option<Action>,
    /// The token.
    pub token: Secret<String>,
}

/// Tokens by stream. Only their digests are kept: all a comparison needs, and of one length, so that it takes one time.
#[derive(Debug, Default)]
pub(super) struct Tokens(HashMap<StreamPath, Vec<Entry>>);

#[derive(Debug)]
struct Entry {
    action: Option<Action>,
    digest: Digest,
    revoked: CancellationToken,
}

/// What a token is compared by.
pub(super) type Digest = [u8; 32];

/// SHA-256.
pub(super) fn digest(token: &Secret<String>) -> Digest {
    Sha256::digest(token.expose().as_bytes()).into()
}

/// How a token compares to what is known.
#[derive(Debug)]
pub(super) enum Found {
    /// It opens.
    Grant(Grant),
    /// It is right, for something else than was asked.
    OtherAction,
    /// It is wrong.
    Nothing,
}

impl Tokens {
    /// These tokens and no others. What `before` granted and still stands goes on.
    pub(super) fn new(given: impl IntoIterator<Item = Given>, before: &Self) -> Self {
        let mut tokens: HashMap<StreamPath, Vec<Entry>> = HashMap::new();
        for Given { path, action, token } in given {
            let digest = digest(&token);
            let kept = before.0.get(&path).into_iter().flatten();
            let mut same = kept.filter(|entry| entry.action == action && entry.digest == digest).map(|it| &it.revoked);
            let revoked = same.next().cloned().unwrap_or_default();
            tokens.entry(path).or_default().push(Entry { action, digest, revoked });
        }
        Self(tokens)
    }

    /// Ends what the tokens granted that `after` no longer has.
    pub(super) fn revoke_all_but(&self, after: &Self) {
        for (path, entries) in &self.0 {
            let kept = after.0.get(path);
            for entry in entries {
                let stays = kept.into_iter().flatten().any(|it| it.action == entry.action && it.digest == entry.digest);
                if !stays {
                    entry.revoked.cancel();
                }
            }
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }

    /// Looks at every token of the stream, whichever it is.
    pub(super) fn find(&self, path: &StreamPath, action: Action, offered: &Digest) -> Found {
        let mut found = Found::Nothing;
        for entry in self.0.get(path).into_iter().flatten() {
            if bool::from(entry.digest.ct_eq(offered)) {
                match entry.action {
                    None => found = Found::Grant(Grant::until(entry.revoked.clone())),
                    Some(known) if known == action => found = Found::Grant(Grant::until(entry.revoked.clone())),
                    Some(_) if matches!(found, Found::Nothing) => found = Found::OtherAction,
                    Some(_) => {}
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(path: &str, action: Option<Action>, token: &str) -> Given {
        Given { path: StreamPath::parse(path).unwrap(), action, token: Secret::new(token.to_owned()) }
    }

    fn find(tokens: &Tokens, path: &str, action: Action, token: &str) -> Found {
        tokens.find(&StreamPath::parse(path).unwrap(), action, &digest(&Secret::new(token.to_owned())))
    }

    #[test]
    fn a_token_opens_its_stream_for_what_it_is_for() {
        let list = [
            given("live/a", None, "both"),
            given("live/b", Some(Action::Publish), "send"),
            given("live/b", Some(Action::Play), "watch"),
        ];
        let tokens = Tokens::new(list, &Tokens::default());
        let table = [
            ("live/a", Action::Publish, "both", "grant"),
            ("live/a", Action::Play, "both", "grant"),
            ("live/a", Action::Play, "watch", "nothing"),
            ("live/b", Action::Publish, "send", "grant"),
            ("live/b", Action::Publish, "watch", "other"),
            ("live/b", Action::Play, "send", "other"),
            ("live/b", Action::Play, "", "nothing"),
            ("live/c", Action::Play, "both", "nothing"),
        ];
        for (path, action, token, expected) in table {
            let found = match find(&tokens, path, action, token) {
                Found::Grant(_) => "grant",
                Found::OtherAction => "other",
                Found::Nothing => "nothing",
            };
            assert_eq!(found, expected, "{path} {action} {token}");
        }
        assert!(!format!("{tokens:?} {:?}", given("live/a", None, "canary")).contains("canary"));
    }

    #[test]
    fn what_is_no_longer_in_the_list_is_revoked_and_what_is_goes_on() {
        let before = Tokens::new([given("live/a", None, "one"), given("live/b", None, "two")], &Tokens::default());
        let grant = |path, token| match find(&before, path, Action::Publish, token) {
            Found::Grant(grant) => grant,
            other => panic!("{other:?}"),
        };
        let (one, two) = (grant("live/a", "one"), grant("live/b", "two"));
        let after = Tokens::new([given("live/a", None, "one"), given("live/b", None, "changed")], &before);
        before.revoke_all_but(&after);
        assert!(!one.is_revoked() && two.is_revoked());
        let Found::Grant(again) = find(&after, "live/a", Action::Publish, "one") else { panic!("must open") };
        after.revoke_all_but(&Tokens::default());
        assert!(one.is_revoked() && again.is_revoked());
    }
}
