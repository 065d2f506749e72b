//! After the computer slept: what waits for a later attempt tries again at once.

use std::time::{Duration, SystemTime};

use crate::destination::Destinations;
use crate::engine::Context;
use crate::problem::Report;
use crate::supervise::End;

/// How often the clock is looked at.
const LOOK: Duration = Duration::from_secs(5);
/// A look that comes later than this was not late, the computer was asleep: no scheduler is that busy.
const SLEPT: Duration = Duration::from_secs(20);

/// Follows the clock until the engine ends.
pub(crate) async fn watch(context: Context, destinations: Destinations) -> End {
    let mut clock = tokio::time::interval(LOOK);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut last = SystemTime::now();
    loop {
        tokio::select! {
            _ = clock.tick() => {}
            () = context.supervisor.stopping().cancelled() => return End::Stopped,
        }
        let now = SystemTime::now();
        if let Some(slept) = slept(last, now) {
            destinations.retry_all();
            context.problems.report(report(slept));
        }
        last = now;
    }
}

/// How long the computer slept between two looks. Clocks of tasks stand still meanwhile on some systems and go on on
/// others; the wall clock goes on everywhere.
fn slept(last: SystemTime, now: SystemTime) -> Option<Duration> {
    now.duration_since(last).ok().filter(|passed| *passed > SLEPT).map(|passed| passed.saturating_sub(LOOK))
}

fn report(slept: Duration) -> Report {
    let minutes = slept.as_secs().div_ceil(60);
    let s = if minutes == 1 { "" } else { "s" };
    Report {
        code: "slept",
        message: format!("The computer was asleep for about {minutes} minute{s}, and Weir with it."),
        hint: "Destinations connect again now. While a stream is live the window keeps the computer awake if the settings \
               allow it; a closed lid overrules that."
            .to_owned(),
        ..Report::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleep_is_told_from_a_late_look_and_from_a_clock_that_was_set_back() {
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        for (passed, expected) in [(5, None), (20, None), (21, Some(16)), (3605, Some(3600))] {
            assert_eq!(
                slept(start, start + Duration::from_secs(passed)),
                expected.map(Duration::from_secs),
                "{passed}"
            );
        }
        assert_eq!(slept(start, start - Duration::from_secs(60)), None);
        assert!(report(Duration::from_secs(61)).message.contains("2 minutes"));
        assert!(report(Duration::from_secs(30)).message.contains("1 minute,"));
    }
}
