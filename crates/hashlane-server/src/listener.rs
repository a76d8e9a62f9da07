//! A listener: accepts connections within their caps and ends gracefully.
//!
//! It promises that no more connections are open than [`Limits`] allows, that one address cannot take them all, and that
//! [`Listening::stop`] lets requests in flight finish. It knows nothing of what is asked and answered: the api and the admin
//! listener are the same loop.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::TaskTracker;

use crate::connection::{self, Ending, Respond};
use crate::header_case::HeaderCase;
use crate::{Limits, Tls};

/// The pause after a failed accept: out of descriptors, say. Without it the loop would spin until one is free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A running listener. Dropping it leaves it running; [`Listening::stop`] ends it.
pub struct Listening {
    address: SocketAddr,
    ending: Ending,
    tasks: TaskTracker,
}

impl Listening {
    /// The address it listens on, with the real port.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Stops accepting, lets requests in flight finish (at most `grace`), closes. Idle connections are closed at once.
    pub async fn stop(self, grace: Duration) {
        self.ending.soon.cancel();
        self.tasks.close();
        if tokio::time::timeout(grace, self.tasks.wait()).await.is_err() {
            tracing::info!(connections = self.tasks.len(), "closing connections that did not finish in time");
            self.ending.now.cancel();
            self.tasks.wait().await;
        }
    }
}

/// Starts the loop on a bound socket. Must be called within a tokio runtime.
pub(crate) fn listen<R: Respond>(listener: TcpListener, tls: Option<Tls>, limits: Limits, responder: R) -> Listening {
    // A socket that was bound has an address; if the system cannot say it any more, accepting fails with the reason.
    let address = listener.local_addr().unwrap_or_else(|_| SocketAddr::from(([0, 0, 0, 0], 0)));
    let (ending, tasks) = (Ending::default(), TaskTracker::new());
    let accepting = accept_all(listener, tls, Arc::new(limits), Arc::new(responder), ending.clone(), tasks.clone());
    tasks.spawn(accepting);
    Listening { address, ending, tasks }
}

async fn accept_all<R: Respond>(
    listener: TcpListener,
    tls: Option<Tls>,
    limits: Arc<Limits>,
    responder: Arc<R>,
    ending: Ending,
    tasks: TaskTracker,
) {
    let case = match HeaderCase::learn().await {
        Ok(case) => case,
        Err(error) => {
            tracing::error!(%error, "cannot prepare the names of answer headers; the listener does not start");
            return;
        }
    };
    let places = Arc::new(Semaphore::new(limits.connections_max.min(Semaphore::MAX_PERMITS)));
    let peers = Peers::new(limits.connections_per_ip_max);
    loop {
        let accepted = tokio::select! {
            () = ending.soon.cancelled() => return,
            accepted = accept(&listener, &places) => accepted,
        };
        let (stream, peer, place) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Some(visit) = peers.enter(peer.ip()) else {
            tracing::debug!(peer = %peer.ip(), "connection refused: its address has too many");
            continue;
        };
        // Answers are small and complete: waiting for more bytes could only delay them.
        let _ = stream.set_nodelay(true);
        let serving = serve(stream, tls.clone(), responder.clone(), limits.clone(), case.clone(), ending.clone());
        tasks.spawn(async move {
            serving.await;
            drop((place, visit));
        });
    }
}

/// Serves one connection, after its handshake where there is one. That has the time that a request head has.
async fn serve<R: Respond>(
    stream: TcpStream,
    tls: Option<Tls>,
    responder: Arc<R>,
    limits: Arc<Limits>,
    case: HeaderCase,
    ending: Ending,
) {
    let Some(tls) = tls else {
        return connection::serve(stream, responder, limits, case, ending).await;
    };
    tokio::select! {
        shaken = tls.accept(stream, limits.header_timeout) => match shaken {
            Ok(stream) => connection::serve(stream, responder, limits, case, ending).await,
            Err(error) => tracing::debug!(%error, "connection dropped in its handshake"),
        },
        // Nothing was asked yet.
        () = ending.soon.cancelled() => {}
    }
}

/// The next connection, once there is a place for it.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = places.clone().acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, place))
}

/// How many connections each peer has.
#[derive(Clone)]
struct Peers {
    open: Arc<Mutex<HashMap<IpAddr, usize>>>,
    each_max: usize,
}

/// One connection of a peer; leaving is dropping it.
struct Visit {
    peers: Peers,
    peer: IpAddr,
}

impl Peers {
    fn new(each_max: usize) -> Peers {
        Peers { open: Arc::default(), each_max }
    }

    fn enter(&self, address: IpAddr) -> Option<Visit> {
        let peer = whose(address);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(peer).or_default();
        // An entry of zero is left behind only when the cap is zero, which lets nobody in anyway.
        (*count < self.each_max).then(|| {
            *count += 1;
            Visit { peers: self.clone(), peer }
        })
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let mut open = self.peers.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.peer) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.peer);
            }
        }
    }
}

/// Who stands behind an address: a single host is given a whole IPv6 /64 as a rule, so that is what counts as one.
fn whose(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64)).into(),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_at_its_cap_is_refused_until_it_leaves_and_others_are_not() {
        let peers = Peers::new(1);
        let address = |text: &str| text.parse::<IpAddr>().expect("an address");
        let visit = peers.enter(address("192.0.2.1"));
        assert!(visit.is_some());
        assert!(peers.enter(address("192.0.2.1")).is_none());
        assert!(peers.enter(address("::ffff:192.0.2.1")).is_none());
        assert!(peers.enter(address("192.0.2.2")).is_some());
        drop(visit);
        assert!(peers.enter(address("192.0.2.1")).is_some());
    }

    #[test]
    fn addresses_of_one_ipv6_network_are_one_peer() {
        let peers = Peers::new(1);
        let address = |text: &str| text.parse::<IpAddr>().expect("an address");
        let _visit = peers.enter(address("2001:db8::1"));
        assert!(peers.enter(address("2001:db8::2")).is_none());
        assert!(peers.enter(address("2001:db8:0:1::1")).is_some());
    }
}
