//! Names to addresses, as a seam: the system's resolver, or one that a test controls.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;

/// The addresses of a name, on their way.
pub type Resolving = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Turns a name into addresses, best first. It is asked anew for every connection and never judges what it finds.
pub trait Resolver: fmt::Debug + Send + Sync + 'static {
    /// The addresses of `host`. No address is an error or an empty list.
    fn resolve(&self, host: &str) -> Resolving;
}

/// The resolver of the operating system (`getaddrinfo`).
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn resolve(&self, host: &str) -> Resolving {
        let host = host.to_owned();
        Box::pin(async move {
            let found = tokio::net::lookup_host((host, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}
