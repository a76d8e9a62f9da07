//! Addresses and formats of callbacks as one readable text each.
//!
//! `url:<url>`, or `mq:<mode>:<region>:<name>`; a region has no colon (spec section 9), a name may. What a job says of its
//! address has two words more: `queue-url` and `silent`; null leaves it to the queue.

use hashlane_job::{CallbackAddress, CallbackFormat, MqMode, MqTarget, NotifyAddress};

pub(super) fn print(address: &NotifyAddress) -> String {
    match address {
        NotifyAddress::Url(url) => format!("url:{url}"),
        NotifyAddress::Mq(target) => print_mq(target),
    }
}

pub(super) fn parse(text: &str) -> Option<NotifyAddress> {
    if let Some(url) = text.strip_prefix("url:") {
        return Some(NotifyAddress::Url(url.into()));
    }
    let mut parts = text.strip_prefix("mq:")?.splitn(3, ':');
    let mode = match parts.next()? {
        "queue" => MqMode::Queue,
        "topic" => MqMode::Topic,
        _ => return None,
    };
    Some(NotifyAddress::Mq(MqTarget { mode, region: parts.next()?.into(), name: parts.next()?.into() }))
}

fn print_mq(target: &MqTarget) -> String {
    let mode = match target.mode {
        MqMode::Queue => "queue",
        MqMode::Topic => "topic",
    };
    format!("mq:{mode}:{}:{}", target.region, target.name)
}

pub(super) fn print_request(address: &CallbackAddress) -> Option<String> {
    match address {
        CallbackAddress::Queue => None,
        CallbackAddress::QueueUrl => Some("queue-url".into()),
        CallbackAddress::Silent => Some("silent".into()),
        CallbackAddress::Url(url) => Some(format!("url:{url}")),
        CallbackAddress::Mq(target) => Some(print_mq(target)),
    }
}

pub(super) fn parse_request(text: Option<&str>) -> Option<CallbackAddress> {
    Some(match text {
        None => CallbackAddress::Queue,
        Some("queue-url") => CallbackAddress::QueueUrl,
        Some("silent") => CallbackAddress::Silent,
        Some(address) => match parse(address)? {
            NotifyAddress::Url(url) => CallbackAddress::Url(url),
            NotifyAddress::Mq(target) => CallbackAddress::Mq(target),
        },
    })
}

pub(super) const fn print_format(format: CallbackFormat) -> &'static str {
    match format {
        CallbackFormat::Xml => "xml",
        CallbackFormat::Json => "json",
    }
}

pub(super) fn parse_format(text: &str) -> Option<CallbackFormat> {
    match text {
        "xml" => Some(CallbackFormat::Xml),
        "json" => Some(CallbackFormat::Json),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_reads_as_it_was_written() {
        let mq = |mode, name: &str| MqTarget { region: "gz".into(), mode, name: name.into() };
        for address in [
            CallbackAddress::Queue,
            CallbackAddress::QueueUrl,
            CallbackAddress::Silent,
            CallbackAddress::Url("http://host:80/a?b=c:d".into()),
            CallbackAddress::Url("silent".into()),
            CallbackAddress::Mq(mq(MqMode::Queue, "name")),
            CallbackAddress::Mq(mq(MqMode::Topic, "a:b:c")),
        ] {
            assert_eq!(parse_request(print_request(&address).as_deref()), Some(address));
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["", "http://host/", "mq:", "mq:queue", "mq:queue:gz", "mq:fanout:gz:name"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
