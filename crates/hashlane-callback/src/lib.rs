//! Callbacks of finished jobs: sends one message to one target, once, and says what came of it.
//!
//! [`Transports::send`] is the whole interface. Behind it one file per transport; below the webhook the guard, which keeps
//! callbacks from private addresses at the moment of connecting. When to try again, what the message says and where it is
//! recorded is decided elsewhere.

#![cfg_attr(
    not(all(feature = "amqp", feature = "kafka", feature = "nats", feature = "pulsar")),
    allow(dead_code, unused_variables, reason = "each protocol needs another part of what they share")
)]

mod bounded_stream;
mod connector;
mod guard;
mod message;
mod message_queue;
mod resolver;
mod retry_after;
mod roots;
mod signature;
mod transports;
mod webhook;

pub use message::{Answer, Message, Sent};
pub use message_queue::BrokerOptions;
pub use resolver::{Resolver, Resolving, SystemResolver};
pub use signature::SigningSecret;
pub use transports::{CallbackOptions, Transports};
