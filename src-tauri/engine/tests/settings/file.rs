//! The same by saving the file, and when the file and the program are changed at the same moment.

use weir_engine::{Config, Engine, Paths, Profile, Settings};

use crate::support;
use crate::support::rtmp::Server;

#[tokio::test]
async fn a_saved_file_is_followed_while_streams_go_on_and_a_mistake_in_it_changes_nothing() {
    let server = Server::start(|_| ()).await;
    let engine = &server.engine;
    let mut publisher = server.publish("show").await;
    publisher.send_headers(0).await;
    publisher.send_video(0, true, b"begin").await;
    let file = engine.paths().config_file.clone();
    let save = |text: &str| std::fs::write(&file, format!("[rtmp]\nlisten = [\"127.0.0.1:0\"]\n{text}")).unwrap();
    save("[streams]\ngrace_seconds = 3\n");
    support::until(engine, "the new time", || {
        (engine.config().streams.grace_seconds.duration().as_secs() == 3).then_some(())
    })
    .await;
    save("[streams]\ngrace_seconds = 4\n[rtmp\n");
    let message = support::until(engine, "the problem", || {
        let problems = engine.context().problems.list();
        problems.into_iter().find(|problem| problem.code == "settings_invalid").map(|problem| problem.message)
    })
    .await;
    assert!(message.contains("line 5, column"), "{message}");
    assert_eq!(engine.config().streams.grace_seconds.duration().as_secs(), 3);
    // SIGHUP asks for the same; it says so again and changes nothing.
    assert!(!engine.reload_settings().await);
    save("");
    assert!(engine.reload_settings().await, "back to the defaults, at once");
    assert_eq!(engine.config().streams.grace_seconds.duration().as_secs(), 10);
    publisher.send_video(40, false, b"end").await;
    support::until(engine, "the picture", || {
        (engine.streams().first()?.tracks.iter().map(|track| track.frames).sum::<u64>() == 2).then_some(())
    })
    .await;
}

/// An editor saves while somebody changes a setting in the window: nobody waits for the other, and nothing is lost silently.
#[tokio::test]
async fn a_change_and_a_save_at_the_same_moment_both_hold_or_the_loser_is_told() {
    let server = Server::start(|_| ()).await;
    let engine = &server.engine;
    let file = engine.paths().config_file.clone();
    let save = |text: &str| std::fs::write(&file, format!("[rtmp]\nlisten = [\"127.0.0.1:0\"]\n{text}")).unwrap();
    let change = async |before: &Config, change: &dyn Fn(&mut Config)| {
        let mut after = before.clone();
        change(&mut after);
        engine.apply_change(before, &after).await.unwrap();
    };
    // The page was opened before the file was saved, and is used right after.
    let seen = engine.config();
    save("[streams]\ngrace_seconds = 3\n");
    change(&seen, &|config| config.recording.keep_days = 4).await;
    let config = engine.config();
    assert_eq!((config.streams.grace_seconds.duration().as_secs(), config.recording.keep_days), (3, 4));
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("grace_seconds = 3") && text.contains("keep_days = 4"), "{text}");
    assert!(server.problems().is_empty(), "nothing was lost");
    // Both change the same: the later one holds, and people are told.
    let seen = engine.config();
    save("[streams]\ngrace_seconds = 5\n[recording]\nkeep_days = 4\n");
    change(&seen, &|config| config.streams.grace_seconds = weir_engine::config::Seconds::new(6)).await;
    assert_eq!(engine.config().streams.grace_seconds.duration().as_secs(), 6);
    let told = || {
        let problems = engine.context().problems.list();
        problems.into_iter().rfind(|problem| problem.code == "settings_overwritten")
    };
    assert!(told().unwrap().message.contains("streams.grace_seconds"), "{:?}", told());
    // The editor did not know, and saves what it has: now the file is the later one.
    save("[streams]\ngrace_seconds = 7\n");
    support::until(engine, "the file", || {
        (engine.config().streams.grace_seconds.duration().as_secs() == 7).then_some(())
    })
    .await;
    assert_eq!(engine.config().recording.keep_days, 0, "the file says nothing of it any more");
    support::until(engine, "the notice", || told().filter(|told| told.count > 1 || told.message.contains("keep_days")))
        .await;
    // With a mistake in the file a change is not lost, and neither is what somebody wrote.
    let seen = engine.config();
    save("[streams]\ngrace_seconds = \n");
    change(&seen, &|config| config.recording.keep_days = 8).await;
    assert_eq!(engine.config().recording.keep_days, 8);
    let aside = file.with_file_name("config.toml.broken");
    assert!(std::fs::read_to_string(aside).unwrap().contains("grace_seconds = \n"));
    assert!(server.problems().contains(&"settings_put_aside".to_owned()));
}

/// A file that a person keeps, with remarks, for a group, behind a link from where Weir looks for it.
#[cfg(unix)]
#[tokio::test]
async fn a_change_leaves_remarks_mode_and_link_of_the_file_and_edits_behind_the_link_are_followed() {
    use std::os::unix::fs::PermissionsExt as _;

    const TEXT: &str = "# The studio's settings\n[rtmp]\nlisten = [\"127.0.0.1:0\"] # any port\n\n\
                        [recording] # the big disk\n# Kim wants three\nkeep_days = 3\n";
    let folder = tempfile::tempdir().unwrap();
    let (kept, link) = (folder.path().join("kept"), folder.path().join("data/config.toml"));
    std::fs::create_dir_all(&kept).unwrap();
    std::fs::create_dir_all(folder.path().join("data")).unwrap();
    let file = kept.join("studio.toml");
    std::fs::write(&file, TEXT).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o664)).unwrap();
    std::os::unix::fs::symlink("../kept/studio.toml", &link).unwrap();
    let paths = Paths::under(&folder.path().join("data"));
    let engine = Engine::start(Settings::load(&link, Profile::Desktop).unwrap(), paths).await.unwrap();
    assert_eq!(engine.config().recording.keep_days, 3);

    let mut config = engine.config();
    (config.recording.keep_days, config.log.files) = (4, 9);
    engine.apply(config).await.unwrap();
    let changed = TEXT.replace("keep_days = 3", "keep_days = 4") + "\n[log]\nfiles = 9\n";
    assert_eq!(std::fs::read_to_string(&file).unwrap(), changed);
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o664);
    assert!(std::fs::symlink_metadata(&link).unwrap().file_type().is_symlink());
    assert_eq!(std::fs::read_dir(&kept).unwrap().count(), 1);

    std::fs::write(&file, changed.replace("keep_days = 4", "keep_days = 5")).unwrap();
    support::until(&engine, "the file behind the link", || (engine.config().recording.keep_days == 5).then_some(()))
        .await;
    // Another file is put behind the link, whole.
    std::fs::write(kept.join("next.toml"), TEXT.replace("keep_days = 3", "keep_days = 6")).unwrap();
    std::os::unix::fs::symlink("../kept/next.toml", folder.path().join("data/new")).unwrap();
    std::fs::rename(folder.path().join("data/new"), &link).unwrap();
    support::until(&engine, "the other file", || (engine.config().recording.keep_days == 6).then_some(())).await;
    assert_eq!(engine.config().log.files, 5, "which says nothing of the log");
    engine.shutdown().await;
}
