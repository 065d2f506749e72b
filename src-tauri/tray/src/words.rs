//! The shell's own words: out of the page's language files, in the page's language.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The language files, by the language's tag. The page reads the same files.
const FILES: [(&str, &str); 2] =
    [("en", include_str!("../../../ui/src/i18n/en.json")), ("de", include_str!("../../../ui/src/i18n/de.json"))];

/// Declares the keys, so that a test can hold them against the files.
macro_rules! keys {
    ($($name:ident = $key:literal;)*) => {
        /// A sentence of the language files.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Key { $(#[doc = $key] $name,)* }

        impl Key {
            #[cfg(test)]
            const ALL: &[Self] = &[$(Self::$name,)*];

            const fn name(self) -> &'static str {
                match self { $(Self::$name => $key,)* }
            }
        }
    };
}

keys! {
    TrayOpen = "shell.tray.open";
    TrayIdle = "shell.tray.idle";
    TrayLive = "shell.tray.live";
    TrayTrouble = "shell.tray.trouble";
    TrayCopy = "shell.tray.copy";
    TrayRecord = "shell.tray.record";
    TrayRecordStop = "shell.tray.recordStop";
    TrayDestinations = "shell.tray.destinations";
    TrayFolder = "shell.tray.folder";
    TrayQuit = "shell.tray.quit";
    CloseTitle = "shell.close.title";
    CloseTray = "shell.close.tray";
    CloseMinimized = "shell.close.minimized";
    QuitTitle = "shell.quit.title";
    QuitWords = "shell.quit.words";
    QuitYes = "shell.quit.yes";
    QuitNo = "shell.quit.no";
    SaveTitle = "shell.save.title";
    NoticeStarted = "shell.notice.started";
    NoticeLost = "shell.notice.lost";
    NoticeBack = "shell.notice.back";
    NoticeLegStopped = "shell.notice.legStopped";
    NoticeLegBack = "shell.notice.legBack";
    NoticeLittleSpace = "shell.notice.littleSpace";
    NoticeRecordingFailed = "shell.notice.recordingFailed";
    NoticeListenerFailed = "shell.notice.listenerFailed";
}

/// The words in the language in use. Cheap to clone; clones share the language.
#[derive(Debug, Clone)]
pub struct Words(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    files: BTreeMap<&'static str, BTreeMap<String, String>>,
    language: Mutex<&'static str>,
}

impl Words {
    /// Begins in the system's language; the page says it when a person chose another.
    pub fn new(system: Option<&str>) -> Self {
        let files = FILES.iter().map(|(tag, text)| (*tag, serde_json::from_str(text).unwrap_or_default())).collect();
        let words = Self(Arc::new(Shared { files, language: Mutex::new(FILES[0].0) }));
        words.choose(system.unwrap_or_default());
        words
    }

    /// Takes the language of a tag such as `de-AT` or `de_AT.UTF-8`, when there is such a file. Returns whether it changed.
    pub fn choose(&self, tag: &str) -> bool {
        let wanted = tag.split(['-', '_', '.']).next().unwrap_or_default();
        let Some((known, _)) = FILES.iter().find(|(known, _)| *known == wanted) else { return false };
        let mut language = self.0.language.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *language, known) != *known
    }

    /// The sentence of `key` with its `{places}` filled.
    pub fn say(&self, key: Key, places: &[(&str, &str)]) -> String {
        let language = *self.0.language.lock().unwrap_or_else(PoisonError::into_inner);
        let text = self.0.files.get(language).and_then(|file| file.get(key.name())).map_or("", String::as_str);
        places.iter().fold(text.to_owned(), |text, (place, value)| text.replace(&format!("{{{place}}}"), value))
    }
}

/// The language the system was set to, where it says so by the environment; elsewhere the page tells it.
pub fn of_system() -> Option<String> {
    ["LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|tag| !tag.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_have_just_the_shells_sentences() {
        for (tag, text) in FILES {
            let file: BTreeMap<String, String> = serde_json::from_str(text).expect("a language file");
            let there: Vec<&str> = file.keys().map(String::as_str).filter(|key| key.starts_with("shell.")).collect();
            let mut wanted: Vec<&str> = Key::ALL.iter().map(|key| key.name()).collect();
            wanted.sort_unstable();
            assert_eq!(there, wanted, "{tag}");
        }
    }

    #[test]
    fn a_sentence_is_said_in_the_language_chosen() {
        let words = Words::new(Some("fr_FR.UTF-8"));
        assert_eq!(words.say(Key::NoticeLost, &[("stream", "live/a")]), "live/a: the encoder is gone");
        assert!(words.choose("de-AT") && !words.choose("de"));
        assert_eq!(words.say(Key::NoticeLost, &[("stream", "live/a")]), "live/a: Der Encoder ist weg");
    }
}
