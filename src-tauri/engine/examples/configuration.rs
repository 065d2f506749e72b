//! Writes docs/configuration.md anew from the types.

fn main() -> std::io::Result<()> {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
    std::fs::write(page, weir_engine::config::markdown())
}
