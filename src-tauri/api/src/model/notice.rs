//! What is wrong with something that goes on existing.

use serde::Serialize;
use utoipa::ToSchema;

/// Why something is not as it should be, in the same three parts as an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Notice {
    /// What a program branches on, e.g. `port_taken`. New codes may appear.
    #[schema(example = "port_taken")]
    pub code: String,
    /// One plain sentence: what is wrong.
    pub message: String,
    /// One plain sentence: what to do; empty when there is nothing to do.
    pub hint: String,
}

/// The word that a fixed code of the engine has on the wire.
pub(crate) fn word(code: &impl Serialize) -> String {
    serde_json::to_value(code).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}
