//! Whatever the engine tells people by a code, the page says in every language: a code without words would be English only.

use std::collections::BTreeSet;

use crate::tree;

/// The codes of reports: `code: "x"`, and `("x", "hint")` in the modules that choose between several.
fn codes(text: &str) -> BTreeSet<String> {
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    let mut found = BTreeSet::new();
    for (before, after) in [("code: \"", "\""), ("(\"", "\", ")] {
        for rest in text.split(before).skip(1) {
            let Some((word, _)) = rest.split_once(after) else { continue };
            let is_code = word.contains('_') && word.chars().all(|c| c.is_ascii_lowercase() || c == '_');
            if is_code && word.len() < 40 {
                found.insert(word.to_owned());
            }
        }
    }
    found
}

#[test]
fn every_problem_has_words_in_every_language() {
    // Where problems are reported. A field of a log line or a setting may look like a code too, but not in these.
    let places = [
        "/over.rs",
        "/refusal.rs",
        "/gate.rs",
        "/listen.rs",
        "/listener.rs",
        "/heal.rs",
        "/recorder.rs",
        "/store.rs",
        "/hook/mod.rs",
    ];
    let engine = tree::below("src-tauri/engine/src/", &places);
    assert!(engine.len() > 8, "the places have moved: {engine:?}");
    let codes: BTreeSet<String> = engine.iter().flat_map(|name| codes(&tree::text(name))).collect();
    assert!(codes.len() > 30, "few codes are found: {codes:?}");
    let mut missing = Vec::new();
    for language in tree::below("ui/src/i18n/", &[".json"]) {
        let words = tree::text(&language);
        let lacks = |code: &&String| !words.contains(&format!("\"problem.{code}.message\""));
        missing.extend(codes.iter().filter(lacks).map(|code| format!("{language}: problem.{code}.message")));
    }
    tree::none("Every problem the engine reports needs words in ui/src/i18n", &missing);
}
