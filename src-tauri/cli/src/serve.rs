//! `weir serve`: everything that the settings ask for, until the system asks for the end.

use std::time::{Duration, Instant};

use weir_engine::protocol::rtmp::{ReconnectUrl, Whom};
use weir_engine::status::ListenerState;
use weir_engine::{Engine, Paths, Settings};

use crate::exit::Exit;
use crate::signal::{Signals, Wish};
use crate::{page, ports};

/// How long the end may take altogether: players told, recordings closed.
const SHUTDOWN: Duration = Duration::from_millis(4800);
/// How long the page goes on during it, so that it can say so.
const PAGE: Duration = Duration::from_millis(3500);
/// How long after the first signal another one belongs to it: `timeout` and npm pass one on twice, within milliseconds.
const ONE_WISH: Duration = Duration::from_secs(1);

/// Runs until the system asks for the end.
pub(crate) async fn serve(settings: Settings, paths: Paths, reconnect_url: Option<ReconnectUrl>) -> Result<(), Exit> {
    let mut signals = Signals::listen().map_err(Exit::failed)?;
    let sockets = ports::open(settings.config()).await?;
    let engine = Engine::start(settings, paths).await.map_err(Exit::failed)?;
    if let Some(line) = closed_listener(&engine) {
        engine.shutdown().await;
        return Err(Exit::Failed(line));
    }
    let front = match page::start(&engine, sockets) {
        Ok(front) => front,
        Err(exit) => {
            engine.shutdown().await;
            return Err(exit);
        }
    };

    loop {
        match signals.next().await {
            Wish::End => break,
            Wish::Reload => {
                tracing::info!("SIGHUP: files are read again");
                engine.reload().await;
            }
            Wish::Reconnect => {
                engine.request_reconnect(&Whom::Everyone, reconnect_url.as_ref());
            }
        }
    }
    let asked = Instant::now();
    tracing::info!("ending: players are told, recordings closed");
    let shutdown = async {
        let mut ending = tokio::spawn(async move { engine.shutdown().await });
        // Event streams tell of the end, so the page outlives the engine, but not for ever.
        let early = tokio::time::timeout(PAGE, &mut ending).await.is_err();
        front.end().await;
        if early {
            let _ = ending.await;
        }
    };
    tokio::select! {
        ended = tokio::time::timeout(SHUTDOWN, shutdown) => if ended.is_err() {
            tracing::warn!("not everything ended in time");
        },
        () = another_wish(&mut signals, asked) => {
            return Err(Exit::Failed("ended at once by a second signal; recordings may have been cut off".to_owned()));
        }
    }
    Ok(())
}

/// Waits for a signal to end that is not the one that came at `first`, passed on once more.
async fn another_wish(signals: &mut Signals, first: Instant) {
    loop {
        signals.end().await;
        if is_another(first, Instant::now()) {
            return;
        }
    }
}

/// Whether a signal at `now` is another wish than the one at `first`.
fn is_another(first: Instant, now: Instant) -> bool {
    now.saturating_duration_since(first) >= ONE_WISH
}

/// A line for the first listener that is not open: somebody took its port after it was tried.
fn closed_listener(engine: &Engine) -> Option<String> {
    let listeners = engine.listeners();
    let failed = listeners.iter().find(|listener| matches!(listener.state, ListenerState::Failed { .. }))?;
    Some(ports::not_open(&failed.protocol.to_uppercase(), failed.address, &failed.state))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_that_is_passed_on_twice_is_one_wish() {
        let first = Instant::now();
        for (millis, another) in [(0, false), (5, false), (999, false), (1000, true), (60_000, true)] {
            assert_eq!(is_another(first, first + Duration::from_millis(millis)), another, "{millis} ms");
        }
    }
}
