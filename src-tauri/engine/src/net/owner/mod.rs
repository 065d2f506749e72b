//! Which program holds a port, where the OS tells: "port taken" alone helps nobody.

use serde::Serialize;

/// A running program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Process {
    /// Its name, e.g. `obs64.exe` or `nginx`.
    pub name: String,
    /// Its process id.
    pub pid: u32,
}
