//! Refusals in words: for whoever is refused, and for the operator.

use super::attempt::{Action, Attempt, Refusal, Why};
use super::tokens::{Digest, digest};
use crate::net::tries::ShutOut;

/// A refusal before anybody is told.
pub(super) struct No {
    pub(super) refusal: Refusal,
    /// What the operator should do.
    pub(super) advice: String,
    /// Whether it counts as a guess.
    pub(super) guess: bool,
    pub(super) tell: bool,
}

/// What the peer is told while the file cannot be used.
pub(super) const AUTH_FILE: &str = "Who may enter cannot be found out now.";

impl Attempt {
    /// What is compared, if anything was offered.
    pub(super) fn offered(&self) -> Result<Digest, No> {
        self.token.as_ref().filter(|token| token.is_set()).map(digest).ok_or_else(|| No::missing(self))
    }

    pub(super) fn verb(&self) -> &'static str {
        match self.action {
            Action::Publish => "Publishing",
            Action::Play => "Watching",
        }
    }
}

impl No {
    /// Whether it says no, and not only that nobody knows.
    pub(super) fn is_final(&self) -> bool {
        self.refusal.why == Why::Unauthorized
    }

    /// Nothing was guessed, so this counts as no guess: a player that knows no better must not shut out an encoder on the
    /// same computer.
    pub(super) fn missing(attempt: &Attempt) -> Self {
        let refusal = Refusal {
            why: Why::Unauthorized,
            code: "missing_key",
            message: format!("{} {} needs a key.", attempt.verb(), attempt.path),
            hint: "Write ?token= and the key after the stream's name.".to_owned(),
            repeated: false,
        };
        let advice = "Give the other program an address with ?token= and a key.".to_owned();
        Self { refusal, advice, guess: false, tell: true }
    }

    pub(super) fn wrong(attempt: &Attempt, code: &'static str) -> Self {
        let refusal = Refusal {
            why: Why::Unauthorized,
            code,
            message: format!("The key is not valid for {} {}.", attempt.verb().to_lowercase(), attempt.path),
            hint: "Ask whoever runs this server for a valid key.".to_owned(),
            repeated: false,
        };
        let advice = match code {
            "wrong_kind_of_key" => {
                "Publishing and watching have keys of their own: give the other program the other one."
            }
            _ => "If this is your program, give it a valid key; if not, somebody is guessing.",
        };
        Self { refusal, advice: advice.to_owned(), guess: true, tell: true }
    }

    pub(super) fn shut_out(shut_out: ShutOut) -> Self {
        let refusal = Refusal {
            why: Why::TooManyTries,
            code: "too_many_wrong_keys",
            message: format!("Too many wrong keys came from this address ({} attempts since).", shut_out.turned_away),
            hint: "Wait a minute, then try again with a valid key.".to_owned(),
            repeated: !shut_out.tell,
        };
        Self {
            refusal,
            advice: "If this is your program, correct its key and wait a minute; if not, keep the address out."
                .to_owned(),
            guess: false,
            tell: shut_out.tell,
        }
    }

    pub(super) fn unavailable(code: &'static str, message: &str) -> Self {
        let refusal = Refusal {
            why: Why::Unavailable,
            code,
            message: message.to_owned(),
            hint: "Try again later.".to_owned(),
            repeated: false,
        };
        // What is wrong with the file is told when it is read, not at each attempt.
        Self { refusal, advice: String::new(), guess: false, tell: false }
    }

    pub(super) fn by_callback(attempt: &Attempt, status: u16) -> Self {
        let refusal = Refusal {
            why: Why::Unauthorized,
            code: "callback_refused",
            message: format!("{} {} is not allowed.", attempt.verb(), attempt.path),
            hint: "Ask whoever runs this server for a valid key.".to_owned(),
            repeated: false,
        };
        let advice = format!("The callback answered {status}; if that is wrong, look at its own log.");
        Self { refusal, advice, guess: true, tell: true }
    }

    pub(super) fn without_answer(why: &str) -> Self {
        let refusal = Refusal {
            why: Why::Unavailable,
            code: "callback_failed",
            message: AUTH_FILE.to_owned(),
            hint: "Try again later.".to_owned(),
            repeated: false,
        };
        let advice =
            format!("The callback said neither yes nor no ({why}); see that it runs and answers within its time-out.");
        Self { refusal, advice, guess: false, tell: true }
    }

    /// The sentence for the operator.
    pub(super) fn told(&self, attempt: &Attempt, peer: Option<&str>) -> String {
        let who = match attempt.action {
            Action::Publish => "an encoder",
            Action::Play => "a player",
        };
        let from = peer.map(|peer| format!(" from {peer}")).unwrap_or_default();
        let why = match self.refusal.code {
            "missing_key" => format!("{} brought no key for {}", capital(who), attempt.path),
            "wrong_key" => format!("{} brought a wrong key for {}", capital(who), attempt.path),
            "callback_refused" => format!("{} was refused {} by the callback", capital(who), attempt.path),
            "callback_failed" => format!("{} was refused {}, since the callback failed", capital(who), attempt.path),
            "wrong_kind_of_key" => format!(
                "{} brought a key for {} that is not for {}",
                capital(who),
                attempt.path,
                attempt.verb().to_lowercase()
            ),
            "too_many_wrong_keys" => return format!("Too many wrong keys{from}: it is not listened to for a while."),
            _ => return format!("{} ({who}{from}, {})", self.refusal.message, attempt.path),
        };
        format!("{why}, over {}{from}.", attempt.protocol)
    }
}

fn capital(words: &str) -> String {
    let mut chars = words.chars();
    chars.next().map_or_else(String::new, |first| format!("{}{}", first.to_uppercase(), chars.as_str()))
}
