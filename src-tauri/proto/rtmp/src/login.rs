//! Proving a user name and a password to a server, over connections that it refuses one after the other.
//!
//! A server that wants to know who comes refuses `connect`, and its `_error` says how to prove it: `authmod=adobe` (Adobe's
//! Flash Media Live Encoder, Wowza, Akamai) or `authmod=llnw` (Limelight). The next connection carries the user's name, which
//! is refused with what to prove the password with; the one after that carries the proof. No specification describes either;
//! they are what librtmp and FFmpeg do.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use md5::{Digest as _, Md5};
use weir_media::Secret;

use crate::url::{Credentials, PublishUrl};

/// Longest sentence of a refusal that is answered: what it asks with is sent back.
const MAX_QUESTION: usize = 2048;
/// Limelight's digest is that of HTTP (RFC 2617, section 3.2.2) with these in the places of realm, method, count and quality.
const REALM: &str = "live";
const METHOD: &str = "publish";
const COUNT: &str = "00000001";
const QUALITY: &str = "auth";

/// What a refusal asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Demand {
    /// The user's name, in the next connection.
    Name(Method),
    /// A proof of the password, in the next connection.
    Proof(Method, Question),
    /// Nothing more: name or password are wrong.
    Nothing,
}

/// How a password is proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Adobe,
    Limelight,
}

/// What a server gives to prove a password with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Question {
    salt: String,
    challenge: String,
    opaque: String,
    nonce: String,
}

impl Method {
    const ALL: [Self; 2] = [Self::Adobe, Self::Limelight];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Adobe => "adobe",
            Self::Limelight => "llnw",
        }
    }
}

impl Demand {
    /// Reads the sentence of a refusal, e.g. `[ AccessManager.Reject ] : [ authmod=adobe ] : ?reason=needauth&user=u&salt=s&…`.
    /// `None` if it asks for no login, for one that nobody knows, or at greater length than any server.
    pub(crate) fn read(description: &str) -> Option<Self> {
        if description.len() > MAX_QUESTION {
            return None;
        }
        let is_of = |method: &Method| description.contains(&format!("authmod={}", method.as_str()));
        let method = Method::ALL.into_iter().find(is_of);
        let Some((_, query)) = description.split_once("?reason=") else {
            return method.filter(|_| description.contains("need auth")).map(Self::Name);
        };
        let query = query.split_whitespace().next().unwrap_or_default();
        let mut parameters = query.split('&');
        match parameters.next() {
            Some("authfailed" | "nosuchuser") => return Some(Self::Nothing),
            Some("needauth") => {}
            _ => return None,
        }
        let mut question = Question::default();
        for (name, value) in parameters.filter_map(|parameter| parameter.split_once('=')) {
            let place = match name {
                "salt" => &mut question.salt,
                "challenge" => &mut question.challenge,
                "opaque" => &mut question.opaque,
                "nonce" => &mut question.nonce,
                _ => continue,
            };
            value.clone_into(place);
        }
        Some(Self::Proof(method?, question))
    }

    /// What the application of the next connection goes on with, behind its `?`; `None` if none is of any use. `random` is new
    /// for each proof.
    pub(crate) fn answer(&self, url: &PublishUrl, login: &Credentials, random: u32) -> Option<Secret<String>> {
        let user = login.user.expose();
        let (method, proof) = match self {
            Self::Name(method) => (method, String::new()),
            Self::Proof(Method::Adobe, question) => (&Method::Adobe, adobe(login, question, random)),
            Self::Proof(Method::Limelight, question) => {
                (&Method::Limelight, limelight(login, url.app.expose(), question, random))
            }
            Self::Nothing => return None,
        };
        Some(Secret::new(format!("authmod={}&user={user}{proof}", method.as_str())))
    }
}

fn adobe(login: &Credentials, question: &Question, random: u32) -> String {
    let Question { salt, challenge, opaque, .. } = question;
    let own = format!("{random:08x}");
    let salted = BASE64.encode(digest(&[login.user.expose(), salt, login.password.expose()]));
    let asked = if opaque.is_empty() { challenge } else { opaque };
    let response = BASE64.encode(digest(&[&salted, asked, &own]));
    let opaque = if opaque.is_empty() { String::new() } else { format!("&opaque={opaque}") };
    format!("&challenge={own}&response={response}{opaque}")
}

fn limelight(login: &Credentials, app: &str, question: &Question, random: u32) -> String {
    let nonce = &question.nonce;
    let own = format!("{random:08x}");
    let app = app.split('?').next().unwrap_or_default();
    // Limelight's servers know an application without an instance by the name of the usual one.
    let instance = if app.contains('/') { "" } else { "/_definst_" };
    let who = hex(&[login.user.expose(), ":", REALM, ":", login.password.expose()]);
    let what = hex(&[METHOD, ":/", app, instance]);
    let response = hex(&[&who, ":", nonce, ":", COUNT, ":", &own, ":", QUALITY, ":", &what]);
    format!("&nonce={nonce}&cnonce={own}&nc={COUNT}&response={response}")
}

