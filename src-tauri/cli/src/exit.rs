//! How the program ends, and the one line it says then.

use std::fmt::Display;
use std::io::Write as _;
use std::process::ExitCode;

use weir_engine::log;

/// An end that is not a plain success.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// What was asked for is a text, such as the version: code 0.
    Answer(String),
    /// It could not do its work: code 1.
    Failed(String),
    /// It could not do its work, and has said so: code 1.
    Told,
    /// It was called in a wrong way: code 2.
    Misused(String),
}

impl Exit {
    /// A failure in the words of an error.
    pub(crate) fn failed(error: impl Display) -> Self {
        Self::Failed(error.to_string())
    }

    /// A wrong call in the words of an error.
    pub(crate) fn misused(error: impl Display) -> Self {
        Self::Misused(error.to_string())
    }

    /// Says its line.
    pub(crate) fn tell(self) -> ExitCode {
        let (line, code) = match self {
            Self::Answer(text) => {
                say(&text);
                return ExitCode::SUCCESS;
            }
            Self::Told => return ExitCode::FAILURE,
            Self::Failed(line) => (line, 1),
            Self::Misused(line) => (line, 2),
        };
        let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        log::to_stderr(&format!("weir: {line}\n"));
        log::flush_stderr();
        ExitCode::from(code)
    }
}

/// Writes to standard output, always by this: who reads it may have gone, as `head` does, which is no reason to fail.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{}", text.trim_end());
}
