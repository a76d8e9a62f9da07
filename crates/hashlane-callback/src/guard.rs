//! The address rules: which IP addresses a callback may be sent to (spec section 9, "Safety").
//!
//! It judges addresses, not names: whoever connects judges each address right before connecting to it, so that a name
//! that changes its mind between a check and a connection gains nothing. Spellings are not its business either: by the
//! time there is an [`IpAddr`], `0x7f.1` and `2130706433` are `127.0.0.1`.
//!
//! What is not known to be public is refused. IPv6 outside of 2000::/3 is refused as a whole but for the well-known NAT64
//! prefix, because IANA has assigned nothing public there; what embeds an IPv4 address is judged by that address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// The special IPv4 networks (IANA IPv4 Special-Purpose Address Registry, RFC 6890, and multicast).
const IPV4_REFUSED: [(Ipv4Net, &str); 16] = [
    (net4([0, 0, 0, 0], 8), "an unspecified address"),
    (net4([10, 0, 0, 0], 8), "a private address"),
    (net4([100, 64, 0, 0], 10), "a carrier's shared address"),
    (net4([127, 0, 0, 0], 8), "a loopback address"),
    (net4([169, 254, 0, 0], 16), "a link-local address"),
    (net4([172, 16, 0, 0], 12), "a private address"),
    (net4([192, 0, 0, 0], 24), "an address for protocol assignments"),
    (net4([192, 0, 2, 0], 24), "an address for documentation"),
    (net4([192, 88, 99, 0], 24), "a 6to4 relay address"),
    (net4([192, 168, 0, 0], 16), "a private address"),
    (net4([198, 18, 0, 0], 15), "an address for benchmarks"),
    (net4([198, 51, 100, 0], 24), "an address for documentation"),
    (net4([203, 0, 113, 0], 24), "an address for documentation"),
    (net4([224, 0, 0, 0], 4), "a multicast address"),
    (net4([255, 255, 255, 255], 32), "the broadcast address"),
    (net4([240, 0, 0, 0], 4), "a reserved address"),
];

/// The special IPv6 networks (IANA IPv6 Special-Purpose Address Registry). The last row takes what lies outside of global
/// unicast; the rows before it inside of that range only exist for a better reason.
const IPV6_REFUSED: [(Ipv6Net, &str); 12] = [
    (net6([0, 0, 0, 0, 0, 0, 0, 0], 128), "an unspecified address"),
    (net6([0, 0, 0, 0, 0, 0, 0, 1], 128), "a loopback address"),
    (net6([0, 0, 0, 0, 0, 0, 0, 0], 96), "an IPv4-compatible address"),
    (net6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48), "a local translation address"),
    (net6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), "an address for protocol assignments"),
    (net6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), "an address for documentation"),
    (net6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), "an address for documentation"),
    (net6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), "a private address"),
    (net6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), "a link-local address"),
    (net6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10), "a site-local address"),
    (net6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), "a multicast address"),
    (net6([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16), "a segment routing address"),
];

/// Global unicast (RFC 4291, section 2.4, and the IANA assignments under it).
const IPV6_GLOBAL: Ipv6Net = net6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);
/// 6to4 (RFC 3056): the IPv4 address follows the first 16 bits.
const IPV6_6TO4: Ipv6Net = net6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16);
/// Well-known NAT64 (RFC 6052): the IPv4 address is the last 32 bits.
const IPV6_NAT64: Ipv6Net = net6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96);

const fn net4(bytes: [u8; 4], prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3]), prefix)
}

const fn net6(s: [u16; 8], prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]), prefix)
}

/// The rules with the operator's exceptions.
#[derive(Debug, Clone, Default)]
pub(crate) struct Guard {
    allow_networks: Vec<IpNet>,
}

impl Guard {
    /// The rules, but for addresses in `allow_networks`.
    pub(crate) fn new(allow_networks: Vec<IpNet>) -> Guard {
        Guard { allow_networks }
    }

    /// Whether this address may be connected to; if not, what it is: `a loopback address`.
    ///
    /// An IPv4 address written as IPv6 (`::ffff:127.0.0.1`) is that IPv4 address to the operating system, so it is judged
    /// as such, the exceptions included. An address that a gateway translates (NAT64, 6to4) leads into the *gateway's*
    /// IPv4 network, so the exceptions for ours say nothing about it.
    pub(crate) fn judge(&self, address: IpAddr) -> Result<(), &'static str> {
        let address = address.to_canonical();
        if self.allow_networks.iter().any(|network| network.contains(&address)) {
            return Ok(());
        }
        match address {
            IpAddr::V4(address) => judge_v4(address),
            IpAddr::V6(address) => judge_v6(address),
        }
    }
}

