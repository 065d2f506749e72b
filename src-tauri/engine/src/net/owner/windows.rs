//! Windows: `netstat` names the process id, `tasklist` its program; both are part of the system.

#[cfg(windows)]
use super::Process;

#[cfg(windows)]
pub(super) fn of_port(port: u16, transport: super::Transport) -> Option<Process> {
    use std::os::windows::process::CommandExt as _;
    /// `CREATE_NO_WINDOW`: no console flashes up over the window.
    const NO_WINDOW: u32 = 0x0800_0000;
    let run = |program: &str, arguments: &[&str]| {
        let output = std::process::Command::new(program).args(arguments).creation_flags(NO_WINDOW).output().ok()?;
        Some(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let families = match transport {
        super::Transport::Tcp => ["TCP", "TCPv6"],
        super::Transport::Udp => ["UDP", "UDPv6"],
    };
    let pid = families.iter().find_map(|family| pid_of(&run("netstat", &["-ano", "-p", family])?, port))?;
    let name = name_of(&run("tasklist", &["/FI", &format!("PID eq {pid}"), "/FO", "CSV", "/NH"])?)?;
    Some(Process { name, pid })
}

/// The process that listens on `port` in netstat's table. Its words are translated, so a listener is told by its foreign
/// address, which has port 0 (`*:*` for datagrams).
fn pid_of(table: &str, port: u16) -> Option<u32> {
    let port = format!(":{port}");
    table.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let [_, local, foreign, .., pid] = fields.as_slice() else { return None };
        (local.ends_with(&port) && (foreign.ends_with(":0") || *foreign == "*:*")).then(|| pid.parse().ok()).flatten()
    })
}

/// The program's name in tasklist's CSV: the first field.
fn name_of(csv: &str) -> Option<String> {
    let name = csv.trim().strip_prefix('"')?.split('"').next()?;
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_read_in_any_language() {
        let table = "\nAktive Verbindungen\n\n  Proto  Lokale Adresse         Remoteadresse          Status           PID\n\
            \x20 TCP    127.0.0.1:1935         127.0.0.1:5000         HERGESTELLT     77\n\
            \x20 TCP    0.0.0.0:1935           0.0.0.0:0              ABHÖREN         4242\n\
            \x20 UDP    0.0.0.0:10080          *:*                                    99\n";
        assert_eq!(pid_of(table, 1935), Some(4242));
        assert_eq!(pid_of(table, 10_080), Some(99));
        assert_eq!(pid_of(table, 935), None);
        assert_eq!(name_of("\"nginx.exe\",\"4242\",\"Console\",\"1\",\"9,000 K\"\r\n").as_deref(), Some("nginx.exe"));
        assert_eq!(name_of("INFO: No tasks are running"), None);
    }
}
