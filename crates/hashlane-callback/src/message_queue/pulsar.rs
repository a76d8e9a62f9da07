//! Apache Pulsar, over its binary protocol: the name is a topic, in `public/default` unless it says otherwise.
//!
//! The protocol is spoken here and not by a client library, because the one that exists needs a compiler for Protocol
//! Buffers wherever hashlane is built; a producer needs nine commands of it. A partitioned topic gets the message in the
//! partition that the event's id chooses. Delivered is a receipt, which a broker sends when its bookies have the message.

mod frame;
mod wire;

use std::collections::HashMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use hashlane_job::MqTarget;
use tokio::sync::{Mutex, OnceCell};
use url::Url;

use self::frame::{Fields, kind};
use self::wire::{Place, Wire};
use super::broker::{Broker, Coming, NotPublished, Session, headers};
use crate::message::Message;
use crate::roots::Roots;

const PORT: u16 = 6650;
const PORT_TLS: u16 = 6651;
/// So many brokers may point to another one.
const REDIRECTS_MAX: usize = 5;
/// Topics whose producers are kept; beyond them all are made anew.
const TOPICS_MAX: usize = 1024;

/// A Pulsar cluster, by one of its brokers or its proxy.
pub(crate) struct Pulsar {
    place: Place,
}

impl fmt::Debug for Pulsar {
    /// Without the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pulsar")
    }
}

impl Pulsar {
    /// A broker at `pulsar://HOST:PORT` or `pulsar://:TOKEN@HOST:PORT`; `pulsar+ssl://` is the same over TLS.
    pub(crate) fn new(url: &Url, roots: &Roots) -> Result<Pulsar, String> {
        let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
        let tls = url.scheme() == "pulsar+ssl";
        Ok(Pulsar {
            place: Place {
                host: url.host_str().ok_or("it names no host")?.trim_matches(['[', ']']).to_owned(),
                port: url.port().unwrap_or(if tls { PORT_TLS } else { PORT }),
                tls,
                token: url.password().map(decoded),
                roots: roots.clone(),
            },
        })
    }

    async fn open(&self) -> Result<Arc<dyn Session>, NotPublished> {
        let wire = Arc::new(Wire::open(&self.place).await?);
        let first = self.place.clone();
        Ok(Arc::new(PulsarSession { first: (first, wire), others: Mutex::default(), topics: Mutex::default() }))
    }
}

impl Broker for Pulsar {
    fn connect(&self) -> Coming<'_, Arc<dyn Session>> {
        Box::pin(self.open())
    }
}

/// A producer on the connection to the broker that owns its topic.
#[derive(Clone)]
struct Producer {
    wire: Arc<Wire>,
    id: u64,
    name: String,
}

struct PulsarSession {
    first: (Place, Arc<Wire>),
    /// Connections to other brokers of the cluster, by their URL.
    others: Mutex<HashMap<String, Arc<Wire>>>,
    topics: Mutex<HashMap<String, Arc<Topic>>>,
}

#[derive(Default)]
struct Topic {
    partitions: OnceCell<u64>,
    producers: Mutex<HashMap<String, Producer>>,
}