fn judge_v4(address: Ipv4Addr) -> Result<(), &'static str> {
    match IPV4_REFUSED.iter().find(|(network, _)| network.contains(&address)) {
        Some((_, what)) => Err(what),
        None => Ok(()),
    }
}

fn judge_v6(address: Ipv6Addr) -> Result<(), &'static str> {
    let bits = address.to_bits();
    if IPV6_NAT64.contains(&address) {
        return judge_v4(Ipv4Addr::from_bits(bits as u32));
    }
    if IPV6_6TO4.contains(&address) {
        return judge_v4(Ipv4Addr::from_bits((bits >> 80) as u32));
    }
    match IPV6_REFUSED.iter().find(|(network, _)| network.contains(&address)) {
        Some((_, what)) => Err(what),
        None if IPV6_GLOBAL.contains(&address) => Ok(()),
        None => Err("a reserved address"),
    }
}

#[cfg(test)]
mod tests {
    use url::{Host, Url};

    use super::*;

    /// The address that a connection to this URL would be judged by; `None` for a name.
    fn literal(host: &str) -> Option<IpAddr> {
        match Url::parse(&format!("http://{host}/")).expect("the host is well-formed").host() {
            Some(Host::Ipv4(address)) => Some(address.into()),
            Some(Host::Ipv6(address)) => Some(address.into()),
            Some(Host::Domain(_)) | None => None,
        }
    }

    /// Failure rule D3, and the literal addresses of D1.
    #[test]
    fn forbidden_addresses_are_refused_in_every_spelling() {
        let guard = Guard::default();
        for host in [
            // Loopback, spelled in every way that the URL standard reads as IPv4.
            "127.0.0.1",
            "127.1",
            "127.0.1",
            "127.0.0.1.",
            "127.255.255.254",
            "0x7f.1",
            "0x7f.0.0.1",
            "0x7f.0x0.0x0.0x1",
            "0x7f000001",
            "0X7F000001",
            "0x00000000000000007f000001",
            "0177.0.0.1",
            "0177.0.0.01",
            "00000177.0.0.1",
            "017700000001",
            "2130706433",
            "127.0x1",
            "127.00000000001",
            "%31%32%37.0.0.1",
            "127%2e0%2e0%2e1",
            "1%327.0.0.1",
            "１２７.０.０.１",
            "127。0。0。1",
            "127．0．0．1",
            "①②⑦.⓪.⓪.①",
            "0x7f.0.0.0x1",
            // Unspecified.
            "0.0.0.0",
            "0",
            "0x0",
            "00",
            "0.1.2.3",
            // Private and shared.
            "10.0.0.1",
            "10.1",
            "012.0.0.1",
            "0xa000001",
            "167772161",
            "10.255.255.255",
            "100.64.0.1",
            "100.127.255.255",
            "172.16.0.1",
            "172.31.255.255",
            "0xac.0x10.0.1",
            "192.168.0.1",
            "192.168.257",
            "3232235521",
            "0300.0250.0.1",
            // Link-local and the metadata address of clouds.
            "169.254.169.254",
            "0xa9fea9fe",
            "2852039166",
            "0251.0376.0251.0376",
            "169.254.43518",
            // Protocol assignments, documentation, benchmarks, relays, multicast, reserved, broadcast.
            "192.0.0.1",
            "192.0.0.170",
            "192.0.2.1",
            "192.88.99.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "4294967295",
            "0xffffffff",
            // IPv6 of its own.
            "[::]",
            "[::1]",
            "[0:0:0:0:0:0:0:1]",
            "[0000:0000:0000:0000:0000:0000:0000:0001]",
            "[::0001]",
            "[0::1]",
            "[fc00::1]",
            "[fd00:ec2::254]",
            "[fdff:ffff::1]",
            "[fe80::1]",
            "[febf::1]",
            "[fec0::1]",
            "[feff::1]",
            "[ff02::1]",
            "[ff05::1:3]",
            "[100::1]",
            "[200::1]",
            "[400::1]",
            "[2001:db8::1]",
            "[2001:db8:ffff::1]",
            "[3fff::1]",
            "[3fff:fff::1]",
            "[5f00::1]",
            "[4000::1]",
            "[8000::1]",
            "[e000::1]",
            // IPv4 in IPv6: mapped, compatible, translated, 6to4, Teredo, ORCHID.
            "[::ffff:127.0.0.1]",
            "[::FFFF:7f00:1]",
            "[::ffff:7f00:0001]",
            "[0:0:0:0:0:ffff:7f00:1]",
            "[::ffff:10.0.0.1]",
            "[::ffff:169.254.169.254]",
            "[::ffff:a9fe:a9fe]",
            "[::ffff:0.0.0.0]",
            "[::ffff:192.168.1.1]",
            "[::127.0.0.1]",
            "[::7f00:1]",
            "[::10.0.0.1]",
            "[::8.8.8.8]",
            "[::ffff:0:127.0.0.1]",
            "[::ffff:0:8.8.8.8]",
            "[64:ff9b::127.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[64:ff9b::10.0.0.1]",
            "[64:ff9b::a9fe:a9fe]",
            "[64:ff9b::192.168.0.1]",
            "[64:ff9b::0.0.0.0]",
            "[64:ff9b:1::8.8.8.8]",
            "[64:ff9b:1::127.0.0.1]",
            "[64:ff9b:0:0:1::1]",
            "[2002:7f00:1::]",
            "[2002:7f00:0001::1]",
            "[2002:a00:1::1]",
            "[2002:a9fe:a9fe::1]",
            "[2002:c0a8:101::1]",
            "[2002::1]",
            "[2001::1]",
            "[2001:0:7f00:1::80ff:fffe]",
            "[2001:0:4136:e378:8000:63bf:80ff:fffe]",
            "[2001:2::1]",
            "[2001:10::1]",
            "[2001:20::1]",
        ] {
            let address = literal(host).unwrap_or_else(|| panic!("{host} is an address"));
            assert!(guard.judge(address).is_err(), "{host} = {address}");
        }
    }

