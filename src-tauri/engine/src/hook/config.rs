//! What can be set about hooks.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{Seconds, range};
use crate::lifecycle::Kind;

/// Hooks: programs that are run and addresses that are called when something happens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How long one call may take altogether, in seconds, 0.1 or more, the repeated tries of a webhook among them; then the
    /// program and everything it started is ended. Default 30, as the predecessor had it.
    #[serde(deserialize_with = "range::some_time")]
    pub timeout_seconds: Seconds,
    /// How many calls of one hook run at the same time, 1 to 256. Default 10: enough to keep up, too few to smother this
    /// computer.
    pub concurrency: Concurrency,
    /// What is written to standard error for each event, for programs that read it: `off`, `json` or `env`. Default `off`.
    pub stdio: StdioFormat,
    /// The hooks. Default: none.
    pub list: Vec<Hook>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            timeout_seconds: Seconds::new(30),
            concurrency: Concurrency::default(),
            stdio: StdioFormat::Off,
            list: Vec::new(),
        }
    }
}

/// One hook: either `script` or `webhook`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "Written", into = "Written")]
#[schemars(with = "Written")]
pub struct Hook {
    /// Identity, unique among the hooks: its secrets are kept under it.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Whether it is called.
    pub enabled: bool,
    /// The events it is called for.
    pub events: Vec<Kind>,
    /// What is called.
    pub target: Target,
}

/// What a hook calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A program, run without a shell.
    Script {
        /// The program's file.
        path: PathBuf,
        /// Its arguments.
        arguments: Vec<String>,
    },
    /// An address that is sent JSON.
    Webhook {
        /// The address, as far as it is no secret.
        url: String,
    },
}

/// A hook as it is written in the file.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Written {
    /// Identity, unique among the hooks: its secrets are kept under it. Letters, digits, `-` and `_`.
    id: String,
    /// What people call it. Default: its identity.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    name: String,
    /// Whether it is called. Default true.
    #[serde(default = "yes")]
    enabled: bool,
    /// The events it is called for, such as `publish_start`; docs/operation.md lists them.
    events: Vec<Kind>,
    /// A program to run, as a full path or a name that is found in `PATH`. No shell sees it. Either this or `webhook`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    script: Option<PathBuf>,
    /// Arguments of the program, one each. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    arguments: Vec<String>,
    /// An address to send JSON to, `https://` or `http://`. What of it is secret belongs into the window or the API, which keep
    /// it apart from this file. Either this or `script`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    webhook: Option<String>,
}

const fn yes() -> bool {
    true
}

/// Longest identity: it becomes part of the names of secrets.
const MAX_ID: usize = 64;

/// Why a hook cannot be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HookError {
    /// Neither or both.
    #[error("the hook {0:?} needs either a script or a webhook, and not both")]
    Target(String),
    /// Arguments without a program.
    #[error("the hook {0:?} has arguments, which only a script takes")]
    Arguments(String),
    /// The identity has other characters.
    #[error("{0:?} cannot identify a hook: 1 to {MAX_ID} letters, digits, - and _")]
    Id(String),
    /// It would never be called.
    #[error("the hook {0:?} names no events, so it would never be called")]
    NoEvents(String),
    /// The address is none.
    #[error("the address of the hook {0:?} must begin with https:// or http:// and name a host")]
    Url(String),
    /// The path is none.
    #[error("the script of the hook {0:?} is empty; write the path of a program")]
    Path(String),
}

impl Hook {
    /// A hook that holds to the rules.
    pub fn new(id: String, name: String, enabled: bool, events: Vec<Kind>, target: Target) -> Result<Self, HookError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if id.is_empty() || id.len() > MAX_ID || !id.chars().all(plain) {
            return Err(HookError::Id(id.chars().take(MAX_ID).collect()));
        }
        if events.is_empty() {
            return Err(HookError::NoEvents(id));
        }
        match &target {
            Target::Script { path, .. } if path.as_os_str().is_empty() => return Err(HookError::Path(id)),
            Target::Webhook { url } if !is_web_address(url) => return Err(HookError::Url(id)),
            _ => {}
        }
        let name = if name.trim().is_empty() { id.clone() } else { name };
        Ok(Self { id, name, enabled, events, target })
    }
}

