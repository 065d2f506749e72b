//! `weir serve`: everything that the settings ask for, until the system asks for the end.

use std::time::Duration;

use tokio::sync::watch;
use weir_engine::Engine;
use weir_engine::net::{self, ListenAddress};
use weir_engine::protocol::rtmp::Whom;
use weir_engine::status::ListenerState;

use crate::exit::Exit;
use crate::flags::Flags;
use crate::page;
use crate::settings::settings;
use crate::signal::{Signals, Wish};

/// How long the end may take altogether: players told, recordings closed.
const SHUTDOWN: Duration = Duration::from_millis(4800);
/// How long the page goes on during it, so that it can say so.
const PAGE: Duration = Duration::from_millis(3500);

/// Runs until the system asks for the end.
pub(crate) async fn serve(flags: Flags) -> Result<(), Exit> {
    let reconnect_url = flags.reconnect_url.clone();
    let (settings, paths) = settings(flags)?;
    let mut signals = Signals::listen().map_err(Exit::failed)?;
    try_rtmp(settings.config().rtmp.addresses()).await?;
    let sockets = page::open(&settings.config().http.listen).await?;
    let engine = Engine::start(settings, paths).await.map_err(Exit::failed)?;
    if let Some(line) = closed_listener(&engine) {
        engine.shutdown().await;
        return Err(Exit::Failed(line));
    }
    let (end_page, page_ends) = watch::channel(());
    let end = async move {
        let mut page_ends = page_ends;
        // Only the sender's end counts.
        while page_ends.changed().await.is_ok() {}
    };
    let end = futures_util::FutureExt::shared(end);
    let servers = match page::start(&engine, sockets, end) {
        Ok(servers) => servers,
        Err(exit) => {
            engine.shutdown().await;
            return Err(exit);
        }
    };

    while signals.next().await == Wish::Reconnect {
        engine.request_reconnect(&Whom::Everyone, reconnect_url.as_ref());
    }
    tracing::info!("ending: players are told, recordings closed");
    let shutdown = async {
        let mut ending = tokio::spawn(async move { engine.shutdown().await });
        // Event streams tell of the end, so the page outlives the engine, but not for ever.
        let early = tokio::time::timeout(PAGE, &mut ending).await.is_err();
        drop(end_page);
        servers.join_all().await;
        if early {
            let _ = ending.await;
        }
    };
    tokio::select! {
        ended = tokio::time::timeout(SHUTDOWN, shutdown) => if ended.is_err() {
            tracing::warn!("not everything ended in time");
        },
        () = signals.end() => {
            return Err(Exit::Failed("ended at once by a second signal; recordings may have been cut off".to_owned()));
        }
    }
    Ok(())
}

/// Opens the addresses of RTMP for a moment: what is wrong with them is said before anything else begins, in one line. The
/// engine alone would go on without them, as the window wants it.
async fn try_rtmp(addresses: &[ListenAddress]) -> Result<(), Exit> {
    for address in addresses {
        net::open(*address).await.map_err(|state| Exit::Failed(page::not_open("RTMP", *address, &state)))?;
    }
    Ok(())
}

/// A line for the first RTMP listener that is not open: somebody took its port after [`try_rtmp`].
fn closed_listener(engine: &Engine) -> Option<String> {
    let listeners = engine.listeners();
    let failed = listeners.iter().find(|listener| matches!(listener.state, ListenerState::Failed { .. }))?;
    Some(page::not_open("RTMP", failed.address, &failed.state))
}
