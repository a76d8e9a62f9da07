//! NATS JetStream: the name is a subject, and a stream that listens to it stores the message and confirms it.
//!
//! The event's id is the message id, so that a stream drops the duplicates of a retry within its window. A subject that no
//! stream listens to is final. NATS tells of a missing permission not in an answer but beside it, to the connection; the
//! publishes that wait are told of it here.

use std::fmt;
use std::sync::Arc;

use async_nats::connection::State;
use async_nats::jetstream::Context;
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::{Client, ConnectErrorKind, ConnectOptions, Event, HeaderMap, ServerAddr, ServerError};
use hashlane_job::MqTarget;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use url::Url;

use super::broker::{Broker, Coming, NotPublished, Session, headers};
use crate::message::Message;
use crate::roots::Roots;

/// Complaints of the server that may wait to be read; only one about a waiting publish matters.
const COMPLAINTS_MAX: usize = 256;

/// A NATS server.
pub(crate) struct Nats {
    address: ServerAddr,
    user: String,
    password: Option<String>,
    tls: bool,
    roots: Roots,
}

impl fmt::Debug for Nats {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nats")
    }
}

impl Nats {
    /// A server at `nats://USER:PASSWORD@HOST:PORT` or `nats://TOKEN@HOST:PORT`; `tls://` demands TLS.
    pub(crate) fn new(url: &Url, roots: &Roots) -> Result<Nats, String> {
        let address = ServerAddr::from_url(url.clone()).map_err(|_| "it is no NATS URL")?;
        let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
        let (user, password) = (decoded(url.username()), url.password().map(decoded));
        Ok(Nats { address, user, password, tls: url.scheme() == "tls", roots: roots.clone() })
    }

    async fn open(&self) -> Result<Arc<dyn Session>, NotPublished> {
        let (complain, _) = broadcast::channel(COMPLAINTS_MAX);
        let complaints = complain.clone();
        let mut options = ConnectOptions::new()
            .name("hashlane")
            // Connections are made anew above here.
            .max_reconnects(1)
            .ignore_discovered_servers()
            .event_callback(move |event| {
                if let Event::ServerError(ServerError::Other(said)) = event {
                    // Nobody listens when nothing is being published.
                    complaints.send(said).ok();
                }
                std::future::ready(())
            });
        options = match &self.password {
            Some(password) => options.user_and_password(self.user.clone(), password.clone()),
            None if !self.user.is_empty() => options.token(self.user.clone()),
            None => options,
        };
        if self.tls {
            let config = self.roots.client_config().await.map_err(NotPublished::Unavailable)?;
            options = options.require_tls(true).tls_client_config(config);
        }
        let client = options.connect(self.address.clone()).await.map_err(|error| match error.kind() {
            ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication => {
                NotPublished::Denied(format!("permission denied for the connection: {error}"))
            }
            _ => NotPublished::Unavailable(format!("the broker is not reachable: {error}")),
        })?;
        Ok(Arc::new(NatsSession { streams: async_nats::jetstream::new(client.clone()), client, complain }))
    }
}

impl Broker for Nats {
    fn connect(&self) -> Coming<'_, Arc<dyn Session>> {
        Box::pin(self.open())
    }
}

struct NatsSession {
    client: Client,
    streams: Context,
    complain: broadcast::Sender<String>,
}

impl NatsSession {
    async fn publish_once(&self, subject: &str, message: &Message) -> Result<(), NotPublished> {
        if !is_subject(subject) {
            let said = format!("the queue is missing: {subject:?} cannot be a subject, no stream listens to it");
            return Err(NotPublished::Missing(said));
        }
        let mut table = HeaderMap::new();
        table.insert("Nats-Msg-Id", message.event_id.as_str());
        for (name, value) in headers(message) {
            table.insert(name, value);
        }
        let mut complaints = self.complain.subscribe();
        let confirmed = async {
            let sent = self.streams.publish_with_headers(subject.to_owned(), table, message.body.clone());
            sent.await?.await
        };
        tokio::select! {
            confirmed = confirmed => match confirmed {
                Ok(_) => Ok(()),
                Err(error) => Err(not_published(&error, subject)),
            },
            said = denial(&mut complaints, subject) => {
                Err(NotPublished::Denied(format!("permission denied for the subject {subject}: {said}")))
            }
        }
    }
}

impl Session for NatsSession {
    fn is_up(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    fn publish<'a>(&'a self, target: &'a MqTarget, message: &'a Message) -> Coming<'a, ()> {
        Box::pin(self.publish_once(&target.name, message))
    }
}

/// Waits for the complaint that this subject may not be published to: `Permissions Violation for Publish to "..."`.
async fn denial(complaints: &mut broadcast::Receiver<String>, subject: &str) -> String {
    let end = format!("publish to \"{subject}\"").to_ascii_lowercase();
    loop {
        match complaints.recv().await {
            Ok(said) if said.to_ascii_lowercase().contains(&end) => return said,
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            // The session holds a sender itself.
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

/// Whether anybody can listen to it: tokens of at least one character, apart by dots, without white space (NATS protocol,
/// "Subject names").
fn is_subject(text: &str) -> bool {
    text.split('.')
        .all(|token| !token.is_empty() && !token.contains(|char: char| char.is_whitespace() || char.is_control()))
}

fn not_published(error: &PublishError, subject: &str) -> NotPublished {
    match error.kind() {
        PublishErrorKind::StreamNotFound => {
            NotPublished::Missing(format!("the queue is missing: no stream listens to the subject {subject}"))
        }
        _ => NotPublished::Unavailable(format!("the broker did not take it: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::is_subject;

    #[test]
    fn a_name_that_can_be_no_subject_is_known_before_it_is_sent() {
        for subject in ["jobs", "jobs.done", "a-b_c.1"] {
            assert!(is_subject(subject), "{subject}");
        }
        for no_subject in ["", ".", "a.", ".a", "a..b", "a b", "a\tb", "a\nb", "\u{1}"] {
            assert!(!is_subject(no_subject), "{no_subject:?}");
        }
    }
}
