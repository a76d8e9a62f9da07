//! What every kind of broker can do: be connected to, and take a message.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use hashlane_job::MqTarget;

use crate::message::Message;

/// Why a message was not taken. The texts go into records, so they hold no secrets.
#[derive(Debug, Clone)]
pub(crate) enum NotPublished {
    /// The queue or topic is not there; only its owner can change that.
    Missing(String),
    /// The broker does not let us; only its owner can change that.
    Denied(String),
    /// The broker is not there, or cannot take the message now.
    Unavailable(String),
}

/// A result on its way.
pub(crate) type Coming<'a, T> = Pin<Box<dyn Future<Output = Result<T, NotPublished>> + Send + 'a>>;

/// A broker at its address.
pub(crate) trait Broker: fmt::Debug + Send + Sync {
    /// Makes a connection. It is given up when it takes too long; dropping it leaves nothing behind.
    fn connect(&self) -> Coming<'_, Arc<dyn Session>>;
}

/// A connection to a broker, for many publishes side by side.
pub(crate) trait Session: Send + Sync {
    /// Whether it can still be used, as far as one can know without trying.
    fn is_up(&self) -> bool;

    /// Publishes a message and waits until the broker has confirmed that it holds it. A failure must be this message's own:
    /// what another one did wrong is at most [`NotPublished::Unavailable`].
    fn publish<'a>(&'a self, target: &'a MqTarget, message: &'a Message) -> Coming<'a, ()>;
}

/// What goes along with each message, as headers or properties: the names of the HTTP callback.
pub(crate) fn headers(message: &Message) -> [(&'static str, String); 5] {
    [
        ("content-type", message.content_type.to_owned()),
        ("x-ci-request-id", message.request_id.clone()),
        ("x-ci-event", "TaskFinish".to_owned()),
        ("x-ci-event-id", message.event_id.clone()),
        ("x-ci-job-id", message.job.to_string()),
    ]
}
