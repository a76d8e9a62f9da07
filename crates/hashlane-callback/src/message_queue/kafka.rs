//! Kafka: the name is a topic, and all in-sync replicas have the message before it counts (`acks=all`).
//!
//! The event's id is the record's key and chooses the partition, so that the duplicates of a retry stay together and a
//! compacted topic keeps one. A topic is looked for before it is written to, because asking a broker to write to a topic
//! that is not there may make it.

use std::collections::HashMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hashlane_job::MqTarget;
use percent_encoding::percent_decode_str;
use rskafka::chrono::DateTime;
use rskafka::client::error::{Error, ProtocolError};
use rskafka::client::partition::{Compression, PartitionClient, UnknownTopicHandling};
use rskafka::client::{Client, ClientBuilder, Credentials, SaslConfig};
use rskafka::record::Record;
use rskafka::{BackoffConfig, SaslError};
use url::Url;

use super::broker::{Broker, Coming, NotPublished, Session, headers};
use crate::message::Message;
use crate::roots::Roots;

const PORT: u16 = 9092;
/// What the client itself tries again, such as a new leader of a partition, it tries for so long.
const RETRY: BackoffConfig = BackoffConfig {
    init_backoff: Duration::from_millis(50),
    max_backoff: Duration::from_secs(1),
    base: 2.0,
    deadline: Some(Duration::from_secs(3)),
};

/// A Kafka cluster, by one of its brokers.
pub(crate) struct Kafka {
    bootstrap: String,
    tls: bool,
    login: Option<Credentials>,
    roots: Roots,
}

impl fmt::Debug for Kafka {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kafka")
    }
}

impl Kafka {
    /// A broker at `kafka://HOST:PORT` or `kafka://USER:PASSWORD@HOST:PORT` (SASL PLAIN); `kafkas://` is the same over TLS.
    pub(crate) fn new(url: &Url, roots: &Roots) -> Result<Kafka, String> {
        let host = url.host_str().ok_or("it names no host")?;
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let login = (!url.username().is_empty())
            .then(|| Credentials::new(decoded(url.username()), decoded(url.password().unwrap_or_default())));
        Ok(Kafka {
            bootstrap: format!("{host}:{}", url.port().unwrap_or(PORT)),
            tls: url.scheme() == "kafkas",
            login,
            roots: roots.clone(),
        })
    }

    async fn open(&self) -> Result<Arc<dyn Session>, NotPublished> {
        let mut builder = ClientBuilder::new(vec![self.bootstrap.clone()]).client_id("hashlane").backoff_config(RETRY);
        if self.tls {
            let config = self.roots.client_config().await.map_err(NotPublished::Unavailable)?;
            builder = builder.tls_config(Arc::new(config));
        }
        if let Some(login) = &self.login {
            builder = builder.sasl_config(SaslConfig::Plain(login.clone()));
        }
        let client = builder.build().await.map_err(|error| not_published(&error, "the connection"))?;
        Ok(Arc::new(KafkaSession { client, partitions: Mutex::default(), broken: AtomicBool::new(false) }))
    }
}

impl Broker for Kafka {
    fn connect(&self) -> Coming<'_, Arc<dyn Session>> {
        Box::pin(self.open())
    }
}

/// By topic; `None` for a partition that was not written to yet.
type Partitions = HashMap<String, Vec<Option<Arc<PartitionClient>>>>;

struct KafkaSession {
    client: Client,
    partitions: Mutex<Partitions>,
    broken: AtomicBool,
}

impl KafkaSession {
    async fn publish_once(&self, topic: &str, message: &Message) -> Result<(), NotPublished> {
        let place = format!("the topic {topic}");
        let failed = |error: Error| not_published(&error, &place);
        let partition = self.partition(topic, &message.event_id, &place).await?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let record = Record {
            key: Some(message.event_id.clone().into_bytes()),
            value: Some(message.body.to_vec()),
            headers: headers(message).into_iter().map(|(name, value)| (name.into(), value.into_bytes())).collect(),
            timestamp: DateTime::from_timestamp_millis(i64::try_from(now.as_millis()).unwrap_or(i64::MAX))
                .unwrap_or_default(),
        };
        // The client asks for all in-sync replicas, always.
        partition.produce(vec![record], Compression::NoCompression).await.map_err(failed)?;
        Ok(())
    }

    async fn partition(&self, topic: &str, key: &str, place: &str) -> Result<Arc<PartitionClient>, NotPublished> {
        let failed = |error: Error| not_published(&error, place);
        let count = match self.known(topic, |partitions| partitions.len()) {
            Some(count) => count,
            None => {
                let topics = self.client.list_topics().await.map_err(failed)?;
                let Some(found) = topics.into_iter().find(|found| found.name == topic) else {
                    return Err(NotPublished::Missing(format!("{place} is missing")));
                };
                // A topic that may not be read about has none, and the first one will say so.
                let count = found.partitions.len().max(1);
                self.partitions().insert(topic.to_owned(), vec![None; count]);
                count
            }
        };
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let index = usize::try_from(hasher.finish() % count as u64).unwrap_or_default();
        if let Some(Some(partition)) = self.known(topic, |partitions| partitions.get(index).cloned().flatten()) {
            return Ok(partition);
        }
        let number = i32::try_from(index).unwrap_or_default();
        let opened = self.client.partition_client(topic, number, UnknownTopicHandling::Error).await.map_err(failed)?;
        let opened = Arc::new(opened);
        if let Some(slot) = self.partitions().get_mut(topic).and_then(|partitions| partitions.get_mut(index)) {
            *slot = Some(opened.clone());
        }
        Ok(opened)
    }

    fn partitions(&self) -> std::sync::MutexGuard<'_, Partitions> {
        self.partitions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known<T>(&self, topic: &str, read: impl FnOnce(&Vec<Option<Arc<PartitionClient>>>) -> T) -> Option<T> {
        self.partitions().get(topic).map(read)
    }
}

impl Session for KafkaSession {
    fn is_up(&self) -> bool {
        !self.broken.load(Ordering::Relaxed)
    }

    fn publish<'a>(&'a self, target: &'a MqTarget, message: &'a Message) -> Coming<'a, ()> {
        Box::pin(async move {
            let published = self.publish_once(&target.name, message).await;
            match published {
                // What is known of the topic may be out of date.
                Err(NotPublished::Missing(_) | NotPublished::Denied(_)) => {
                    self.partitions().remove(&target.name);
                }
                Err(NotPublished::Unavailable(_)) => self.broken.store(true, Ordering::Relaxed),
                Ok(()) => {}
            }
            published
        })
    }
}

/// What an error of the client means.
fn not_published(error: &Error, place: &str) -> NotPublished {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(inner) = cause {
        if inner.is::<SaslError>() {
            return NotPublished::Denied(format!("permission denied for the connection: {inner}"));
        }
        cause = inner.source();
    }
    match error {
        Error::ServerError { protocol_error, .. } => match protocol_error {
            ProtocolError::UnknownTopicOrPartition | ProtocolError::InvalidTopicException => {
                NotPublished::Missing(format!("{place} is missing"))
            }
            ProtocolError::TopicAuthorizationFailed | ProtocolError::ClusterAuthorizationFailed => {
                NotPublished::Denied(format!("permission denied for {place}: {protocol_error}"))
            }
            other => NotPublished::Unavailable(format!("the broker did not take it: {other}")),
        },
        other => NotPublished::Unavailable(format!("the broker is not reachable: {other}")),
    }
}
