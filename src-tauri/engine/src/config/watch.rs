//! Following the settings file while Weir runs: whoever saves it with an editor sees the change at once.

use std::path::PathBuf;

use crate::engine::Engine;
use crate::supervise::End;
use crate::watch::Watch;

/// Watches the file and has `engine` read it when it changed, until the engine ends.
pub(crate) async fn watch(engine: Engine, file: PathBuf) -> End {
    let stopping = engine.context().supervisor.stopping().clone();
    let watched = file.clone();
    // On another thread: the folder may lie on a network.
    let started = tokio::task::spawn_blocking(move || {
        let folder = watched.parent().filter(|folder| !folder.as_os_str().is_empty());
        // Whoever makes the file later is to be noticed as well.
        if let Some(Err(error)) = folder.map(std::fs::create_dir_all) {
            tracing::warn!(file = %watched.display(), %error, "the folder of the settings file cannot be made");
        }
        Watch::of(&watched)
    });
    let Ok(mut watch) = started.await else { return End::Failed("the file cannot be watched".to_owned()) };
    // What was saved between the reading of the file and the beginning of the watch.
    if file.exists() {
        engine.reload_settings().await;
    }
    loop {
        tokio::select! {
            () = watch.changed() => {}
            () = stopping.cancelled() => return End::Stopped,
        }
        engine.reload_settings().await;
    }
}
