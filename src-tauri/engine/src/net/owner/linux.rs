//! Linux: the kernel's socket table names an inode, and one of the processes has it open.

use std::fs;

use super::{Process, Transport};

/// State `TCP_LISTEN` in `/proc/net/tcp`.
const LISTEN: &str = "0A";
/// The state of an unconnected socket in `/proc/net/udp`.
const UNCONNECTED: &str = "07";

pub(super) fn of_port(port: u16, transport: Transport) -> Option<Process> {
    let (tables, state) = match transport {
        Transport::Tcp => (["/proc/net/tcp", "/proc/net/tcp6"], LISTEN),
        Transport::Udp => (["/proc/net/udp", "/proc/net/udp6"], UNCONNECTED),
    };
    let inodes: Vec<String> = tables
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|table| listening(&table, port, state))
        .collect();
    if inodes.is_empty() {
        return None;
    }
    let links: Vec<String> = inodes.iter().map(|inode| format!("socket:[{inode}]")).collect();
    fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let holds = fs::read_dir(entry.path().join("fd")).ok()?.flatten().any(|fd| {
            fs::read_link(fd.path()).is_ok_and(|target| links.iter().any(|link| target.as_os_str() == link.as_str()))
        });
        let name = holds.then(|| fs::read_to_string(entry.path().join("comm")).ok()).flatten()?;
        Some(Process { name: name.trim().to_owned(), pid })
    })
}

/// Inodes of the sockets in `table` that listen on `port`, which is to be in `wanted` state.
fn listening(table: &str, port: u16, wanted: &str) -> Vec<String> {
    let port = format!(":{port:04X}");
    table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let mut fields = line.split_ascii_whitespace();
            let (local, state) = (fields.nth(1)?, fields.nth(1)?);
            let inode = fields.nth(5)?;
            (local.ends_with(&port) && state == wanted).then(|| inode.to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listeners_on_the_port_count() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
            0: 0100007F:078F 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0\n   \
            1: 0100007F:078F 0100007F:A000 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 100 0\n   \
            2: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1 0 100 0\n";
        assert_eq!(listening(table, 1935, LISTEN), ["4711"]);
        assert!(listening(table, 80, LISTEN).is_empty());
    }
}