impl PulsarSession {
    async fn publish_once(&self, name: &str, message: &Message) -> Result<(), NotPublished> {
        let full = if name.contains("://") { name.to_owned() } else { format!("persistent://public/default/{name}") };
        let topic = {
            let mut topics = self.topics.lock().await;
            if topics.len() >= TOPICS_MAX {
                topics.clear();
            }
            topics.entry(full.clone()).or_default().clone()
        };
        let partitions = *topic.partitions.get_or_try_init(|| self.partitions(&full)).await?;
        let part = match partitions {
            0 => full,
            count => {
                let mut hasher = DefaultHasher::new();
                message.event_id.hash(&mut hasher);
                format!("{full}-partition-{}", hasher.finish() % count)
            }
        };
        let producer = {
            let mut producers = topic.producers.lock().await;
            match producers.get(&part).filter(|producer| producer.wire.is_up()) {
                Some(producer) => producer.clone(),
                None => {
                    let made = self.producer(&part).await?;
                    producers.insert(part, made.clone());
                    made
                }
            }
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        let now = u64::try_from(now).unwrap_or(u64::MAX);
        let frame = |sequence: u64| {
            let send = Fields::default().number(1, producer.id).number(2, sequence);
            let mut metadata = Fields::default().bytes(1, producer.name.as_bytes()).number(2, sequence).number(3, now);
            for (name, value) in headers(message) {
                metadata = metadata.within(4, &Fields::default().bytes(1, name.as_bytes()).bytes(2, value.as_bytes()));
            }
            let metadata = metadata.bytes(6, message.event_id.as_bytes());
            frame::message(&send, &metadata, &message.body)
        };
        producer.wire.send(producer.id, frame).await?;
        Ok(())
    }

    async fn partitions(&self, topic: &str) -> Result<u64, NotPublished> {
        let wire = &self.first.1;
        let id = wire.id();
        let body = Fields::default().bytes(1, topic.as_bytes()).number(2, id);
        Ok(wire.request(id, kind::PARTITIONED_METADATA, &body).await?.number(1).unwrap_or(0))
    }

    /// Finds the broker that owns the topic, and makes a producer there.
    async fn producer(&self, topic: &str) -> Result<Producer, NotPublished> {
        let mut wire = self.first.1.clone();
        let mut authoritative = 0;
        for _ in 0..REDIRECTS_MAX {
            let id = wire.id();
            let body = Fields::default().bytes(1, topic.as_bytes()).number(2, id).number(3, authoritative);
            let found = wire.request(id, kind::LOOKUP, &body).await?;
            let through_proxy = found.number(8) == Some(1);
            let address = found.text(if self.first.0.tls { 2 } else { 1 });
            let is_final = found.number(3) == Some(1);
            authoritative = found.number(5).unwrap_or(0);
            if !through_proxy && !address.is_empty() {
                wire = self.wire(&address).await?;
            }
            if is_final {
                let (id, producer) = (wire.id(), wire.id());
                let body = Fields::default().bytes(1, topic.as_bytes()).number(2, producer).number(3, id);
                let made = wire.request(id, kind::PRODUCER, &body).await?;
                return Ok(Producer { wire, id: producer, name: made.text(2) });
            }
        }
        Err(NotPublished::Unavailable(format!("no broker says that it owns the topic {topic}")))
    }

    /// The connection to a broker of the cluster: the first one, or another.
    async fn wire(&self, address: &str) -> Result<Arc<Wire>, NotPublished> {
        let (first, wire) = &self.first;
        let unusable = || NotPublished::Unavailable("the broker named another one by no usable address".into());
        let place = Url::parse(address).map_err(|_| unusable())?;
        let host = place.host_str().ok_or_else(unusable)?.trim_matches(['[', ']']).to_owned();
        let port = place.port().unwrap_or(if first.tls { PORT_TLS } else { PORT });
        if (host.as_str(), port) == (first.host.as_str(), first.port) {
            return Ok(wire.clone());
        }
        let mut others = self.others.lock().await;
        if let Some(known) = others.get(address).filter(|known| known.is_up()) {
            return Ok(known.clone());
        }
        let opened = Arc::new(Wire::open(&Place { host, port, ..first.clone() }).await?);
        others.insert(address.to_owned(), opened.clone());
        Ok(opened)
    }
}

impl Session for PulsarSession {
    fn is_up(&self) -> bool {
        self.first.1.is_up()
    }

    fn publish<'a>(&'a self, target: &'a MqTarget, message: &'a Message) -> Coming<'a, ()> {
        Box::pin(self.publish_once(&target.name, message))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use hashlane_job::{BucketName, JobId, MqMode};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    /// Answers each command as the script says: its type, and a reply made of its fields.
    async fn serve(mut stream: TcpStream, port: u16, script: fn(u64, &frame::Read, u16) -> Option<Bytes>) {
        while let Ok(length) = stream.read_u32().await {
            let mut content = vec![0; usize::try_from(length).expect("a length")];
            stream.read_exact(&mut content).await.expect("a frame");
            let (kind, body) = frame::read_command(content.into()).expect("a command");
            if let Some(reply) = script(kind, &body, port) {
                stream.write_all(&reply).await.ok();
            }
        }
    }

