//! The language of tray, notifications and dialogs: the page's.

use tauri::State;

use super::tray::Tray;
use weir_tray::Words;

/// The page tells the language it is shown in.
#[tauri::command]
pub(super) fn set_language(words: State<'_, Words>, tray: State<'_, Tray>, language: String) {
    if words.choose(&language) {
        tray.retell();
    }
}
