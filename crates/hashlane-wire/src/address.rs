//! Where a request is addressed to: bucket and region out of its Host (spec section 2).
//!
//! A pure function of the host and of rules. Whether the bucket exists, and whether its name is one, is asked elsewhere;
//! the region is only what the Host says, and answers show the bucket's configured one.

use hashlane_job::BucketName;

/// Between bucket and region in the official hosts.
const MARKERS: [&str; 4] = [".ci.", ".cos.", ".cos-internal.", ".pic."];

/// How a Host header is read. Configured domains come before the official patterns, so that a base domain may itself
/// contain a `ci` label.
#[derive(Debug, Clone, Default)]
pub struct HostRules {
    /// Domains below which the first label is the bucket.
    pub base_domains: Vec<String>,
    /// Whole hosts, without port, that stand for one bucket.
    pub domains: Vec<(String, BucketName)>,
    /// The bucket of requests whose Host names none.
    pub default_bucket: Option<BucketName>,
    /// The region when the Host names none.
    pub default_region: String,
}

/// Where a request is addressed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The bucket that the Host names, as written but in lower case and perhaps no bucket name at all; else the default.
    pub bucket: Option<String>,
    /// Whether the Host itself named the bucket.
    pub bucket_named: bool,
    /// The region that the Host names, else the default; `None` when that is empty.
    pub region: Option<String>,
    /// The host has a `.ci.` label or is the bare `ci.<region>`: everything on it is API.
    pub ci_host: bool,
}

/// What a host says, before defaults.
#[derive(Default)]
struct Named<'a> {
    bucket: Option<&'a str>,
    region: Option<&'a str>,
    ci_host: bool,
}

/// Reads a Host header as received, with or without a port.
pub fn address(host: &str, rules: &HostRules) -> Address {
    let host = without_port(host.trim()).trim_end_matches('.').to_ascii_lowercase();
    let named = configured(&host, rules).unwrap_or_else(|| official(&host));
    let default_bucket = || rules.default_bucket.as_ref().map(|bucket| bucket.as_str().to_owned());
    let region = named.region.unwrap_or(&rules.default_region);
    Address {
        bucket: named.bucket.map(str::to_owned).or_else(default_bucket),
        bucket_named: named.bucket.is_some(),
        region: Some(region).filter(|region| !region.is_empty()).map(str::to_owned),
        ci_host: named.ci_host,
    }
}

/// The host without its port; of an IPv6 literal the brackets stay.
pub(crate) fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port))
            if port.bytes().all(|byte| byte.is_ascii_digit()) && (name.ends_with(']') || !name.contains(':')) =>
        {
            name
        }
        _ => host,
    }
}

fn configured<'a>(host: &'a str, rules: &'a HostRules) -> Option<Named<'a>> {
    if let Some((_, bucket)) = rules.domains.iter().find(|(domain, _)| domain.eq_ignore_ascii_case(host)) {
        return Some(Named { bucket: Some(bucket.as_str()), ..Named::default() });
    }
    rules.base_domains.iter().find_map(|base| {
        let base = base.trim_matches('.').to_ascii_lowercase();
        if base.is_empty() {
            return None;
        }
        if host == base {
            return Some(Named::default());
        }
        let below = host.strip_suffix(&base)?.strip_suffix('.')?;
        // `<bucket>.<base>` or, with the endpoints of an SDK, `<bucket>.ci.<region>.<base>`.
        let through_dot = &host[..below.len() + 1];
        Some(split_at_marker(through_dot).unwrap_or(Named { bucket: Some(below), ..Named::default() }))
    })
}

fn official(host: &str) -> Named<'_> {
    if let Some(rest) = host.strip_prefix("ci.") {
        return Named { bucket: None, region: rest.split('.').next(), ci_host: true };
    }
    if let Some(rest) = host.strip_prefix("cos.") {
        return Named { bucket: None, region: rest.split('.').next(), ci_host: false };
    }
    match split_at_marker(host) {
        // `service.cos.myqcloud.com` lists the buckets of a key.
        Some(named) if named.bucket == Some("service") => Named { bucket: None, region: None, ..named },
        Some(named) => named,
        None => Named::default(),
    }
}

