//! Every setting there is.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// Every setting with its default.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ConfigDocument {
    /// What holds, flags included. `/config/schema` describes it.
    #[schema(value_type = Object)]
    pub config: Value,
    /// What would hold if nothing were set.
    #[schema(value_type = Object)]
    pub defaults: Value,
    /// The file that changes are saved to.
    pub file: String,
}
