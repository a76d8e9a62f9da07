//! The transports behind one door.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hashlane_job::{BucketName, CallbackTarget, NotifyAddress};
use ipnet::IpNet;

use crate::connector::GuardedConnector;
use crate::guard::Guard;
use crate::message::{Answer, Message, Sent};
use crate::message_queue::{BrokerOptions, MessageQueues};
use crate::resolver::{Resolver, SystemResolver};
use crate::roots::Roots;
use crate::signature::{Secrets, SigningSecret};
use crate::webhook::Webhook;

/// How callbacks are sent.
#[derive(Debug, Clone)]
pub struct CallbackOptions {
    /// Networks that are sent to although the guard refuses them otherwise: loopback, private, link-local.
    pub allow_networks: Vec<IpNet>,
    /// Names that are sent to wherever they lead, in lower case: receivers inside, whose addresses are not known beforehand.
    pub allow_hosts: Vec<String>,
    /// Ports that URLs may name, their default ports included; empty is every port.
    pub ports: Vec<u16>,
    /// Certificates in PEM that are trusted beside those of the system.
    pub ca_file: Option<PathBuf>,
    /// What requests are signed with; with none they are not signed.
    pub signing_secrets: Vec<SigningSecret>,
    /// What those of a bucket are signed with instead.
    pub bucket_secrets: HashMap<BucketName, Vec<SigningSecret>>,
    /// The brokers of message queue targets, at most one for each region.
    pub brokers: Vec<BrokerOptions>,
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
            allow_hosts: Vec::new(),
            ports: Vec::new(),
            ca_file: None,
            signing_secrets: Vec::new(),
            bucket_secrets: HashMap::new(),
            brokers: Vec::new(),
            timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(5),
        }
    }
}

/// All transports: cheap to clone, the clones share their connections.
#[derive(Debug, Clone)]
pub struct Transports {
    webhook: Arc<Webhook>,
    queues: Arc<MessageQueues>,
}

impl Transports {
    /// Builds the transports. The file of extra certificates is read; nothing is connected to yet.
    ///
    /// # Errors
    /// When a transport cannot be built from the options; one lower-case line that says which and why.
    pub fn new(options: CallbackOptions) -> Result<Transports, String> {
        Transports::with_resolver(options, Arc::new(SystemResolver::default()))
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
        let allow_hosts = options.allow_hosts.into();
        let connector = GuardedConnector { guard, allow_hosts, resolver, timeout: options.connect_timeout };
        let roots = Roots::new(options.ca_file.as_deref())?;
        let queues = MessageQueues::new(&options.brokers, &roots, options.timeout)?;
        let secrets = Secrets { all: options.signing_secrets, buckets: options.bucket_secrets };
        let webhook = Webhook::new(connector, roots, options.ports, secrets, options.timeout);
        Ok(Transports { webhook: Arc::new(webhook), queues: Arc::new(queues) })
    }

    /// Sends one message to one target, once, within the timeout. It never retries and never touches the store. Dropping
    /// the future closes the connection.
    pub async fn send(&self, target: &CallbackTarget, message: &Message) -> Sent {
        match &target.address {
            NotifyAddress::Url(url) => self.webhook.send(url, message).await,
            NotifyAddress::Mq(queue) => self.queues.send(queue, message).await,
        }
    }

    /// As [`Transports::send`], with the answer where there was one over HTTP: for an operator who tries a receiver out, not
    /// for the record or the clients of the API.
    pub async fn try_out(&self, target: &CallbackTarget, message: &Message) -> (Sent, Option<Answer>) {
        match &target.address {
            NotifyAddress::Url(url) => self.webhook.try_out(url, message).await,
            NotifyAddress::Mq(queue) => (self.queues.send(queue, message).await, None),
        }
    }
}
