//! Ties the program to the UI's files, which another tool builds.

use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let page = Path::new(&env::var("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../../ui/dist");
    // A debug build looks into the folder while it runs, and must know its real path even before there is a page in it.
    fs::create_dir_all(&page)?;
    println!("cargo:rerun-if-changed=build.rs");
    if env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        // A release holds the files themselves, and a new page has files of other names.
        println!("cargo:rerun-if-changed={}", page.display());
    }
    Ok(())
}
