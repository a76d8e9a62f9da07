//! Addresses and names in the configuration: listeners, networks, domains, files.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use hashlane_job::BucketName;
use ipnet::IpNet;

/// A listener's address. A host name other than `localhost` is refused: asking a name service at start could block it.
pub(crate) fn listener(text: &str) -> Result<SocketAddr, String> {
    let numeric = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    numeric.as_deref().unwrap_or(text).parse().map_err(|_| {
        format!("{text:?} is not an address and a port: write 127.0.0.1:8480, or 0.0.0.0:8480 for every interface")
    })
}

/// A listener's address, or `off`.
pub(crate) fn listener_or_off(text: &str) -> Result<Option<SocketAddr>, String> {
    if text.eq_ignore_ascii_case("off") {
        return Ok(None);
    }
    listener(text).map(Some).map_err(|why| format!("{why}, or `off`"))
}

/// A network in CIDR form, or one address.
pub(crate) fn network(text: &str) -> Result<IpNet, String> {
    let one = text.parse::<IpAddr>().map(IpNet::from);
    one.or_else(|_| text.parse())
        .map_err(|_| format!("{text:?} is not a network: write it like 10.0.0.0/8 or fd00::/8"))
}

/// A domain name without port, in lower case.
pub(crate) fn domain(text: &str) -> Result<String, String> {
    let label = |label: &str| {
        (1..=63).contains(&label.len()) && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    if text.len() <= 253 && text.split('.').all(label) {
        return Ok(text.to_ascii_lowercase());
    }
    Err(format!("{text:?} is not a domain name: write it like hash.example.com, without scheme and port"))
}

/// A bucket's name.
pub(crate) fn bucket(text: &str) -> Result<BucketName, String> {
    BucketName::parse(text).ok_or_else(|| {
        format!("{text:?} is not a bucket name: it is lower-case letters, digits and dashes, then a dash and the digits of an appid, like photos-1250000000")
    })
}

/// A region: it becomes a label of host names.
pub(crate) fn region(text: &str) -> Result<String, String> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return Ok(text.to_owned());
    }
    Err(format!("{text:?} is not a region: it is letters, digits and dashes, like ap-guangzhou"))
}

/// A path of the file system; a relative one is relative to the working directory.
pub(crate) fn path(text: &str) -> Result<PathBuf, String> {
    if text.is_empty() || text.contains('\0') {
        return Err("an empty path names no file".into());
    }
    Ok(PathBuf::from(text))
}

/// Any text that is not empty and of printable ASCII without blanks: keys, patterns.
pub(crate) fn word(text: &str) -> Result<String, String> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(text.to_owned());
    }
    Err(format!("{text:?} is empty, or not printable ASCII without blanks"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_without_asking_a_name_service() {
        assert_eq!(listener("localhost:80").expect("an address"), "127.0.0.1:80".parse().expect("an address"));
        assert!(listener("[::1]:0").is_ok());
        for text in ["8480", ":8480", "example.com:80", "127.0.0.1", "127.0.0.1:70000", ""] {
            assert!(listener(text).is_err(), "{text}");
        }
        assert_eq!(listener_or_off("OFF"), Ok(None));
    }

    #[test]
    fn one_address_is_a_network_of_one() {
        assert_eq!(network("10.1.2.3").expect("a network").to_string(), "10.1.2.3/32");
        assert!(network("10.0.0.0/33").is_err());
        assert!(network("intranet").is_err());
    }

    #[test]
    fn a_domain_has_no_scheme_and_no_port() {
        assert_eq!(domain("Hash.Example.com").as_deref(), Ok("hash.example.com"));
        for text in ["http://a.example", "a.example:80", "a..b", "", "a b"] {
            assert!(domain(text).is_err(), "{text}");
        }
    }
}
