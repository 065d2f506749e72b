//! The one task that hears what happens and hands it to the hooks.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt as _;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinSet;

use super::payload::Payload;
use super::queue::{Held, Queue, Waiting};
use super::{Hooks, Plan, Ready, StdioFormat, keys, stdio};
use crate::lifecycle::Event;
use crate::supervise::End;

/// Calls of one hook that wait. Beyond it the hook is too slow for what happens, and more waiting only makes it late.
const ROOM: usize = 1000;

/// A call that waits for its turn.
type Job = (Arc<Ready>, Arc<Payload>);

/// Tells the hooks until the engine ends, then what is left.
pub(super) async fn run(hooks: Hooks, mut life: Receiver<Arc<Event>>) -> End {
    let (stopping, cut) = (hooks.0.tasks.stopping().clone(), hooks.0.cut.clone());
    let mut plans = hooks.0.plan.subscribe();
    let mut plan = Arc::clone(&plans.borrow_and_update());
    let mut queue: Queue<Job> = Queue::new(ROOM);
    let mut calls: JoinSet<Held> = JoinSet::new();
    let mut ending = false;
    loop {
        while let Some(((hook, payload), held)) = queue.next(plan.concurrency) {
            let (hooks, limit) = (hooks.clone(), plan.limit);
            calls.spawn(async move {
                // A bug in one call must not keep its stream waiting.
                let call = AssertUnwindSafe(hooks.call(&hook, &payload, limit, false)).catch_unwind();
                if call.await.is_err() {
                    tracing::error!(hook = hook.id, "a hook ended by a bug in Weir (panic)");
                }
                held
            });
        }
        if ending && queue.is_idle() && life.is_empty() {
            return End::Stopped;
        }
        tokio::select! {
            biased;
            Some(done) = calls.join_next(), if !calls.is_empty() => if let Ok(held) = done {
                queue.done(held);
            },
            changed = plans.changed() => {
                if changed.is_err() {
                    return End::done("the hooks are gone");
                }
                plan = Arc::clone(&plans.borrow_and_update());
                queue.keep_only(|id| plan.hooks.iter().any(|hook| hook.id == id && hook.enabled));
            }
            event = life.recv() => match event {
                Ok(event) => take(&hooks, &plan, &mut queue, &event),
                Err(RecvError::Lagged(lost)) => hooks.0.lost(lost),
                Err(RecvError::Closed) => return End::done("the engine is gone"),
            },
            () = stopping.cancelled(), if !ending => ending = true,
            () = cut.cancelled() => {
                calls.shutdown().await;
                return End::Stopped;
            }
        }
    }
}

fn take(hooks: &Hooks, plan: &Plan, queue: &mut Queue<Job>, event: &Event) {
    let kind = event.kind();
    let mut wanted = plan.hooks.iter().filter(|hook| hook.enabled && hook.events.contains(&kind)).peekable();
    if wanted.peek().is_none() && plan.stdio == StdioFormat::Off {
        return;
    }
    let payload = Arc::new(Payload::new(event));
    if !stdio::write(plan.stdio, &payload) {
        hooks.0.lost(1);
    }
    for hook in wanted {
        let call = (Arc::clone(hook), Arc::clone(&payload));
        if queue.push(Waiting { hook: hook.id.clone(), keys: keys(event), call }).is_err() {
            hooks.0.leave_out(hook);
        }
    }
}
