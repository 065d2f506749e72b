//! Builds the Tauri context; the capability and permission paths follow the repository's layout.
fn main() {
    #[cfg(feature = "desktop")]
    {
        println!("cargo:rerun-if-changed=src-tauri/capabilities");
        println!("cargo:rerun-if-changed=src-tauri/permissions");
        // The program carries the page, and a new page has files of other names.
        println!("cargo:rerun-if-changed=ui/dist");
        let attributes =
            tauri_build::Attributes::new().capabilities_path_pattern("./src-tauri/capabilities/**/*").app_manifest(
                tauri_build::AppManifest::new().permissions_path_pattern("./src-tauri/permissions/**/*.toml"),
            );
        tauri_build::try_build(attributes).expect("tauri-build reads tauri.conf.json and the capabilities");
    }
}