/// Bucket and region around the first marker.
fn split_at_marker(host: &str) -> Option<Named<'_>> {
    let (at, marker) = MARKERS.into_iter().filter_map(|marker| Some((host.find(marker)?, marker))).min()?;
    let region = host[at + marker.len()..].split('.').next().filter(|region| !region.is_empty());
    Some(Named { bucket: Some(&host[..at]), region, ci_host: marker == ".ci." })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rules W2.2, W2.4.
    #[test]
    fn bucket_and_region_come_from_the_host_or_from_the_defaults() {
        let bucket = |name: &str| BucketName::parse(name).expect("it is a bucket name");
        let rules = HostRules {
            base_domains: vec!["hash.test".into(), "ci.corp.example".into()],
            domains: vec![("files.example".into(), bucket("files-1"))],
            default_bucket: Some(bucket("local-1")),
            default_region: "local".into(),
        };
        for (host, bucket, named, region, ci_host) in [
            ("demo-1.cos.ap-x.myqcloud.com", "demo-1", true, "ap-x", false),
            ("demo-1.ci.ap-x.myqcloud.com:443", "demo-1", true, "ap-x", true),
            ("demo-1.cos.ap-x.tencentcos.cn", "demo-1", true, "ap-x", false),
            ("demo-1.cos-internal.ap-x.tencentcos.cn", "demo-1", true, "ap-x", false),
            ("demo-1.pic.ap-x.myqcloud.com", "demo-1", true, "ap-x", false),
            ("DEMO-1.CI.ap-x.cihash.test:18765", "demo-1", true, "ap-x", true),
            ("a.b.cos.ap-x.myqcloud.com", "a.b", true, "ap-x", false),
            ("ci.ap-x.myqcloud.com", "local-1", false, "ap-x", true),
            ("cos.ap-x.myqcloud.com", "local-1", false, "ap-x", false),
            ("service.cos.myqcloud.com", "local-1", false, "local", false),
            ("demo-1.hash.test:80", "demo-1", true, "local", false),
            ("demo-1.hash.test.", "demo-1", true, "local", false),
            ("demo-1.ci.ap-x.hash.test", "demo-1", true, "ap-x", true),
            ("demo-1.cos.hash.test", "demo-1", true, "local", false),
            ("hash.test", "local-1", false, "local", false),
            ("nothash.test", "local-1", false, "local", false),
            ("demo-1.ci.corp.example", "demo-1", true, "local", false),
            ("Files.Example:8080", "files-1", true, "local", false),
            ("127.0.0.1:8480", "local-1", false, "local", false),
            ("[::1]:8480", "local-1", false, "local", false),
            ("localhost", "local-1", false, "local", false),
            ("", "local-1", false, "local", false),
        ] {
            let expected =
                Address { bucket: Some(bucket.into()), bucket_named: named, region: Some(region.into()), ci_host };
            assert_eq!(address(host, &rules), expected, "{host}");
        }
    }

    #[test]
    fn without_rules_nothing_is_made_up() {
        let nothing = Address { bucket: None, bucket_named: false, region: None, ci_host: false };
        assert_eq!(address("127.0.0.1:8480", &HostRules::default()), nothing);
    }

    #[test]
    fn only_a_port_is_taken_off() {
        for (host, expected) in [
            ("a:1", "a"),
            ("a:", "a"),
            ("a", "a"),
            ("a:b", "a:b"),
            ("[::1]:1", "[::1]"),
            ("[::1]", "[::1]"),
            ("::1", "::1"),
        ] {
            assert_eq!(without_port(host), expected);
        }
    }
}
