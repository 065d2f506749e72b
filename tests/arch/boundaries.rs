//! Words that may stand in one place only.

use crate::tree;

/// The shell's budget: what grows beyond it belongs in the API, where the browser has it too.
const SHELL_LINES: usize = 1000;
/// A file beyond this holds a second idea.
const FILE_LINES: usize = 500;

#[test]
fn only_the_shell_speaks_to_tauri() {
    let mut broken = Vec::new();
    for name in tree::below("", &[".rs"]) {
        // This file has to spell the words it looks for.
        if name.starts_with("src-tauri/src/") || name.starts_with("tests/arch/") {
            continue;
        }
        for (number, line) in tree::text(&name).lines().enumerate() {
            if line.contains("tauri::") || line.contains("use tauri") {
                broken.push(format!("{name}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    tree::none("`tauri::` outside src-tauri/src", &broken);
}

#[test]
fn the_shell_stays_small() {
    let lines: usize =
        tree::below("src-tauri/src/", &[".rs"]).iter().map(|name| tree::text(name).lines().count()).sum();
    assert!(lines > 0 && lines < SHELL_LINES, "src-tauri/src has {lines} lines, its budget is {SHELL_LINES}");
}

#[test]
fn only_the_host_folder_of_the_ui_knows_the_window() {
    let mut broken = Vec::new();
    for name in tree::below("ui/", &[".ts", ".svelte", ".js", ".mjs"]) {
        if name.starts_with("ui/src/") && !name.starts_with("ui/src/host/") && tree::text(&name).contains("@tauri-apps")
        {
            broken.push(name);
        }
    }
    tree::none("@tauri-apps outside ui/src/host", &broken);
}

#[test]
fn features_of_the_ui_do_not_import_each_other() {
    let mut broken = Vec::new();
    for name in tree::below("ui/src/features/", &[".ts", ".svelte"]) {
        let feature = name.split('/').take(4).collect::<Vec<_>>().join("/");
        for import in imports(&name) {
            if import.starts_with("ui/src/features/") && !import.starts_with(&format!("{feature}/")) {
                broken.push(format!("{name} imports {import}"));
            }
        }
    }
    tree::none("a feature imports another feature", &broken);
}

#[test]
fn components_of_the_ui_import_nothing_of_ours_but_components() {
    let allowed = ["ui/src/components/", "ui/src/styles/", "ui/src/i18n"];
    let mut broken = Vec::new();
    for name in tree::below("ui/src/components/", &[".ts", ".svelte"]) {
        for import in imports(&name) {
            if !allowed.iter().any(|folder| import.starts_with(folder)) {
                broken.push(format!("{name} imports {import}"));
            }
        }
    }
    tree::none("a generic piece knows the application", &broken);
}

/// What a file of the UI imports by a relative path, from the repository's root.
fn imports(name: &str) -> Vec<String> {
    let text = tree::text(name);
    let quoted =
        text.lines().filter(|line| line.contains("import") || line.contains(" from ")).flat_map(|line| line.split('"'));
    quoted.filter(|path| path.starts_with("./") || path.starts_with("../")).map(|path| resolve(name, path)).collect()
}

fn resolve(name: &str, path: &str) -> String {
    let mut parts: Vec<&str> = name.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[test]
fn files_hold_one_idea() {
    let mut broken = Vec::new();
    for name in tree::below("", &[".rs", ".ts", ".svelte", ".mjs"]) {
        let lines = tree::text(&name).lines().count();
        // The types made from the API are as long as the API.
        if lines > FILE_LINES && !name.starts_with("ui/src/api/") {
            broken.push(format!("{name} has {lines} lines"));
        }
    }
    tree::none("files of more than 500 lines: look for the second idea", &broken);
}