fn digest(parts: &[&str]) -> [u8; 16] {
    let mut md5 = Md5::new();
    parts.iter().for_each(|part| md5.update(part));
    md5.finalize().into()
}

fn hex(parts: &[&str]) -> String {
    digest(parts).iter().fold(String::with_capacity(32), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(app: &str) -> PublishUrl {
        PublishUrl::parse(&format!("rtmp://streamer:secret-word@h/{app}"), Some(&Secret::new("key".to_owned())))
            .unwrap()
    }

    fn answered(app: &str, description: &str, random: u32) -> String {
        let url = url(app);
        let query = Demand::read(description).unwrap().answer(&url, url.credentials.as_ref().unwrap(), random).unwrap();
        url.with_query(&query).app.expose().clone()
    }

    /// What FFmpeg 9.0.2 and Debian's FFmpeg 5.1.9 sent as the application to a server that refuses so, given
    /// `rtmp://streamer:secret-word@127.0.0.1:19351/live/key` and the like; captured on 27 November 2026.
    #[test]
    fn passwords_are_proved_as_ffmpeg_proves_them() {
        let adobe = "[ AccessManager.Reject ] : [ authmod=adobe ] : ?reason=needauth&user=streamer&salt=Mk5nYQ==&challenge=X5xkAQ==";
        let opaque = format!("{adobe}&opaque=aG9zdA==");
        let llnw = "[ AccessManager.Reject ] : [ authmod=llnw ] : ?reason=needauth&user=streamer&nonce=9f8e7d6c5b4a";
        for (app, description, random, proof) in [
            (
                "live",
                opaque.as_str(),
                0xda18_eafc,
                "challenge=da18eafc&response=x9Wy4jS30OuTzBOf1F+DXA==&opaque=aG9zdA==",
            ),
            ("a/b", &opaque, 0x7d04_d083, "challenge=7d04d083&response=ml3Swr6lhyRDgT+p31vKeA==&opaque=aG9zdA=="),
            ("live", adobe, 0x556d_0d35, "challenge=556d0d35&response=L5eAWetnH4rvpkG/bie1vA=="),
            ("a/b", adobe, 0xbf60_94b5, "challenge=bf6094b5&response=ZlYOWLfj/KeQgnHnZuyYsQ=="),
        ] {
            let expected = format!("{app}?authmod=adobe&user=streamer&{proof}");
            assert_eq!(answered(app, description, random), expected);
        }
        for (app, random, proof) in [
            ("live", 0xd184_c1ca, "cnonce=d184c1ca&nc=00000001&response=49993c8dabe6958eee9ad879018ad413"),
            ("a/b", 0x08a9_3b25, "cnonce=08a93b25&nc=00000001&response=18a3ebe4ea5783dab4f2b5fd0b3c62a1"),
        ] {
            let expected = format!("{app}?authmod=llnw&user=streamer&nonce=9f8e7d6c5b4a&{proof}");
            assert_eq!(answered(app, llnw, random), expected);
        }
    }

    #[test]
    fn the_name_comes_first_and_behind_a_query_that_is_there() {
        let asked = "[ AccessManager.Reject ] : [ code=403 need auth; authmod=adobe ] : ";
        assert_eq!(answered("live", asked, 0), "live?authmod=adobe&user=streamer");
        assert_eq!(answered("live?backup=1", asked, 0), "live?backup=1&authmod=adobe&user=streamer");
    }

    #[test]
    fn only_a_refusal_that_is_about_a_login_asks_for_one() {
        for (description, demand) in [
            ("[ authmod=adobe ] : ?reason=authfailed&opaque=vgoAAA==", Some(Demand::Nothing)),
            ("[ authmod=adobe ] : ?reason=nosuchuser", Some(Demand::Nothing)),
            ("[ code=403 need auth; authmod=llnw ]", Some(Demand::Name(Method::Limelight))),
            (
                "[ authmod=adobe ] : ?reason=needauth&salt=a",
                Some(Demand::Proof(Method::Adobe, Question { salt: "a".into(), ..Question::default() })),
            ),
            ("[ code=403 need auth; authmod=other ]", None),
            ("[ authmod=other ] : ?reason=needauth&salt=a", None),
            ("[ authmod=adobe ] : ?reason=full", None),
            ("No room. authmod=adobe", None),
            (&format!("[ authmod=adobe ] : ?reason=needauth&salt=a&opaque={}", "b".repeat(2048)), None),
            ("", None),
        ] {
            assert_eq!(Demand::read(description), demand, "{description}");
        }
    }
}
