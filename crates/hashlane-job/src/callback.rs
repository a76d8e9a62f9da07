//! Callbacks: what a job asks for, where it goes in the end, and what became of it (spec section 9).

use url::Url;

use crate::{Notify, NotifyAddress, Timestamp};

/// The format of a callback body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum CallbackFormat {
    /// XML, the default.
    #[default]
    Xml,
    /// JSON.
    Json,
}

/// The model of a message queue target (`MqMode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum MqMode {
    /// One consumer takes a message, the default.
    #[default]
    Queue,
    /// Every subscriber gets it.
    Topic,
}

/// A message queue target: `CallBackMqConfig`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MqTarget {
    /// One of `sh bj gz cd hk`; selects the configured broker.
    pub region: String,
    /// Queue or topic.
    pub mode: MqMode,
    /// The queue's or topic's name, not empty.
    pub name: String,
}

/// What a job says of its callback. Each field is `None` when the job left it to the queue.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CallbackRequest {
    /// The job's own address, if any.
    pub address: CallbackAddress,
    /// The job's own body format, if any.
    pub format: Option<CallbackFormat>,
}

/// The address part of a [`CallbackRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum CallbackAddress {
    /// Nothing said: the queue decides.
    #[default]
    Queue,
    /// `CallBackType=Url` without an address: the queue's URL, but never its message queue.
    QueueUrl,
    /// `CallBack=no`: silence, whatever the queue says.
    Silent,
    /// The job's own URL.
    Url(String),
    /// The job's own message queue; it wins over a URL given beside it.
    Mq(MqTarget),
}

/// Where a callback goes: frozen when the job ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackTarget {
    /// A URL or a message queue.
    pub address: NotifyAddress,
    /// The format of the body.
    pub format: CallbackFormat,
}

impl CallbackTarget {
    /// Who receives the callback: scheme, host and port, without path and query, which may hold secrets; or the broker of a
    /// region. Targets of the same receiver answer together and fail together.
    pub fn receiver(&self) -> String {
        match &self.address {
            NotifyAddress::Url(text) => match Url::parse(text) {
                Ok(url) => url.origin().ascii_serialization(),
                // It will be refused for that, promptly.
                Err(_) => "not a url".into(),
            },
            NotifyAddress::Mq(queue) => format!("tdmq {}", queue.region),
        }
    }
}

impl CallbackRequest {
    /// Joins what the job says with what its queue says; field by field the job wins. `None` is no callback.
    ///
    /// A job with its own address and no format gets XML, not the queue's format: the default counts as the job's.
    pub fn resolve(&self, queue: &Notify) -> Option<CallbackTarget> {
        let from_queue = || queue.address.clone().filter(|_| queue.on && queue.on_task_finish);
        let (address, format_default) = match &self.address {
            CallbackAddress::Silent => return None,
            CallbackAddress::Url(url) => (NotifyAddress::Url(url.clone()), CallbackFormat::Xml),
            CallbackAddress::Mq(target) => (NotifyAddress::Mq(target.clone()), CallbackFormat::Xml),
            CallbackAddress::Queue => (from_queue()?, queue.format),
            CallbackAddress::QueueUrl => match from_queue()? {
                NotifyAddress::Mq(_) => return None,
                url => (url, queue.format),
            },
        };
        Some(CallbackTarget { address, format: self.format.unwrap_or(format_default) })
    }
}

/// What became of a job's callback.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Delivery {
    /// Where it stands.
    pub state: DeliveryState,
    /// How many attempts have ended.
    pub attempts: u32,
    /// What the last attempt said: `200 OK`, or why it failed.
    pub last: Option<String>,
    /// When the last attempt ended.
    pub last_time: Option<Timestamp>,
}

/// Where a callback stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum DeliveryState {
    /// None is wanted, or the job has not ended.
    #[default]
    None,
    /// To be sent, for the first time or again.
    Due,
    /// The receiver took it.
    Delivered,
    /// Given up.
    Failed,
}

