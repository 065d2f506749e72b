//! What stands at the top of the repository, and nothing else.

use std::collections::BTreeSet;

use crate::tree;

const TOP: &[&str] = &[
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "docs",
    "icons",
    "package-lock.json",
    "package.json",
    "src-tauri",
    "tauri.conf.json",
    "tests",
    "ui",
];

#[test]
fn the_top_level_holds_what_the_layout_says_and_nothing_else() {
    let top: BTreeSet<String> = tree::files()
        .iter()
        .map(|name| name.split('/').next().unwrap_or(name).to_owned())
        .filter(|name| !name.starts_with('.'))
        .collect();
    let expected: BTreeSet<String> = TOP.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(top, expected);
}

#[test]
fn every_crate_folder_says_why_it_exists() {
    let mut broken = Vec::new();
    for name in tree::below("", &[".rs"]) {
        if !tree::text(&name).starts_with("//!") && !name.starts_with("tests/fuzz/") {
            broken.push(name);
        }
    }
    tree::none("a Rust file begins with `//!` and why it exists", &broken);
}
