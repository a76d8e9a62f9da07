//! The transports behind one door.

use std::sync::Arc;
use std::time::Duration;

use hashlane_job::{CallbackTarget, NotifyAddress};
use ipnet::IpNet;

use crate::connector::GuardedConnector;
use crate::guard::Guard;
use crate::message::{Message, Sent};
use crate::message_queue;
use crate::resolver::{Resolver, SystemResolver};
use crate::webhook::Webhook;

/// How callbacks are sent.
#[derive(Debug, Clone)]
pub struct CallbackOptions {
    /// Networks that are sent to although the guard refuses them otherwise: loopback, private, link-local.
    pub allow_networks: Vec<IpNet>,
    /// How long one attempt may last, from resolving the name to the head of the answer.
    pub timeout: Duration,
    /// How long resolving the name and connecting may last.
    pub connect_timeout: Duration,
}

impl Default for CallbackOptions {
    /// 10 s for an attempt (spec section 9), 5 s of it to connect, no exceptions from the guard.
    fn default() -> CallbackOptions {
        CallbackOptions {
            allow_networks: Vec::new(),
            timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(5),
        }
    }
}

/// All transports: cheap to clone, the clones share their connections.
#[derive(Debug, Clone)]
pub struct Transports {
    webhook: Arc<Webhook>,
}

impl Transports {
    /// Builds the transports. Nothing is read or connected to yet.
    ///
    /// # Errors
    /// When a transport cannot be built from the options; one lower-case line that says which and why.
    pub fn new(options: CallbackOptions) -> Result<Transports, String> {
        Transports::with_resolver(options, Arc::new(SystemResolver))
    }

    /// As [`Transports::new`], with another source of addresses: tests change what a name means between two attempts.
    ///
    /// # Errors
    /// As [`Transports::new`].
    pub fn with_resolver(options: CallbackOptions, resolver: Arc<dyn Resolver>) -> Result<Transports, String> {
        if options.timeout.is_zero() || options.connect_timeout.is_zero() {
            return Err("the timeouts of callbacks must not be zero".into());
        }
        let guard = Arc::new(Guard::new(options.allow_networks));
        let connector = GuardedConnector { guard, resolver, timeout: options.connect_timeout };
        Ok(Transports { webhook: Arc::new(Webhook::new(connector, options.timeout)) })
    }

    /// Sends one message to one target, once, within the timeout. It never retries and never touches the store. Dropping
    /// the future closes the connection.
    pub async fn send(&self, target: &CallbackTarget, message: &Message) -> Sent {
        match &target.address {
            NotifyAddress::Url(url) => self.webhook.send(url, message).await,
            NotifyAddress::Mq(queue) => message_queue::send(queue),
        }
    }
}
