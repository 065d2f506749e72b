//! macOS: `lsof` knows, and is part of the system.

use super::Process;

#[cfg(target_os = "macos")]
pub(super) fn of_port(port: u16) -> Option<Process> {
    let output = std::process::Command::new("/usr/sbin/lsof")
        .args(["-nP", &format!("-iTCP:{port}"), "-sTCP:LISTEN", "-Fpc"])
        .output()
        .ok()?;
    first(&String::from_utf8_lossy(&output.stdout))
}

/// The first process in lsof's field output: `p<pid>` and `c<name>` lines.
fn first(output: &str) -> Option<Process> {
    let pid = output.lines().find_map(|line| line.strip_prefix('p'))?.parse().ok()?;
    let name = output.lines().find_map(|line| line.strip_prefix('c'))?.to_owned();
    Some(Process { name, pid })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_output_names_the_process() {
        let expected = Process { name: "nginx".into(), pid: 812 };
        assert_eq!(first("p812\ncnginx\nf6\nf7\n"), Some(expected));
        assert_eq!(first(""), None);
    }
}