    async fn publish_to(script: fn(u64, &frame::Read, u16) -> Option<Bytes>) -> Result<(), NotPublished> {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("a bound address").port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, port, script));
            }
        });
        let url = Url::parse(&format!("pulsar://:secret@127.0.0.1:{port}")).expect("a url");
        let broker = Pulsar::new(&url, &Roots::default()).expect("a broker");
        let target = MqTarget { region: "gz".into(), mode: MqMode::Topic, name: "jobs".into() };
        let message = Message {
            job: JobId::parse("f93984788066911ed89ed352d4d9d2084").expect("the documented id"),
            bucket: BucketName::parse("demo-1250000000").expect("a name"),
            event_id: "event-1".into(),
            request_id: "attempt-1".into(),
            content_type: "application/xml",
            body: Bytes::from_static(b"<Response/>"),
        };
        broker.connect().await?.publish(&target, &message).await
    }

    fn reply(kind: u64, body: &Fields) -> Option<Bytes> {
        Some(frame::command(kind, body))
    }

    fn error(request: Option<u64>, code: u64, said: &str) -> Option<Bytes> {
        let body = Fields::default().number(1, request.unwrap_or(u64::MAX)).number(2, code);
        reply(kind::ERROR, &body.bytes(3, said.as_bytes()))
    }

    /// A broker with one topic of two partitions, which redirects once and then names itself.
    fn healthy(kind: u64, body: &frame::Read, port: u16) -> Option<Bytes> {
        match kind {
            kind::CONNECT => {
                assert_eq!((body.text(5), body.text(3)), ("token".into(), "secret".into()));
                reply(kind::CONNECTED, &Fields::default().bytes(1, b"scripted"))
            }
            kind::PARTITIONED_METADATA => {
                assert_eq!(body.text(1), "persistent://public/default/jobs");
                let body = Fields::default().number(1, 2).number(2, body.number(2)?).number(3, 0);
                reply(kind::PARTITIONED_METADATA_RESPONSE, &body)
            }
            kind::LOOKUP => {
                assert!(body.text(1).starts_with("persistent://public/default/jobs-partition-"), "{}", body.text(1));
                let (redirected, id) = (body.number(3)? == 1, body.number(2)?);
                let place = format!("pulsar://localhost:{port}");
                let body = Fields::default().bytes(1, place.as_bytes()).number(3, u64::from(redirected)).number(4, id);
                reply(kind::LOOKUP_RESPONSE, &body.number(5, 1))
            }
            kind::PRODUCER => {
                reply(kind::PRODUCER_SUCCESS, &Fields::default().number(1, body.number(3)?).bytes(2, b"name"))
            }
            kind::SEND => {
                let receipt = Fields::default().number(1, body.number(1)?).number(2, body.number(2)?);
                reply(kind::SEND_RECEIPT, &receipt)
            }
            _ => None,
        }
    }

    #[tokio::test]
    async fn a_message_goes_to_a_partition_at_the_broker_that_owns_it() {
        publish_to(healthy).await.expect("a receipt");
    }

    #[tokio::test]
    async fn a_missing_topic_and_a_missing_permission_are_told_apart() {
        let missing = publish_to(|kind, body, port| match kind {
            kind::PRODUCER => error(body.number(3), 11, "topic does not exist"),
            _ => healthy(kind, body, port),
        });
        assert!(matches!(missing.await, Err(NotPublished::Missing(said)) if said.contains("does not exist")));
        let denied = publish_to(|kind, body, port| match kind {
            kind::PRODUCER => error(body.number(3), 4, "not authorized"),
            _ => healthy(kind, body, port),
        });
        assert!(matches!(denied.await, Err(NotPublished::Denied(said)) if said.contains("not authorized")));
        let stranger = publish_to(|kind, body, port| match kind {
            kind::CONNECT => error(None, 3, "failed to authenticate"),
            _ => healthy(kind, body, port),
        });
        assert!(matches!(stranger.await, Err(NotPublished::Denied(said)) if said.contains("permission denied")));
        let busy = publish_to(|kind, body, port| match kind {
            kind::SEND => {
                let refusal = Fields::default().number(1, body.number(1)?).number(2, body.number(2)?).number(3, 2);
                reply(kind::SEND_ERROR, &refusal.bytes(4, b"disk full"))
            }
            _ => healthy(kind, body, port),
        });
        assert!(matches!(busy.await, Err(NotPublished::Unavailable(said)) if said.contains("disk full")));
    }

    #[tokio::test]
    async fn a_broker_that_closes_or_talks_nonsense_is_not_reachable() {
        for nonsense in [&b"\xff\xff\xff\xff"[..], b"\0\0\0\x04\0\0\0\x09", b"HTTP/1.1 400 Bad Request\r\n\r\n"] {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            let port = listener.local_addr().expect("a bound address").port();
            tokio::spawn(async move {
                let (mut stream, _) = listener.accept().await.expect("a connection");
                stream.write_all(nonsense).await.ok();
                let mut rest = Vec::new();
                stream.read_to_end(&mut rest).await.ok();
            });
            let url = Url::parse(&format!("pulsar://127.0.0.1:{port}")).expect("a url");
            let refused = Pulsar::new(&url, &Roots::default()).expect("a broker").open().await;
            assert!(matches!(refused, Err(NotPublished::Unavailable(_))), "{nonsense:?}");
        }
    }
}