/// Whether `url` is an address that can be called.
pub fn is_web_address(url: &str) -> bool {
    reqwest::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// The address without what may be secret: scheme, host and port.
pub fn public_part(url: &str) -> String {
    reqwest::Url::parse(url).map_or_else(|_| String::new(), |url| url.origin().ascii_serialization())
}

impl TryFrom<Written> for Hook {
    type Error = HookError;
    fn try_from(written: Written) -> Result<Self, HookError> {
        let Written { id, name, enabled, events, script, arguments, webhook } = written;
        let target = match (script, webhook) {
            (Some(path), None) => Target::Script { path, arguments },
            (None, Some(_)) if !arguments.is_empty() => return Err(HookError::Arguments(id)),
            (None, Some(url)) => Target::Webhook { url },
            _ => return Err(HookError::Target(id)),
        };
        Self::new(id, name, enabled, events, target)
    }
}

impl From<Hook> for Written {
    fn from(hook: Hook) -> Self {
        let Hook { id, name, enabled, events, target } = hook;
        let name = if name == id { String::new() } else { name };
        let (script, arguments, webhook) = match target {
            Target::Script { path, arguments } => (Some(path), arguments, None),
            Target::Webhook { url } => (None, Vec::new(), Some(url)),
        };
        Self { id, name, enabled, events, script, arguments, webhook }
    }
}

/// What is written to standard error for each event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StdioFormat {
    /// Nothing.
    #[default]
    Off,
    /// `RTMP_EVENT: ` and a JSON object, a line each.
    Json,
    /// A line `# RTMP Event: x`, lines `NAME=value`, and an empty line.
    Env,
}

/// Calls at the same time, 1 to 256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "u16", into = "u16")]
#[schemars(with = "u16")]
pub struct Concurrency(u16);

impl Concurrency {
    /// Most calls at the same time: each may be a process.
    pub const MAX: u16 = 256;

    /// As a number.
    pub const fn calls(self) -> usize {
        self.0 as usize
    }
}

impl Default for Concurrency {
    fn default() -> Self {
        Self(10)
    }
}

/// Not a number of calls.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} hooks at the same time are not possible; choose 1 to 256")]
pub struct ConcurrencyError(pub u16);

impl TryFrom<u16> for Concurrency {
    type Error = ConcurrencyError;
    fn try_from(calls: u16) -> Result<Self, ConcurrencyError> {
        if (1..=Self::MAX).contains(&calls) { Ok(Self(calls)) } else { Err(ConcurrencyError(calls)) }
    }
}

impl From<Concurrency> for u16 {
    fn from(concurrency: Concurrency) -> Self {
        concurrency.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        toml::from_str(text).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn hooks_are_read_and_written_as_people_write_them() {
        let text =
            "[[list]]\nid = \"tell\"\nevents = [\"publish_start\"]\nscript = \"/bin/true\"\narguments = [\"a b\"]\n";
        let config = parse(text).unwrap();
        let Target::Script { arguments, .. } = &config.list[0].target else { panic!("a script") };
        assert_eq!(arguments, &["a b"]);
        assert_eq!(config.list[0].name, "tell");
        let again = toml::to_string(&config).unwrap();
        assert_eq!(parse(&again).unwrap(), config);
        assert!(!again.contains("webhook"), "{again}");
    }

    #[test]
    fn fault_39_what_can_never_work_is_refused_with_a_sentence() {
        for (hook, sentence) in [
            ("id = \"a\"\nevents = [\"publish\"]\nscript = \"x\"", "there is no event \"publish\""),
            ("id = \"a\"\nevents = []\nscript = \"x\"", "names no events"),
            ("id = \"a\"\nevents = [\"play_start\"]", "either a script or a webhook"),
            ("id = \"a\"\nevents = [\"play_start\"]\nscript = \"x\"\nwebhook = \"http://h\"", "and not both"),
            ("id = \"a/b\"\nevents = [\"play_start\"]\nscript = \"x\"", "letters, digits"),
            ("id = \"a\"\nevents = [\"play_start\"]\nwebhook = \"ftp://h/x\"", "https://"),
            ("id = \"a\"\nevents = [\"play_start\"]\nwebhook = \"http://h\"\narguments = [\"x\"]", "only a script"),
            ("id = \"a\"\nevents = [\"play_start\"]\nscript = \"\"", "is empty"),
        ] {
            let error = parse(&format!("[[list]]\n{hook}\n")).unwrap_err();
            assert!(error.contains(sentence), "{hook}: {error}");
        }
        assert!(parse("concurrency = 0").unwrap_err().contains("1 to 256"));
    }

    #[test]
    fn an_address_is_shown_without_what_may_be_secret() {
        assert_eq!(public_part("https://user:canary@host:8443/canary?canary"), "https://host:8443");
        assert_eq!(public_part("https://host/canary"), "https://host");
    }
}
