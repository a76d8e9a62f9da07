//! The connector: opens TCP connections, and only to addresses that passed the guard.
//!
//! It stands below the HTTP client, so there is no way around it: names are resolved here, for every connection anew,
//! and what is connected to is the very address that was judged. Proxies and their environment variables do not exist.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tower_service::Service;

use crate::bounded_stream::BoundedStream;
use crate::guard::Guard;
use crate::resolver::Resolver;

/// So many addresses of one name are tried; a name with more of them is not worth more of the attempt's time.
const ADDRESSES_MAX: usize = 4;

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum ConnectError {
    /// The guard refused the address, or every address of the name.
    Refused {
        /// The host as the URL names it.
        host: String,
        /// What it is: `a loopback address`.
        what: &'static str,
    },
    /// The name has no address.
    Unresolved {
        /// The host as the URL names it.
        host: String,
        /// What the resolver said.
        said: String,
    },
    /// Nothing answered in time.
    TimedOut,
    /// The last address that was tried said no.
    Failed(io::Error),
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConnectError::Refused { host, what } => {
                write!(
                    f,
                    "{host} is {what}; add its network to callback.allow_networks to allow it, or a name to callback.allow_hosts"
                )
            }
            ConnectError::Unresolved { host, said } => write!(f, "the name {host} has no address: {said}"),
            ConnectError::TimedOut => f.write_str("could not connect in time"),
            ConnectError::Failed(error) => write!(f, "could not connect: {error}"),
        }
    }
}

impl std::error::Error for ConnectError {}

/// A connector for the HTTP client: cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct GuardedConnector {
    pub(crate) guard: Arc<Guard>,
    /// Names whose addresses the guard does not judge.
    pub(crate) allow_hosts: Arc<[String]>,
    pub(crate) resolver: Arc<dyn Resolver>,
    /// From the start of the resolution to the connection.
    pub(crate) timeout: Duration,
}

impl GuardedConnector {
    async fn connect(self, uri: Uri) -> Result<TcpStream, ConnectError> {
        let deadline = Instant::now() + self.timeout;
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
        let mut passed = self.addresses(host, deadline).await?;
        passed.truncate(ADDRESSES_MAX);

        let mut last = ConnectError::TimedOut;
        for (index, address) in passed.iter().enumerate() {
            // Each address gets an equal share of what is left, so that a black hole in front does not hide the rest.
            let addresses_left = u32::try_from(passed.len() - index).unwrap_or(1);
            let share = deadline.saturating_duration_since(Instant::now()) / addresses_left;
            match timeout_at(Instant::now() + share, TcpStream::connect(SocketAddr::new(*address, port))).await {
                Ok(Ok(stream)) => {
                    // A callback is one small request: waiting for more to send would only delay it. A socket that
                    // refuses the option still works.
                    stream.set_nodelay(true).ok();
                    return Ok(stream);
                }
                Ok(Err(error)) => last = ConnectError::Failed(error),
                Err(_) => last = ConnectError::TimedOut,
            }
        }
        Err(last)
    }

    /// Whether the operator lets callbacks go to this name wherever it leads. The host of a URL is in lower case already; a dot
    /// at its end makes no other name of it.
    fn is_allowed(&self, host: &str) -> bool {
        self.allow_hosts.iter().any(|allowed| allowed == host.strip_suffix('.').unwrap_or(host))
    }

    /// The addresses of the host that passed the guard; never empty.
    async fn addresses(&self, host: &str, deadline: Instant) -> Result<Vec<IpAddr>, ConnectError> {
        let found = match host.parse::<IpAddr>() {
            Ok(literal) => vec![literal],
            Err(_) => match timeout_at(deadline, self.resolver.resolve(host)).await {
                Ok(Ok(found)) => found,
                Ok(Err(error)) => {
                    return Err(ConnectError::Unresolved { host: host.to_owned(), said: error.to_string() });
                }
                Err(_) => {
                    return Err(ConnectError::Unresolved { host: host.to_owned(), said: "no answer in time".into() });
                }
            },
        };
        if self.is_allowed(host) && !found.is_empty() {
            return Ok(found);
        }
        let mut refused = None;
        let mut passed = Vec::with_capacity(found.len());
        for address in found {
            match self.guard.judge(address) {
                Ok(()) => passed.push(address),
                Err(what) => refused = Some(what),
            }
        }
        match (passed.is_empty(), refused) {
            (false, _) => Ok(passed),
            (true, Some(what)) => Err(ConnectError::Refused { host: host.to_owned(), what }),
            (true, None) => Err(ConnectError::Unresolved { host: host.to_owned(), said: "nothing was found".into() }),
        }
    }
}

impl Service<Uri> for GuardedConnector {
    type Response = TokioIo<BoundedStream>;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move { connector.connect(uri).await.map(|stream| TokioIo::new(BoundedStream::new(stream))) })
    }
}
