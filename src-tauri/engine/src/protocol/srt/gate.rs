//! Where it is asked for SRT who may publish and play.

use weir_hub::Origin;
use weir_srt::handshake::Reject;

use super::admit::Wish;
use super::listen::Shared;
use super::refusal::Refusal;
use crate::auth::{Action, Attempt, Grant, Why};
use crate::lifecycle;

/// Whether the caller may do what it wants, for as long as the grant holds. The gate tells people itself.
pub(super) async fn ask(
    shared: &Shared,
    action: Action,
    wish: &Wish,
    origin: &Origin,
    life: &lifecycle::Connection,
) -> Result<Grant, Refusal> {
    let attempt = Attempt {
        action,
        path: wish.path.clone(),
        token: wish.token.clone(),
        peer: origin.peer,
        protocol: origin.protocol,
        agent: origin.agent.clone(),
    };
    match shared.context.gate.check(attempt).await {
        Ok(grant) => {
            if grant.was_asked_for() {
                life.auth_succeeded();
            }
            Ok(grant)
        }
        Err(refused) => {
            life.auth_failed(action, &wish.path, &refused);
            Err(Refusal {
                reject: match refused.why {
                    Why::Unauthorized => Reject::UNAUTHORIZED,
                    Why::TooManyTries => Reject::FORBIDDEN,
                    Why::Unavailable => Reject::UNAVAILABLE,
                },
                code: refused.code,
                cause: refused.message,
                hint: "",
                path: Some(wish.path.clone()),
                told: true,
            })
        }
    }
}
