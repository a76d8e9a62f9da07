//! Names to addresses, as a seam: the system's resolver, or one that a test controls.
//!
//! The system's lookups cannot be broken off: one that hangs keeps its thread until the system gives up, long after the
//! attempt that asked has ended. So they are bounded: one at a time for each name, which all who ask for it meanwhile
//! share, and so many in all.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// Lookups at once. As many as callbacks are in flight by default, so that healthy names need not wait for each other;
/// less than the threads that the runtime gives to blocking work, so that hanging names leave it some.
const LOOKUPS_MAX: usize = 256;

/// The addresses of a name, on their way.
pub type Resolving = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Turns a name into addresses, best first. It is asked anew for every connection and never judges what it finds.
pub trait Resolver: fmt::Debug + Send + Sync + 'static {
    /// The addresses of `host`. No address is an error or an empty list.
    fn resolve(&self, host: &str) -> Resolving;
}

/// What a lookup found; errors as text, because several may ask.
type Found = Result<Vec<IpAddr>, String>;
type Running = Arc<Mutex<HashMap<String, watch::Receiver<Option<Found>>>>>;

/// The resolver of the operating system (`getaddrinfo`). Nothing is remembered: who asks after a lookup has ended starts
/// another.
#[derive(Debug, Clone)]
pub struct SystemResolver {
    lookup: fn(&str) -> io::Result<Vec<IpAddr>>,
    running: Running,
    places: Arc<Semaphore>,
}

impl Default for SystemResolver {
    fn default() -> SystemResolver {
        SystemResolver::with_lookup(getaddrinfo, LOOKUPS_MAX)
    }
}

fn getaddrinfo(host: &str) -> io::Result<Vec<IpAddr>> {
    Ok((host, 0).to_socket_addrs()?.map(|address| address.ip()).collect())
}

impl SystemResolver {
    fn with_lookup(lookup: fn(&str) -> io::Result<Vec<IpAddr>>, lookups_max: usize) -> SystemResolver {
        SystemResolver { lookup, running: Running::default(), places: Arc::new(Semaphore::new(lookups_max)) }
    }

    /// The lookup of this name that runs, if any.
    fn running(&self, host: &str) -> Option<watch::Receiver<Option<Found>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).get(host).cloned()
    }

    /// Starts a lookup in a place of its own, which it keeps until the system answers.
    fn start(&self, host: &str, place: OwnedSemaphorePermit) -> watch::Receiver<Option<Found>> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = running.get(host) {
            return found.clone();
        }
        let (tell, found) = watch::channel(None);
        running.insert(host.to_owned(), found.clone());
        let (host, lookup, running) = (host.to_owned(), self.lookup, self.running.clone());
        tokio::task::spawn_blocking(move || {
            let result = lookup(&host).map_err(|error| error.to_string());
            running.lock().unwrap_or_else(PoisonError::into_inner).remove(&host);
            tell.send_replace(Some(result));
            drop(place);
        });
        found
    }
}

impl Resolver for SystemResolver {
    fn resolve(&self, host: &str) -> Resolving {
        let (resolver, host) = (self.clone(), host.to_owned());
        Box::pin(async move {
            let mut found = match resolver.running(&host) {
                Some(found) => found,
                None => {
                    let place = resolver.places.clone().acquire_owned().await.map_err(io::Error::other)?;
                    resolver.start(&host, place)
                }
            };
            // Fails only when the lookup panicked.
            let found = found.wait_for(Option::is_some).await.map_err(io::Error::other)?;
            found.clone().unwrap_or_else(|| Ok(Vec::new())).map_err(io::Error::other)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    static HANGING: AtomicUsize = AtomicUsize::new(0);
    static RELEASED: Mutex<bool> = Mutex::new(false);
    static RELEASE: std::sync::Condvar = std::sync::Condvar::new();

    /// Hangs for names that begin with `hang`, until it is released.
    fn lookup(host: &str) -> io::Result<Vec<IpAddr>> {
        if host.starts_with("hang") {
            HANGING.fetch_add(1, Ordering::SeqCst);
            drop(RELEASE.wait_while(RELEASED.lock().expect("no panic"), |released| !*released));
        }
        Ok(vec![[192, 0, 2, 1].into()])
    }

    /// Failure rule D1: lookups that hang outlive their attempts, but not without bound.
    #[tokio::test]
    async fn names_that_hang_take_one_lookup_each_and_so_many_in_all() {
        let resolver = SystemResolver::with_lookup(lookup, 4);
        let attempt = |host: String| {
            let resolver = resolver.clone();
            async move { tokio::time::timeout(Duration::from_millis(1), resolver.resolve(&host)).await.is_ok() }
        };
        for _ in 0..100 {
            assert!(!attempt("hang-1".into()).await);
        }
        assert!(attempt_patiently(&resolver, "healthy").await, "one name that hangs leaves the others alone");
        assert_eq!(HANGING.load(Ordering::SeqCst), 1);
        for index in 0..100 {
            assert!(!attempt(format!("hang-{index}")).await);
        }
        assert!(HANGING.load(Ordering::SeqCst) <= 4);
        *RELEASED.lock().expect("no panic") = true;
        RELEASE.notify_all();
        assert!(attempt_patiently(&resolver, "healthy").await, "what hung has given its place back");
        assert!(resolver.running.lock().expect("no panic").len() <= 3, "what has ended is forgotten");
    }

    async fn attempt_patiently(resolver: &SystemResolver, host: &str) -> bool {
        tokio::time::timeout(Duration::from_secs(30), resolver.resolve(host)).await.is_ok_and(|found| found.is_ok())
    }
}
