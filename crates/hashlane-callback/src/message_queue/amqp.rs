//! AMQP 0-9-1, the protocol of RabbitMQ: a queue by its name through the default exchange, a topic as an exchange.
//!
//! Messages are persistent, mandatory and confirmed: one that no queue takes comes back, which is final. Nothing is ever
//! declared here; queues and exchanges belong to the broker's owner. Each publish has a channel to itself, because the
//! broker answers what it refuses by closing the channel.

use std::sync::{Arc, Mutex, PoisonError};

use hashlane_job::{MqMode, MqTarget};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::tcp::OwnedTLSConfig;
use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};
use lapin::uri::AMQPUri;
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, Error, ErrorKind};
use url::Url;

use super::broker::{Broker, Coming, NotPublished, Session, headers};
use crate::message::Message;
use crate::roots::Roots;

/// Without a sign of life for twice this long a broker is given up, in seconds, unless the URL says otherwise.
const HEARTBEAT_SECONDS: u16 = 10;
/// The routing key of messages to an exchange.
const ROUTING_KEY: &str = "TaskFinish";
/// Survives a restart of the broker, in a durable queue.
const PERSISTENT: u8 = 2;
/// Reply codes (AMQP 0-9-1, section 1.2).
const ACCESS_REFUSED: u16 = 403;
const NOT_FOUND: u16 = 404;
const NOT_ALLOWED: u16 = 530;

/// A RabbitMQ broker.
pub(crate) struct Amqp {
    uri: AMQPUri,
    roots_pem: String,
}

impl std::fmt::Debug for Amqp {
    /// Without the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Amqp")
    }
}

impl Amqp {
    /// A broker at `amqp://USER:PASSWORD@HOST:PORT/VHOST`, or `amqps://`.
    pub(crate) fn new(url: &Url, roots: &Roots) -> Result<Amqp, String> {
        let mut uri: AMQPUri = url.as_str().parse().map_err(|why| format!("it is no AMQP URL: {why}"))?;
        uri.query.heartbeat.get_or_insert(HEARTBEAT_SECONDS);
        Ok(Amqp { uri, roots_pem: roots.pem.clone() })
    }

    async fn open(&self) -> Result<Arc<dyn Session>, NotPublished> {
        let properties = ConnectionProperties::default().with_connection_name("hashlane".into());
        let cert_chain = (!self.roots_pem.is_empty()).then(|| self.roots_pem.clone());
        let tls = OwnedTLSConfig { identity: None, cert_chain };
        let runtime = lapin::runtime::default_runtime().map_err(|error| refused(&error, "the connection"))?;
        let connection = Connection::connect_uri_with_config(self.uri.clone(), properties, tls, runtime)
            .await
            .map_err(|error| refused(&error, "the connection"))?;
        Ok(Arc::new(AmqpSession { connection, idle: Mutex::default() }))
    }
}

impl Broker for Amqp {
    fn connect(&self) -> Coming<'_, Arc<dyn Session>> {
        Box::pin(self.open())
    }
}

struct AmqpSession {
    connection: Connection,
    /// Channels that wait for the next message; never more than publishes were in flight at once.
    idle: Mutex<Vec<Channel>>,
}

impl AmqpSession {
    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Channel>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn channel(&self) -> Result<Channel, Error> {
        while let Some(channel) = { self.idle().pop() } {
            if channel.status().connected() {
                return Ok(channel);
            }
        }
        let channel = self.connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok(channel)
    }

    async fn publish_once(&self, target: &MqTarget, message: &Message) -> Result<(), NotPublished> {
        let (what, place) = match target.mode {
            MqMode::Queue => ("queue", ("", target.name.as_str())),
            MqMode::Topic => ("exchange", (target.name.as_str(), ROUTING_KEY)),
        };
        let place_name = format!("the {what} {}", target.name);
        let short = |text: &str| {
            ShortString::try_new(text)
                .map_err(|_| NotPublished::Missing(format!("{place_name} cannot exist: the name is too long")))
        };
        let (exchange, routing_key) = (short(place.0)?, short(place.1)?);
        let properties = properties(message);
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };

        let channel = self.channel().await.map_err(|error| refused(&error, &place_name))?;
        let confirmation = async {
            let published = channel.basic_publish(exchange, routing_key, options, &message.body, properties);
            published.await?.await
        };
        match confirmation.await.map_err(|error| refused(&error, &place_name))? {
            Confirmation::Ack(None) => {
                self.idle().push(channel);
                Ok(())
            }
            Confirmation::Ack(Some(_)) => {
                self.idle().push(channel);
                let missing = match target.mode {
                    MqMode::Queue => format!("{place_name} is missing"),
                    MqMode::Topic => {
                        format!("{place_name} has no queue for the routing key {ROUTING_KEY}: the queue is missing")
                    }
                };
                Err(NotPublished::Missing(missing))
            }
            Confirmation::Nack(_) | Confirmation::NotRequested => {
                Err(NotPublished::Unavailable(format!("the broker could not store the message in {place_name}")))
            }
        }
    }
}

impl Session for AmqpSession {
    fn is_up(&self) -> bool {
        self.connection.status().connected()
    }

    fn publish<'a>(&'a self, target: &'a MqTarget, message: &'a Message) -> Coming<'a, ()> {
        Box::pin(self.publish_once(target, message))
    }
}

fn properties(message: &Message) -> BasicProperties {
    let mut table = FieldTable::default();
    for (name, value) in headers(message) {
        table.insert(name.into(), AMQPValue::LongString(LongString::from(value)));
    }
    let mut properties =
        BasicProperties::default().with_delivery_mode(PERSISTENT).with_headers(table).with_app_id("hashlane".into());
    if let Ok(content_type) = ShortString::try_new(message.content_type) {
        properties = properties.with_content_type(content_type);
    }
    match ShortString::try_new(&message.event_id) {
        Ok(id) => properties.with_message_id(id),
        Err(_) => properties,
    }
}

/// What an error of the client means. The broker's own words are kept: they name what is missing or not allowed.
fn refused(error: &Error, what: &str) -> NotPublished {
    match error.kind() {
        ErrorKind::ProtocolError(said) => match said.get_id() {
            NOT_FOUND => NotPublished::Missing(format!("{what} is missing: {}", said.get_message())),
            ACCESS_REFUSED | NOT_ALLOWED => {
                NotPublished::Denied(format!("permission denied for {what}: {}", said.get_message()))
            }
            _ => NotPublished::Unavailable(format!("the broker refused {what}: {}", said.get_message())),
        },
        _ => NotPublished::Unavailable(format!("the broker is not reachable: {error}")),
    }
}
