//! A message stream (NetStream): the place where one publish or play happens.

use weir_media::Secret;

use super::event::RequestId;
use crate::message::MediaMessage;

/// Most message streams of a connection; protects memory. Real clients create one.
pub(super) const MAX_STREAMS: usize = 16;
/// Most bytes of media kept while a publish waits for its admission: several seconds at high quality.
pub(super) const MAX_HELD_LEN: usize = 4 * 1024 * 1024;
/// What each kept message is charged on top of its payload, so that empty ones are limited too.
const HELD_OVERHEAD: usize = 256;

#[derive(Debug)]
pub(super) struct NetStream {
    pub(super) id: u32,
    pub(super) role: Role,
}

#[derive(Debug)]
pub(super) enum Role {
    Idle,
    PublishPending { request: RequestId, name: Secret<String>, held: Vec<MediaMessage>, held_len: usize },
    Publishing { request: RequestId, name: Secret<String> },
    PlayPending { request: RequestId, reset: bool },
    Playing { request: RequestId },
}

impl NetStream {
    pub(super) const fn new(id: u32) -> Self {
        Self { id, role: Role::Idle }
    }

    pub(super) const fn request(&self) -> Option<RequestId> {
        match &self.role {
            Role::Idle => None,
            Role::PublishPending { request, .. }
            | Role::Publishing { request, .. }
            | Role::PlayPending { request, .. }
            | Role::Playing { request } => Some(*request),
        }
    }

    /// Whether it takes media from the client, now or once it is admitted.
    pub(super) const fn takes_media(&self) -> bool {
        matches!(self.role, Role::PublishPending { .. } | Role::Publishing { .. })
    }

    /// The name a publish was asked for under.
    pub(super) const fn publish_name(&self) -> Option<&Secret<String>> {
        match &self.role {
            Role::PublishPending { name, .. } | Role::Publishing { name, .. } => Some(name),
            Role::Idle | Role::PlayPending { .. } | Role::Playing { .. } => None,
        }
    }
}

/// Keeps a message that came early; `Err` when that is too much.
pub(super) fn hold(held: &mut Vec<MediaMessage>, held_len: &mut usize, message: MediaMessage) -> Result<(), ()> {
    *held_len = held_len.saturating_add(message.payload.len()).saturating_add(HELD_OVERHEAD);
    if *held_len > MAX_HELD_LEN {
        return Err(());
    }
    held.push(message);
    Ok(())
}
