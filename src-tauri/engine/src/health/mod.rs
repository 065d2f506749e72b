//! What is wrong with a stream, in words: one place turns facts into a code, a sentence and what to do about it, so that
//! every page, every hook and every check of a destination says the same.

mod encoder;
mod rules;

use std::collections::BTreeMap;

use serde::Serialize;

pub use encoder::Encoder;
pub use rules::{Facts, examine};

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Nothing to do.
    Good,
    /// Worth knowing; nothing is wrong.
    Note,
    /// Works, but not everywhere or not well.
    Warning,
    /// Somebody sees or hears the fault now.
    Bad,
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// A fixed word for programs, such as `key_frames_sparse`.
    pub code: &'static str,
    /// How much it matters.
    pub level: Level,
    /// One sentence: what is wrong.
    pub message: String,
    /// One sentence: what to do; empty when nothing needs to be done.
    pub hint: String,
    /// The numbers in the sentence by name, so that it can be said in another language.
    pub values: BTreeMap<&'static str, f64>,
}

/// How a stream is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Health {
    /// That of the worst finding.
    pub level: Level,
    /// Who encodes, as far as it can be told: what to do is said in its terms.
    pub encoder: Encoder,
    /// The worst first.
    pub findings: Vec<Finding>,
}

impl Health {
    /// Orders the findings and takes the level of the worst.
    pub fn new(encoder: Encoder, mut findings: Vec<Finding>) -> Self {
        findings.sort_by(|a, b| b.level.cmp(&a.level).then(a.code.cmp(b.code)));
        let level = findings.first().map_or(Level::Good, |worst| worst.level);
        Self { level, encoder, findings }
    }
}

impl Default for Health {
    fn default() -> Self {
        Self { level: Level::Good, encoder: Encoder::Other, findings: Vec::new() }
    }
}
