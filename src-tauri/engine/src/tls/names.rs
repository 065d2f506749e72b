//! The names and addresses that this computer is reached by.

use std::net::IpAddr;

/// Most names a made certificate holds: a computer with hundreds of virtual networks must not make a huge one.
const MAX_NAMES: usize = 64;

/// Names and addresses of this computer, then `more`, none twice. Asks the system about its networks.
pub(crate) fn of_this_computer(more: &[String]) -> Vec<String> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    let host = host_name();
    if !host.is_empty() {
        if !host.contains('.') {
            // What other computers on the network call it (multicast DNS).
            names.push(format!("{host}.local"));
        }
        names.push(host);
    }
    names.extend(addresses().iter().map(IpAddr::to_string));
    names.extend(more.iter().filter(|name| is_name(name)).map(|name| name.to_ascii_lowercase()));
    let mut seen = Vec::with_capacity(names.len());
    names.retain(|name| {
        let new = !seen.contains(name);
        seen.push(name.clone());
        new
    });
    names.truncate(MAX_NAMES);
    names
}

/// The addresses that others may know this computer by now. Asks the system about its networks.
pub(crate) fn addresses() -> Vec<IpAddr> {
    let all = if_addrs::get_if_addrs().unwrap_or_default();
    all.iter().map(if_addrs::Interface::ip).filter(is_reachable).collect()
}

/// Those of `addresses` that are not among `names`. Of IPv6 a network counts as a whole: systems take another address in it
/// every day.
pub(crate) fn unnamed(names: &[String], addresses: &[IpAddr]) -> Vec<IpAddr> {
    let known: Vec<IpAddr> = names.iter().filter_map(|name| name.parse().ok()).collect();
    let network = |ip: &std::net::Ipv6Addr| ip.to_bits() >> 64;
    let is_named = |address: &IpAddr| {
        known.iter().any(|known| match (known, address) {
            (IpAddr::V6(known), IpAddr::V6(address)) => network(known) == network(address),
            _ => known == address,
        })
    };
    addresses.iter().filter(|address| !is_named(address)).copied().collect()
}

/// What this computer calls itself, in letters that a certificate may hold; empty when that is nothing.
pub(crate) fn host_name() -> String {
    let name = gethostname::gethostname().to_string_lossy().to_ascii_lowercase();
    if is_name(&name) { name } else { String::new() }
}

/// Addresses that others may know it by: no loopback, no address of one cable only.
fn is_reachable(ip: &IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => !ip.is_loopback() && !ip.is_link_local() && !ip.is_unspecified(),
        IpAddr::V6(ip) => !ip.is_loopback() && !ip.is_unicast_link_local() && !ip.is_unspecified(),
    }
}

/// Whether a certificate can hold it: an address, or a name of letters, digits, dashes and dots.
pub(crate) fn is_name(name: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty() && label.len() <= 63 && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    name.parse::<IpAddr>().is_ok()
        || (name.len() <= 253 && name.strip_prefix("*.").unwrap_or(name).split('.').all(label))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_computer_has_names_and_none_twice() {
        let more =
            ["LocalHost".to_owned(), "stream.example.org".to_owned(), "no name".to_owned(), "10.9.8.7".to_owned()];
        let names = of_this_computer(&more);
        for expected in ["localhost", "127.0.0.1", "::1", "stream.example.org", "10.9.8.7"] {
            assert_eq!(names.iter().filter(|name| *name == expected).count(), 1, "{expected} in {names:?}");
        }
        assert!(!names.iter().any(|name| name.contains(' ')));
    }

    #[test]
    fn a_new_network_is_noticed_and_a_new_address_in_a_known_one_of_ipv6_is_not() {
        let names = ["localhost", "192.168.1.7", "2001:db8:1::5"].map(str::to_owned);
        let ip = |text: &str| -> IpAddr { text.parse().unwrap() };
        let now = [ip("192.168.1.7"), ip("192.168.1.8"), ip("2001:db8:1::77"), ip("2001:db8:2::5")];
        assert_eq!(unnamed(&names, &now), [ip("192.168.1.8"), ip("2001:db8:2::5")]);
        assert!(unnamed(&names, &[]).is_empty());
    }
}
