//! macOS: `lsof` knows, and is part of the system.

use super::Process;

#[cfg(target_os = "macos")]
pub(super) fn of_port(port: u16, transport: super::Transport) -> Option<Process> {
    let mut lsof = std::process::Command::new("/usr/sbin/lsof");
    lsof.args(["-nP", "-Fpc"]);
    match transport {
        super::Transport::Tcp => lsof.args([&format!("-iTCP:{port}"), "-sTCP:LISTEN"]),
        super::Transport::Udp => lsof.arg(format!("-iUDP:{port}")),
    };
    let output = lsof.output().ok()?;
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
