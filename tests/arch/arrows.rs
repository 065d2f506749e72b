//! Dependencies point one way: `media, amf0 <- flv <- rtmp`; `media <- mpegts, mp4`;
//! `media <- hub <- engine <- api <- cli, desktop`. What only tests use may come from anywhere.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use crate::tree;

/// What each crate may know of ours. A new crate must be placed here, which is the moment to think about its arrow.
const ARROWS: &[(&str, &[&str])] = &[
    ("weir-media", &[]),
    ("weir-amf0", &[]),
    ("weir-flv", &["weir-media", "weir-amf0"]),
    ("weir-rtmp", &["weir-media", "weir-amf0", "weir-flv"]),
    ("weir-mp4", &["weir-media"]),
    ("weir-mpegts", &["weir-media"]),
    // Carries bytes and knows nothing of what is in them.
    ("weir-srt", &[]),
    ("weir-hub", &["weir-media"]),
    (
        "weir-engine",
        &["weir-hub", "weir-media", "weir-amf0", "weir-flv", "weir-rtmp", "weir-mp4", "weir-mpegts", "weir-srt"],
    ),
    ("weir-api", &["weir-engine", "weir-hub", "weir-media"]),
    ("weir-cli", &["weir-api", "weir-engine", "weir-hub", "weir-media"]),
    // What a desktop says and does beside the window; a crate of its own so that it is tested without a web view.
    ("weir-tray", &["weir-api", "weir-engine"]),
    ("weir-desktop", &["weir-api", "weir-engine", "weir-hub", "weir-media", "weir-tray"]),
    // The load generator speaks the protocols itself: what measures must not share our faults.
    ("weir-load", &[]),
];

/// What a crate in `proto` may take from outside: data structures and arithmetic. Nothing here can reach a clock, a
/// socket, a task, a file or the system's randomness.
const PURE: &[&str] = &[
    "aes",
    "aes-kw",
    "base64",
    "bytes",
    "ctr",
    "hmac",
    "md-5",
    "memchr",
    "pbkdf2",
    "sha1",
    "sha2",
    "subtle",
    "thiserror",
];

/// What their tests may take besides.
const PURE_IN_TESTS: &[&str] = &["hex", "proptest", "serde", "serde_json", "tempfile", "libtest-mimic"];

struct Package {
    name: String,
    folder: String,
    dependencies: Vec<Dependency>,
}

struct Dependency {
    name: String,
    in_tests_only: bool,
}

fn packages() -> Vec<Package> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let arguments = ["metadata", "--format-version=1", "--no-deps", "--offline"];
    let metadata = Command::new(cargo).args(arguments).current_dir(tree::root()).output().expect("cargo runs");
    assert!(metadata.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&metadata.stderr));
    let metadata: Value = serde_json::from_slice(&metadata.stdout).expect("cargo metadata is JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    packages.iter().map(package).collect()
}

fn package(value: &Value) -> Package {
    let string = |value: &Value| value.as_str().expect("a string").to_owned();
    let manifest = string(&value["manifest_path"]).replace('\\', "/");
    let root = tree::root().to_string_lossy().replace('\\', "/");
    let inside = manifest.strip_prefix(&root).expect("a member of this workspace");
    let dependencies = value["dependencies"].as_array().expect("dependencies");
    Package {
        name: string(&value["name"]),
        folder: inside.trim_start_matches('/').trim_end_matches("Cargo.toml").to_owned(),
        dependencies: dependencies
            .iter()
            .map(|it| Dependency { name: string(&it["name"]), in_tests_only: it["kind"] == "dev" })
            .collect(),
    }
}

#[test]
fn dependencies_point_one_way() {
    let arrows: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    let mut broken = Vec::new();
    for package in packages() {
        let Some(allowed) = arrows.get(package.name.as_str()) else {
            broken.push(format!("{} is not in tests/arch/arrows.rs: say there what it may depend on", package.name));
            continue;
        };
        let ours = package.dependencies.iter().filter(|it| it.name.starts_with("weir-") && !it.in_tests_only);
        for dependency in ours {
            if !allowed.contains(&dependency.name.as_str()) {
                broken.push(format!("{} must not depend on {}", package.name, dependency.name));
            }
        }
    }
    tree::none("an arrow turned", &broken);
}

#[test]
fn every_crate_named_in_the_arrows_exists() {
    let real: BTreeSet<String> = packages().into_iter().map(|package| package.name).collect();
    let gone: Vec<String> =
        ARROWS.iter().map(|(name, _)| (*name).to_owned()).filter(|name| !real.contains(name)).collect();
    tree::none("these crates are no more", &gone);
}

#[test]
fn the_document_names_every_crate() {
    let document = tree::text("docs/architecture.md");
    let unnamed: Vec<String> =
        packages().into_iter().map(|it| it.name).filter(|name| !document.contains(&format!("`{name}`"))).collect();
    tree::none("not in docs/architecture.md", &unnamed);
}

#[test]
fn protocol_crates_depend_on_nothing_that_does_input_or_output() {
    let mut broken = Vec::new();
    let mut seen = 0;
    for package in packages().iter().filter(|package| package.folder.starts_with("src-tauri/proto/")) {
        seen += 1;
        for Dependency { name, in_tests_only } in &package.dependencies {
            let pure = PURE.contains(&name.as_str()) || (*in_tests_only && PURE_IN_TESTS.contains(&name.as_str()));
            if !pure && !name.starts_with("weir-") {
                broken.push(format!("{} depends on {name}", package.name));
            }
        }
    }
    assert!(seen >= 4, "only {seen} protocol crates were found");
    tree::none("not on the list of pure dependencies", &broken);
}

#[test]
fn only_the_desktop_package_depends_on_tauri() {
    let mut broken = Vec::new();
    for package in packages().iter().filter(|package| package.name != "weir-desktop") {
        for dependency in package.dependencies.iter().filter(|it| it.name == "wry" || it.name.starts_with("tauri")) {
            broken.push(format!("{} depends on {}", package.name, dependency.name));
        }
    }
    tree::none("the shell is the only place that knows the window", &broken);
}
