//! What went wrong lately, kept so that a page can show it.

use serde::Serialize;
use utoipa::ToSchema;

/// What went wrong lately.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ProblemList {
    /// Newest first.
    pub problems: Vec<Problem>,
}

/// A refused attempt or another thing that a person may have to act on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// Identity, unique in this run of the program.
    pub id: u64,
    /// When it happened last, RFC 3339.
    #[schema(format = DateTime)]
    pub at: String,
    /// How often the same thing happened to the same address.
    pub count: u64,
    /// What a program branches on. New codes may appear.
    #[schema(example = "publisher_exists")]
    pub code: String,
    /// One plain sentence: what happened.
    pub message: String,
    /// One plain sentence: what to do; empty when there is nothing to do.
    pub hint: String,
    /// The stream, when there is one.
    pub stream: Option<String>,
    /// Address of the other side, without its port, when there is one.
    pub remote: Option<String>,
}

impl From<weir_engine::Problem> for Problem {
    fn from(problem: weir_engine::Problem) -> Self {
        let remote = problem.address().map(str::to_owned);
        Self {
            id: problem.id,
            at: super::time::from_millis(problem.at),
            count: problem.count,
            code: problem.code,
            message: problem.message,
            hint: problem.hint,
            stream: problem.path,
            remote,
        }
    }
}
