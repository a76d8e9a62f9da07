//! The endpoint: what to connect to, and the Host header that tells the server bucket and region.
//!
//! Promises: the connection always goes to the endpoint as it was given, so that a self-hosted server needs no wildcard
//! name; only the Host header names the bucket, as the official SDKs do it.

use hashlane_job::BucketName;
use url::{Host, Url};

use crate::{ClientConfig, ClientError};

/// A checked endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// Scheme and authority, without a path: `http://127.0.0.1:8480`.
    pub(crate) base: String,
    /// The Host header of every request.
    pub(crate) host: String,
    /// Whether certificates are needed.
    pub(crate) https: bool,
}

impl Endpoint {
    /// Reads the endpoint, bucket and region of a configuration.
    pub(crate) fn of(config: &ClientConfig) -> Result<Endpoint, ClientError> {
        let wrong = |what: String| Err(ClientError::Misconfigured(what));
        let given = config.endpoint.trim();
        let with_scheme = if given.contains("://") { given.to_owned() } else { format!("http://{given}") };
        let Ok(url) = Url::parse(&with_scheme) else {
            return wrong(format!("endpoint {given:?} is not a URL: write it like http://127.0.0.1:8480"));
        };
        if !matches!(url.scheme(), "http" | "https") {
            return wrong(format!("endpoint {given:?} is neither http nor https"));
        }
        if !matches!(url.path(), "" | "/") || url.query().is_some() || !url.username().is_empty() {
            return wrong(format!("endpoint {given:?} has more than scheme, host and port: leave the rest out"));
        }
        if BucketName::parse(&config.bucket).is_none() {
            return wrong(format!("bucket {:?} is not of the form name-appid, like local-1250000000", config.bucket));
        }
        let region_fits = |region: &str| region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if config.region.is_empty() || !region_fits(&config.region) {
            return wrong(format!("region {:?} is not made of letters, digits and dashes", config.region));
        }
        let authority = url.authority().to_owned();
        let host = match url.host() {
            Some(Host::Domain(name)) if name.contains('.') => match authority.strip_prefix(config.bucket.as_str()) {
                Some(rest) if rest.starts_with('.') => authority.clone(),
                _ => format!("{}.{authority}", config.bucket),
            },
            // An address or a plain machine name has no room for a bucket: the host of the original says it.
            _ => format!("{}.ci.{}.myqcloud.com", config.bucket, config.region),
        };
        Ok(Endpoint { base: format!("{}://{authority}", url.scheme()), host, https: url.scheme() == "https" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(endpoint: &str) -> ClientConfig {
        ClientConfig {
            endpoint: endpoint.into(),
            secret_id: "AKID".into(),
            secret_key: "key".into(),
            token: None,
            bucket: "photos-1250000000".into(),
            region: "ap-guangzhou".into(),
            extra_roots: vec![],
        }
    }

    #[test]
    fn the_host_header_names_bucket_and_region_whatever_the_endpoint_looks_like() {
        let original = "photos-1250000000.ci.ap-guangzhou.myqcloud.com";
        for (endpoint, base, host) in [
            ("http://127.0.0.1:8480", "http://127.0.0.1:8480", original),
            ("127.0.0.1:8480", "http://127.0.0.1:8480", original),
            ("http://[::1]:8480/", "http://[::1]:8480", original),
            ("http://localhost:8480", "http://localhost:8480", original),
            ("http://hashbox", "http://hashbox", original),
            ("https://hash.example.com", "https://hash.example.com", "photos-1250000000.hash.example.com"),
            ("http://hash.example.com:81", "http://hash.example.com:81", "photos-1250000000.hash.example.com:81"),
            (
                "https://photos-1250000000.hash.example.com",
                "https://photos-1250000000.hash.example.com",
                "photos-1250000000.hash.example.com",
            ),
            (
                "https://ci.ap-guangzhou.myqcloud.com",
                "https://ci.ap-guangzhou.myqcloud.com",
                "photos-1250000000.ci.ap-guangzhou.myqcloud.com",
            ),
        ] {
            let found = Endpoint::of(&config(endpoint)).expect(endpoint);
            assert_eq!((found.base.as_str(), found.host.as_str()), (base, host), "{endpoint}");
            assert_eq!(found.https, endpoint.starts_with("https"));
        }
    }

    #[test]
    fn an_endpoint_that_cannot_work_is_refused_before_anything_is_sent() {
        for endpoint in ["", "ftp://a.example", "http://a.example/path", "http://u:p@a.example", "http://a.example/?q"]
        {
            assert!(matches!(Endpoint::of(&config(endpoint)), Err(ClientError::Misconfigured(_))), "{endpoint}");
        }
        for (bucket, region) in [("photos", "local"), ("photos-1", ""), ("photos-1", "a.b"), ("photos-1", "a\r\nb")] {
            let config = ClientConfig { bucket: bucket.into(), region: region.into(), ..config("http://127.0.0.1") };
            assert!(matches!(Endpoint::of(&config), Err(ClientError::Misconfigured(_))), "{bucket} {region}");
        }
    }
}
