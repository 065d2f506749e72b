//! The words of a command line: brought into one form before they are read. The predecessor's flags have one dash, and no
//! `serve` before them.

use std::ffi::{OsStr, OsString};

/// The command that is meant when none is given.
pub(crate) const SERVE: &str = "serve";

/// Flags that are about the program as a whole when they come first.
const OF_ALL: [&str; 3] = ["--help", "-h", "--version"];

/// `arguments` (without the program's name) in the form `serve --flag`. `known` are the flags' long names.
pub(crate) fn normalize(arguments: impl IntoIterator<Item = OsString>, known: &[String]) -> Vec<OsString> {
    let mut normal: Vec<OsString> = Vec::new();
    for argument in arguments {
        let argument = two_dashes(&argument, known).unwrap_or(argument);
        match normal.last_mut().filter(|last| is_below_zero(&argument) && is_flag(last, known)) {
            // For a value, though no good one: the flag has words for it.
            Some(flag) => {
                flag.push("=");
                flag.push(argument);
            }
            None => normal.push(argument),
        }
    }
    let is_serve = normal
        .first()
        .is_none_or(|first| first.to_str().is_some_and(|first| first.starts_with('-') && !OF_ALL.contains(&first)));
    if is_serve {
        normal.insert(0, SERVE.into());
    }
    normal
}

/// `-listen` and `-listen=:1935` with a second dash. Anything that names no flag is left alone: it may be a value.
fn two_dashes(argument: &OsStr, known: &[String]) -> Option<OsString> {
    let text = argument.to_str()?;
    let flag = text.strip_prefix('-').filter(|flag| !flag.starts_with('-'))?;
    let name = flag.split('=').next()?;
    known.iter().any(|known| known == name).then(|| OsString::from(format!("-{text}")))
}

/// `-1`, `-1s`: no flag begins with a digit.
fn is_below_zero(argument: &OsStr) -> bool {
    let digit = argument.to_str().and_then(|text| text.strip_prefix('-')).and_then(|text| text.chars().next());
    digit.is_some_and(|digit| digit.is_ascii_digit())
}

/// Whether it is a flag without a value.
fn is_flag(argument: &OsStr, known: &[String]) -> bool {
    let name = argument.to_str().and_then(|text| text.strip_prefix("--"));
    name.is_some_and(|name| known.iter().any(|known| known == name))
}

/// Whether a flag (`--listen`) is among the arguments.
pub(crate) fn is_given(flag: &str, given: &[OsString]) -> bool {
    given
        .iter()
        .filter_map(|argument| argument.to_str())
        .any(|text| text == flag || text.strip_prefix(flag).is_some_and(|rest| rest.starts_with('=')))
}

/// The environment variable that stands in for a flag.
pub(crate) fn variable(flag: &str) -> String {
    format!("WEIR_{}", flag.trim_start_matches('-').replace('-', "_").to_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normalized(line: &str) -> String {
        let known = ["listen", "record-all", "help", "version", "print-default"].map(str::to_owned);
        let arguments = normalize(line.split_whitespace().map(OsString::from), &known);
        arguments.iter().map(|argument| argument.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn old_and_new_forms_are_one() {
        for (line, normal) in [
            ("", "serve"),
            ("serve", "serve"),
            ("serve --listen :1", "serve --listen :1"),
            ("-listen :1 -record-all", "serve --listen :1 --record-all"),
            ("serve -listen=:1=2", "serve --listen=:1=2"),
            ("--listen -1", "serve --listen=-1"),
            ("-listen -1s -2", "serve --listen=-1s -2"),
            ("-nothing", "serve -nothing"),
            ("-nothing -1", "serve -nothing -1"),
            ("-help", "--help"),
            ("-h", "-h"),
            ("-version", "--version"),
            ("-listen :1 -help", "serve --listen :1 --help"),
            ("-", "serve -"),
            ("config -print-default", "config --print-default"),
            ("recording repair -help", "recording repair --help"),
            ("help serve", "help serve"),
        ] {
            assert_eq!(normalized(line), normal, "{line}");
        }
    }
}
