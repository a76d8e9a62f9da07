//! Where the service is, and who asks.

use std::fmt;

/// What a [`Client`](crate::Client) is made of.
#[derive(Clone)]
pub struct ClientConfig {
    /// `http://127.0.0.1:8480`, `https://hash.example.com`, or with the bucket in front of the host. Without a scheme it
    /// is `http`. A path is refused, since signatures cover the path that the server sees.
    pub endpoint: String,
    /// The access key.
    pub secret_id: String,
    /// Its secret; it signs and is never sent.
    pub secret_key: String,
    /// The token of a temporary key.
    pub token: Option<String>,
    /// The bucket; it travels in the Host header.
    pub bucket: String,
    /// The region; it travels in the Host header where the endpoint is an address or a plain machine name.
    pub region: String,
    /// Certificates in PEM that are trusted for https beside the system's; empty for none.
    pub extra_roots: Vec<u8>,
}

impl fmt::Debug for ClientConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientConfig")
            .field("endpoint", &self.endpoint)
            .field("secret_id", &self.secret_id)
            .field("bucket", &self.bucket)
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}