impl DeliveryState {
    /// The plain word, as stored and as shown by commands.
    pub const fn word(self) -> &'static str {
        match self {
            DeliveryState::None => "none",
            DeliveryState::Due => "due",
            DeliveryState::Delivered => "delivered",
            DeliveryState::Failed => "failed",
        }
    }

    /// The state of that word.
    pub fn from_word(word: &str) -> Option<DeliveryState> {
        [DeliveryState::None, DeliveryState::Due, DeliveryState::Delivered, DeliveryState::Failed]
            .into_iter()
            .find(|state| state.word() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> NotifyAddress {
        NotifyAddress::Url(text.into())
    }

    fn mq() -> MqTarget {
        MqTarget { region: "gz".into(), mode: MqMode::Queue, name: "q".into() }
    }

    fn notify(on: bool, on_task_finish: bool, address: NotifyAddress) -> Notify {
        Notify { on, on_task_finish, on_workflow_finish: false, format: CallbackFormat::Json, address: Some(address) }
    }

    fn request(address: CallbackAddress, format: Option<CallbackFormat>) -> CallbackRequest {
        CallbackRequest { address, format }
    }

    #[test]
    fn a_receiver_is_named_without_path_query_and_credentials() {
        for (text, expected) in [
            ("http://user:pass@example.com/secret?token=1#x", "http://example.com"),
            ("https://example.com:8443/a", "https://example.com:8443"),
            ("https://EXAMPLE.com:443/a", "https://example.com"),
            ("http://0x7f.1/", "http://127.0.0.1"),
            ("nonsense", "not a url"),
        ] {
            let target = CallbackTarget { address: url(text), format: CallbackFormat::default() };
            assert_eq!(target.receiver(), expected);
        }
        let target = CallbackTarget { address: NotifyAddress::Mq(mq()), format: CallbackFormat::default() };
        assert_eq!(target.receiver(), "tdmq gz");
    }

    /// Rules W9.1, W9.2, W9.3, W9.4, W9.5, W9.6.
    #[test]
    fn the_target_follows_the_table_of_spec_section_9() {
        use CallbackFormat::{Json, Xml};
        let on = notify(true, true, url("http://queue/"));
        let off = notify(false, true, url("http://queue/"));
        let other_event = notify(true, false, url("http://queue/"));
        let on_mq = notify(true, true, NotifyAddress::Mq(mq()));
        let never_set = Notify::default();
        let own = CallbackAddress::Url("http://job/".into());

        for (job, queue, expected) in [
            (request(CallbackAddress::Silent, None), &on, None),
            (request(CallbackAddress::Silent, Some(Json)), &on_mq, None),
            (request(CallbackAddress::Mq(mq()), None), &on, Some((NotifyAddress::Mq(mq()), Xml))),
            (request(own.clone(), None), &on, Some((url("http://job/"), Xml))),
            (request(own.clone(), None), &off, Some((url("http://job/"), Xml))),
            (request(own, Some(Json)), &never_set, Some((url("http://job/"), Json))),
            (request(CallbackAddress::Queue, None), &on, Some((url("http://queue/"), Json))),
            (request(CallbackAddress::Queue, Some(Xml)), &on, Some((url("http://queue/"), Xml))),
            (request(CallbackAddress::Queue, None), &on_mq, Some((NotifyAddress::Mq(mq()), Json))),
            (request(CallbackAddress::Queue, None), &off, None),
            (request(CallbackAddress::Queue, None), &other_event, None),
            (request(CallbackAddress::Queue, None), &never_set, None),
            (request(CallbackAddress::QueueUrl, None), &on, Some((url("http://queue/"), Json))),
            (request(CallbackAddress::QueueUrl, None), &on_mq, None),
        ] {
            let expected = expected.map(|(address, format)| CallbackTarget { address, format });
            assert_eq!(job.resolve(queue), expected, "{job:?} with {queue:?}");
        }
    }
}
