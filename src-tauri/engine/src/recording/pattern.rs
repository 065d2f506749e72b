//! Names of segments: a pattern with the letters of the predecessor.

use std::fmt;
use std::str::FromStr;

use jiff::civil::DateTime;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The pattern when none is set.
const DEFAULT: &str = "%s_%T_seg%03d";

/// Longest pattern in bytes; what it becomes must still be a file name.
const MAX_LEN: usize = 100;

/// Most digits a number can be given.
const MAX_DIGITS: usize = 9;

/// A pattern for file names, without the extension.
#[derive(Debug, Clone, PartialEq, Eq, schemars::JsonSchema)]
#[schemars(with = "String")]
pub struct Pattern {
    text: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Stream,
    Number { digits: usize },
    Time(&'static str),
}

/// Why a text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// It names nothing, or too much.
    #[error("a pattern for segments has 1 to {MAX_LEN} bytes")]
    Length,
    /// A percent sign is followed by something that means nothing.
    #[error("{0:?} means nothing in a pattern; use %s %d %03d %T %Y %m %D %H %M %S %%")]
    Unknown(String),
    /// A character that no file name may have.
    #[error("{0:?} cannot be part of a file name")]
    Character(char),
}

impl Pattern {
    /// The name of a first segment of `live/stream` that begins now: what people see while they write a pattern.
    pub fn example(&self) -> String {
        self.name("live_stream", 1, jiff::Zoned::now().datetime())
    }

    /// The name of the segment `number` (from 1) of `stream`, already made safe, that begins at `local`.
    pub(super) fn name(&self, stream: &str, number: u64, local: DateTime) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Stream => stream.to_owned(),
            Part::Number { digits } => format!("{number:0digits$}"),
            Part::Time(format) => local.strftime(format).to_string(),
        };
        self.parts.iter().map(part).collect()
    }
}

impl Default for Pattern {
    fn default() -> Self {
        let stamp = Part::Time("%Y%m%d_%H%M%S");
        let text = |text: &str| Part::Text(text.to_owned());
        let parts = vec![Part::Stream, text("_"), stamp, text("_seg"), Part::Number { digits: 3 }];
        Self { text: DEFAULT.to_owned(), parts }
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        if text.is_empty() || text.len() > MAX_LEN {
            return Err(PatternError::Length);
        }
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut letters = text.chars();
        while let Some(letter) = letters.next() {
            if letter != '%' {
                if !super::path::is_safe(letter) {
                    return Err(PatternError::Character(letter));
                }
                plain.push(letter);
                continue;
            }
            let mut sequence = String::from("%");
            let last = loop {
                let next = letters.next().ok_or_else(|| PatternError::Unknown(sequence.clone()))?;
                sequence.push(next);
                if !next.is_ascii_digit() {
                    break next;
                }
            };
            let digits = sequence.get(1..sequence.len() - last.len_utf8()).unwrap_or_default();
            let part = match last {
                'd' if digits.is_empty() => Part::Number { digits: 1 },
                'd' => {
                    let wide = digits.strip_prefix('0').and_then(|digits| digits.parse().ok());
                    let wide = wide.filter(|digits| (1..=MAX_DIGITS).contains(digits));
                    Part::Number { digits: wide.ok_or_else(|| PatternError::Unknown(sequence.clone()))? }
                }
                _ if !digits.is_empty() => return Err(PatternError::Unknown(sequence)),
                '%' => {
                    plain.push('%');
                    continue;
                }
                's' => Part::Stream,
                'T' => Part::Time("%Y%m%d_%H%M%S"),
                'Y' => Part::Time("%Y"),
                'm' => Part::Time("%m"),
                'D' => Part::Time("%d"),
                'H' => Part::Time("%H"),
                'M' => Part::Time("%M"),
                'S' => Part::Time("%S"),
                _ => return Err(PatternError::Unknown(sequence)),
            };
            if !plain.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut plain)));
            }
            parts.push(part);
        }
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self { text: text.to_owned(), parts })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn name(pattern: &str) -> Result<String, PatternError> {
        let noon = date(2026, 11, 2).at(12, 5, 9, 0);
        pattern.parse().map(|pattern: Pattern| pattern.name("live_show", 7, noon))
    }

    #[test]
    fn every_letter_of_the_predecessor_means_what_it_meant() {
        for (pattern, expected) in [
            (DEFAULT, "live_show_20261102_120509_seg007"),
            ("%s-%d", "live_show-7"),
            ("%05d", "00007"),
            ("%Y.%m.%D %H-%M-%S", "2026.11.02 12-05-09"),
            ("100%%", "100%"),
        ] {
            assert_eq!(name(pattern).unwrap(), expected, "{pattern}");
        }
        assert_eq!(DEFAULT.parse::<Pattern>().unwrap(), Pattern::default());
    }

    #[test]
    fn a_wrong_pattern_is_named() {
        for pattern in ["", "%", "%q", "%3d", "%0d", "%099d", "%5s", "a/b", "a\\b", "a:b", "%\u{e9}"] {
            assert!(name(pattern).is_err(), "{pattern:?}");
        }
    }
}
