//! What must be set before the web view starts.

/// Without a sound device, GStreamer's OpenAL sink stops the web process at the first sound (seen with WebKitGTK 2.50 and
/// the "bad" plugins). The variable must be there before any thread is, so the program starts itself anew with it.
#[cfg(target_os = "linux")]
pub(super) fn prepare() {
    use std::os::unix::process::CommandExt as _;
    const RANK: &str = "GST_PLUGIN_FEATURE_RANK";
    if std::env::var_os(RANK).is_some() {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    // Returns only when it fails, and then the program goes on as it is.
    let error =
        std::process::Command::new(program).args(std::env::args_os().skip(1)).env(RANK, "openalsink:NONE").exec();
    tracing::warn!(%error, "sound may stop the page");
}

#[cfg(not(target_os = "linux"))]
pub(super) const fn prepare() {}
