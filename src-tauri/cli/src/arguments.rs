//! The command lines of the predecessor: flags with one dash, and no `serve` before them.

use std::ffi::{OsStr, OsString};

use crate::exit::Exit;

/// The command that is meant when none is given.
const SERVE: &str = "serve";

/// `arguments` (without the program's name) as `--flag` forms without the command. `known` are the flags' long names.
pub(crate) fn normalize(
    arguments: impl IntoIterator<Item = OsString>,
    known: &[String],
) -> Result<Vec<OsString>, Exit> {
    let mut arguments = arguments.into_iter().peekable();
    if let Some(first) = arguments.peek().and_then(|first| first.to_str()).filter(|first| !first.starts_with('-')) {
        if first != SERVE {
            return Err(Exit::Misused(format!("there is no command {first:?}; start it with: weir serve")));
        }
        arguments.next();
    }
    Ok(arguments.map(|argument| two_dashes(&argument, known).unwrap_or(argument)).collect())
}

/// `-listen` and `-listen=:1935` with a second dash. Anything that names no flag is left alone: it may be a value.
fn two_dashes(argument: &OsStr, known: &[String]) -> Option<OsString> {
    let text = argument.to_str()?;
    let flag = text.strip_prefix('-').filter(|flag| !flag.starts_with('-'))?;
    let name = flag.split('=').next()?;
    known.iter().any(|known| known == name).then(|| OsString::from(format!("-{text}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normalized(line: &str) -> Result<String, Exit> {
        let known = ["listen", "record-all", "help"].map(str::to_owned);
        let arguments = normalize(line.split_whitespace().map(OsString::from), &known)?;
        Ok(arguments.iter().map(|argument| argument.to_string_lossy()).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn old_and_new_forms_are_one() {
        for (line, normal) in [
            ("", ""),
            ("serve", ""),
            ("serve --listen :1", "--listen :1"),
            ("-listen :1 -record-all", "--listen :1 --record-all"),
            ("serve -listen=:1=2", "--listen=:1=2"),
            ("--listen -1", "--listen -1"),
            ("-nothing", "-nothing"),
            ("-help", "--help"),
            ("-", "-"),
        ] {
            assert_eq!(normalized(line).unwrap(), normal, "{line}");
        }
        assert!(matches!(normalized("start --listen :1"), Err(Exit::Misused(line)) if line.contains("weir serve")));
    }
}
