//! Builds this crate anew when the UI was: a release holds the UI's files, and files that are new have no other way to say so.

fn main() {
    let dist = concat!(env!("CARGO_MANIFEST_DIR"), "/../../ui/dist");
    println!("cargo::rerun-if-changed=build.rs");
    // A debug build reads the files while it runs. A path that is missing would build the crate anew each time, which only
    // a release needs.
    let release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    if release || std::path::Path::new(dist).exists() {
        println!("cargo::rerun-if-changed={dist}");
    }
}
