//! Message queue targets (`CallBackType=TDMQ`): the broker of the target's region, and what its answer means.
//!
//! Delivered means confirmed by the broker. A region without a broker, a queue that is not there and a permission that is
//! missing are final: they need an operator, not another attempt. All else is worth one. What hangs ends with the time of
//! an attempt, and so many publishes are in flight per region. Brokers' addresses are the operator's, so the guard has no
//! say in them.
//!
//! One file per protocol, each behind [`broker::Broker`]; connections are kept by [`link`].

#[cfg(feature = "amqp")]
mod amqp;
mod broker;
#[cfg(feature = "kafka")]
mod kafka;
mod link;
#[cfg(feature = "nats")]
mod nats;
#[cfg(feature = "pulsar")]
mod pulsar;

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use hashlane_job::MqTarget;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::message::{Message, Sent};
use crate::roots::Roots;
use broker::{Broker, NotPublished};
use link::Link;

/// Publishes in flight to one broker; beyond them attempts wait within their time.
const PUBLISHES_MAX: usize = 64;

/// Schemes of brokers' URLs, whether this build has them or not.
const PROTOCOLS: [&str; 8] = ["amqp", "amqps", "kafka", "kafkas", "nats", "pulsar", "pulsar+ssl", "tls"];

/// The broker of one region: `[mq.<region>]`.
#[derive(Clone)]
pub struct BrokerOptions {
    region: String,
    url: Url,
}

impl fmt::Debug for BrokerOptions {
    /// Without the URL, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the broker of {}", self.region)
    }
}

impl BrokerOptions {
    /// The broker at `url`, whose scheme names the protocol: `amqp`, `amqps`, `kafka`, `kafkas` (over TLS), `nats`,
    /// `tls` (NATS over TLS), `pulsar`, `pulsar+ssl`.
    ///
    /// # Errors
    /// What is wrong with the URL, without a word of it but its scheme.
    pub fn new(region: impl Into<String>, url: &str) -> Result<BrokerOptions, String> {
        let url = Url::parse(url).ok().filter(Url::has_host);
        let url = url.ok_or("it is not a URL: write it like amqp://guest:guest@127.0.0.1:5672/%2f")?;
        let options = BrokerOptions { region: region.into(), url };
        options.broker(&Roots::default())?;
        Ok(options)
    }

    fn broker(&self, roots: &Roots) -> Result<Box<dyn Broker>, String> {
        match self.url.scheme() {
            #[cfg(feature = "amqp")]
            "amqp" | "amqps" => Ok(Box::new(amqp::Amqp::new(&self.url, roots)?)),
            #[cfg(feature = "nats")]
            "nats" | "tls" => Ok(Box::new(nats::Nats::new(&self.url, roots)?)),
            #[cfg(feature = "kafka")]
            "kafka" | "kafkas" => Ok(Box::new(kafka::Kafka::new(&self.url, roots)?)),
            #[cfg(feature = "pulsar")]
            "pulsar" | "pulsar+ssl" => Ok(Box::new(pulsar::Pulsar::new(&self.url, roots)?)),
            known if PROTOCOLS.contains(&known) => {
                Err(format!("this program was built without the protocol of {known}:"))
            }
            other => Err(format!("{other}: is not a protocol of brokers; there are {}", PROTOCOLS.join(", "))),
        }
    }
}

/// The brokers of all regions.
#[derive(Debug)]
pub(crate) struct MessageQueues {
    regions: HashMap<String, Region>,
    timeout: Duration,
}

#[derive(Debug)]
struct Region {
    link: Link,
    places: Semaphore,
}

impl MessageQueues {
    /// Nothing is connected to yet.
    pub(crate) fn new(brokers: &[BrokerOptions], roots: &Roots, timeout: Duration) -> Result<MessageQueues, String> {
        let mut regions = HashMap::new();
        for options in brokers {
            let broker = options.broker(roots).map_err(|why| format!("the broker of {}: {why}", options.region))?;
            let region = Region { link: Link::new(broker), places: Semaphore::new(PUBLISHES_MAX) };
            regions.insert(options.region.clone(), region);
        }
        Ok(MessageQueues { regions, timeout })
    }

    /// Publishes the message once.
    pub(crate) async fn send(&self, target: &MqTarget, message: &Message) -> Sent {
        let Some(region) = self.regions.get(&target.region) else {
            let region = &target.region;
            return Sent::Never { said: format!("no broker is configured for the region {region}: add [mq.{region}]") };
        };
        match timeout_at(Instant::now() + self.timeout, region.publish(target, message)).await {
            Ok(Ok(())) => Sent::Delivered { said: "confirmed by the broker".into() },
            Ok(Err(NotPublished::Missing(said) | NotPublished::Denied(said))) => Sent::Never { said },
            Ok(Err(NotPublished::Unavailable(said))) => Sent::Again { said, after: None },
            Err(_) => {
                let said = format!("the broker did not confirm within {} ms", self.timeout.as_millis());
                Sent::Again { said, after: None }
            }
        }
    }
}

impl Region {
    async fn publish(&self, target: &MqTarget, message: &Message) -> Result<(), NotPublished> {
        let _place =
            self.places.acquire().await.map_err(|_| NotPublished::Unavailable("the service is stopping".into()))?;
        self.link.publish(target, message).await
    }
}
