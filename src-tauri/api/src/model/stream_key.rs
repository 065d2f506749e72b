//! Keys for publishing and for watching.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use weir_engine::auth;

use super::time::from_millis;

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StreamKeyAction {
    /// Sending a stream.
    Publish,
    /// Watching it.
    Play,
}

/// All stream keys.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct StreamKeyList {
    /// The oldest first.
    pub stream_keys: Vec<StreamKey>,
}

/// A stream key, without the secret: that is shown once, when the key is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct StreamKey {
    /// Identity.
    pub id: String,
    /// What people call it.
    #[schema(example = "OBS in the studio")]
    pub name: String,
    /// For which streams: one path, all below an application (`live/*`), or all (`*`).
    #[schema(example = "live/*")]
    pub streams: String,
    /// For what.
    pub action: StreamKeyAction,
    /// When it was made, RFC 3339.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When it last let somebody in, RFC 3339; null when it never did.
    #[schema(format = DateTime)]
    pub last_used_at: Option<String>,
}

/// A key to be made.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StreamKeyCreate {
    /// What people call it, 1 to 100 characters.
    pub name: String,
    /// For which streams: one path, all below an application (`live/*`), or all (`*`). Default: all.
    pub streams: Option<String>,
    /// For what.
    pub action: StreamKeyAction,
}

/// A key that was just made, with its secret: it is not shown again.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct StreamKeySecret {
    /// The key.
    pub stream_key: StreamKey,
    /// The secret. Nothing keeps it but whoever asked for it now.
    pub secret: String,
    /// What follows the application in an encoder's or player's address: the stream's name with the secret. OBS has a field
    /// of its own for it, called Stream Key.
    #[schema(example = "show?token=0123456789abcdefghjkmnpqrs")]
    pub name_with_secret: String,
}

impl From<&auth::StreamKey> for StreamKey {
    fn from(key: &auth::StreamKey) -> Self {
        Self {
            id: key.id.clone(),
            name: key.name.clone(),
            streams: key.streams.clone().into(),
            action: match key.action {
                auth::Action::Publish => StreamKeyAction::Publish,
                auth::Action::Play => StreamKeyAction::Play,
            },
            created_at: from_millis(key.created_at),
            last_used_at: key.last_used_at.map(from_millis),
        }
    }
}

impl From<StreamKeyAction> for auth::Action {
    fn from(action: StreamKeyAction) -> Self {
        match action {
            StreamKeyAction::Publish => Self::Publish,
            StreamKeyAction::Play => Self::Play,
        }
    }
}