    /// Failure rule D3.
    #[test]
    fn public_addresses_are_allowed() {
        let guard = Guard::default();
        for host in [
            "8.8.8.8",
            "1.1.1.1",
            "0x08080808",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.1",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.0.3.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "[2606:4700:4700::1111]",
            "[2001:4860:4860::8888]",
            "[2a00:1450::1]",
            "[::ffff:8.8.8.8]",
            "[64:ff9b::8.8.8.8]",
            "[2002:808:808::1]",
            "[2001:200::1]",
        ] {
            let address = literal(host).unwrap_or_else(|| panic!("{host} is an address"));
            assert_eq!(guard.judge(address), Ok(()), "{host} = {address}");
        }
    }

    #[test]
    fn hosts_that_are_no_address_are_no_url_or_a_name() {
        for host in
            ["[fe80::1%25eth0]", "[fe80::1%eth0]", "[::1", "256.0.0.1", "127.0.0.0.1", "0x100000000", "1.2.3.08"]
        {
            assert!(Url::parse(&format!("http://{host}/")).is_err(), "{host}");
        }
        for host in ["localhost", "localhost.", "LOCALHOST", "127.0.0.1.nip.io", "127.0.0.1.example"] {
            assert_eq!(literal(host), None, "{host}");
        }
    }

    /// Failure rule D3.
    #[test]
    fn allowed_networks_win_and_nothing_beside_them() {
        let guard = Guard::new(vec![
            "127.0.0.0/8".parse().expect("a network"),
            "10.1.0.0/16".parse().expect("a network"),
            "fd00::/8".parse().expect("a network"),
        ]);
        for (host, allowed) in [
            ("127.0.0.1", true),
            ("2130706433", true),
            ("[::ffff:127.0.0.1]", true),
            ("10.1.2.3", true),
            ("[fd12::1]", true),
            ("10.2.0.1", false),
            ("[::1]", false),
            ("[fc00::1]", false),
            ("169.254.169.254", false),
            // The exceptions speak of our network, not of the one behind a gateway.
            ("[64:ff9b::127.0.0.1]", false),
            ("[2002:7f00:1::]", false),
            ("[::127.0.0.1]", false),
        ] {
            let address = literal(host).expect("an address");
            assert_eq!(guard.judge(address).is_ok(), allowed, "{host}");
        }
    }
}
