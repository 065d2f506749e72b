//! Noticing that a file has changed, however it is changed: written in place, replaced, removed, or swapped by a link.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;

/// How long after the first sign it is looked: editors write a file in several steps.
const SETTLE: Duration = Duration::from_millis(100);
/// How often it is looked without any sign: some file systems of networks give none.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Most links that are followed one after the other.
const MAX_LINKS: usize = 40;

/// Watches one file.
#[derive(Debug)]
pub(crate) struct Watch {
    path: PathBuf,
    sign: Arc<Notify>,
    seen: Option<Stamp>,
    /// Signs come for as long as this lives; without it there is only the regular look.
    watcher: Option<RecommendedWatcher>,
    /// Folders that give signs.
    folders: BTreeSet<PathBuf>,
}

/// What tells one state of a file from another.
type Stamp = (SystemTime, u64);

impl Watch {
    /// Watches `path`, which need not exist, from its state now. Blocks where its folder lies on a network.
    pub(crate) fn of(path: &Path) -> Self {
        let sign = Arc::new(Notify::new());
        let heard = Arc::clone(&sign);
        // Of files that are only read, as we do ourselves, there is nothing to see.
        let ours = |event: &notify::Result<notify::Event>| event.as_ref().map_or(true, |event| !event.kind.is_access());
        let watcher = notify::recommended_watcher(move |event| {
            if ours(&event) {
                heard.notify_one();
            }
        });
        let watcher = watcher.inspect_err(|error| tracing::debug!(%error, "the system gives no sign of changes")).ok();
        let (path, folders) = (path.to_owned(), BTreeSet::new());
        // The folders before the file: what changes in between is seen.
        let mut watch = Self { path, sign, seen: None, watcher, folders };
        watch.look_around();
        watch.seen = stamp(&watch.path);
        watch
    }

    /// Watches the folders, not the file: one that is replaced is another one afterwards. A link may lead to another folder, and
    /// another one the next time.
    fn look_around(&mut self) {
        let Some(watcher) = &mut self.watcher else { return };
        let wanted = folders(&self.path);
        for gone in self.folders.difference(&wanted) {
            let _ = watcher.unwatch(gone);
        }
        let mut watched: BTreeSet<PathBuf> = self.folders.intersection(&wanted).cloned().collect();
        for folder in wanted {
            if watched.contains(&folder) {
                continue;
            }
            match watcher.watch(&folder, RecursiveMode::NonRecursive) {
                Ok(()) => drop(watched.insert(folder)),
                Err(error) => {
                    tracing::debug!(folder = %folder.display(), %error, "no sign of changes comes from there")
                }
            }
        }
        self.folders = watched;
    }

    /// Resolves when the file is another one than before. Cancel-safe.
    pub(crate) async fn changed(&mut self) {
        loop {
            let _ = tokio::time::timeout(LOOK_EVERY, self.sign.notified()).await;
            tokio::time::sleep(SETTLE).await;
            let now = stamp(&self.path);
            if now != self.seen {
                self.seen = now;
                self.look_around();
                return;
            }
        }
    }
}

/// The folder of the file, and of what its links lead to.
fn folders(path: &Path) -> BTreeSet<PathBuf> {
    let mut path = path.to_owned();
    let mut folders = BTreeSet::new();
    for _ in 0..MAX_LINKS {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned();
        let target = std::fs::read_link(&path).map(|target| folder.join(target));
        folders.insert(folder);
        let Ok(target) = target else { break };
        path = target;
    }
    folders
}

fn stamp(path: &Path) -> Option<Stamp> {
    let about = std::fs::metadata(path).ok()?;
    Some((about.modified().unwrap_or(SystemTime::UNIX_EPOCH), about.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn writing_replacing_and_removing_are_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let mut watch = Watch::of(&path);
        std::fs::write(&path, "one").unwrap();
        watch.changed().await;
        std::fs::write(folder.path().join("other"), "longer").unwrap();
        std::fs::rename(folder.path().join("other"), &path).unwrap();
        watch.changed().await;
        std::fs::remove_file(&path).unwrap();
        watch.changed().await;
    }

    #[cfg(unix)]
    #[tokio::test(start_paused = true)]
    async fn what_a_link_leads_to_is_watched_there() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["one", "two", "three"] {
            std::fs::create_dir(at(name)).unwrap();
            std::fs::write(at(name).join("file"), name).unwrap();
        }
        std::os::unix::fs::symlink(at("one/file"), at("two/link")).unwrap();
        std::os::unix::fs::symlink("two/link", at("file")).unwrap();
        let watched = |watch: &Watch| watch.folders.iter().cloned().collect::<Vec<_>>();
        let mut watch = Watch::of(&at("file"));
        assert_eq!(watched(&watch), [folder.path().to_owned(), at("one"), at("two")]);
        std::fs::write(at("one/file"), "changed").unwrap();
        watch.changed().await;
        // The link is swapped for another one, as tools do that replace many files at once.
        std::os::unix::fs::symlink(at("three/file"), at("two/new")).unwrap();
        std::fs::rename(at("two/new"), at("two/link")).unwrap();
        watch.changed().await;
        assert_eq!(watched(&watch), [folder.path().to_owned(), at("three"), at("two")]);
    }
}
