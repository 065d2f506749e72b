//! Writes the OpenAPI document to the file named on the command line, by default where the UI's types are made from it.

use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let default = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../ui/src/api/openapi.json"));
    let path = std::env::args_os().nth(1).map_or_else(default, PathBuf::from);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, format!("{}\n", weir_api::openapi().to_pretty_json()?))?;
    Ok(())
}
