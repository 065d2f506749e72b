//! Which program holds a port, where the OS tells: "port taken" alone helps nobody.

use serde::Serialize;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(any(test, target_os = "macos"))]
mod macos;
#[cfg(any(test, windows))]
mod windows;

/// A running program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Process {
    /// Its name, e.g. `obs64.exe` or `nginx`.
    pub name: String,
    /// Its process id.
    pub pid: u32,
}

/// What a port belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Connections.
    Tcp,
    /// Datagrams.
    Udp,
}

/// The program that listens on `port`; `None` when the OS does not tell, e.g. about other users' programs.
/// Blocks for as long as the OS takes.
pub fn of_port(port: u16, transport: Transport) -> Option<Process> {
    #[cfg(target_os = "linux")]
    return linux::of_port(port, transport);
    #[cfg(target_os = "macos")]
    return macos::of_port(port, transport);
    #[cfg(windows)]
    return windows::of_port(port, transport);
    #[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
    {
        let _ = (port, transport);
        None
    }
}
