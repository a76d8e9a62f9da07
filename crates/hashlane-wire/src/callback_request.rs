//! The callback fields of a submit body: CallBack, CallBackFormat, CallBackType, CallBackMqConfig (spec sections 5, 9).
//!
//! Checked here: what can be seen in the text. Whether an address may be called is decided when it is called.

use hashlane_job::{CallbackAddress, CallbackFormat, CallbackRequest, MqMode, MqTarget};
use url::Url;

use crate::WireError;
use crate::xml::{Element, Writer};

/// The longest callback address, in bytes.
const URL_BYTES_MAX: usize = 2048;

/// Reads the fields out of the root of a submit body. Empty ones are absent.
pub(crate) fn parse(root: &Element) -> Result<CallbackRequest, WireError> {
    let to_url = match root.word_of("CallBackType")? {
        None => None,
        Some(word) if word.eq_ignore_ascii_case("Url") => Some(true),
        Some(word) if word.eq_ignore_ascii_case("TDMQ") => Some(false),
        Some(_) => return Err(WireError::argument("CallBackType must be Url or TDMQ")),
    };
    let format = match root.word_of("CallBackFormat")? {
        None => None,
        Some(word) if word.eq_ignore_ascii_case("XML") => Some(CallbackFormat::Xml),
        Some(word) if word.eq_ignore_ascii_case("JSON") => Some(CallbackFormat::Json),
        Some(_) => return Err(WireError::argument("CallBackFormat must be XML or JSON")),
    };
    let given = match root.word_of("CallBack")? {
        None => None,
        Some("no") => Some(CallbackAddress::Silent),
        Some(url) => Some(CallbackAddress::Url(checked_url(url)?)),
    };
    let mq = if to_url == Some(false) { Some(mq_target(root)?) } else { None };
    let address = match (given, mq) {
        (Some(CallbackAddress::Silent), _) => CallbackAddress::Silent,
        (_, Some(target)) => CallbackAddress::Mq(target),
        (Some(address), None) => address,
        (None, None) if to_url == Some(true) => CallbackAddress::QueueUrl,
        (None, None) => CallbackAddress::Queue,
    };
    Ok(CallbackRequest { address, format })
}

/// A callback address as given, when it is an http or https URL with a host and nothing that must not be in it.
fn checked_url(text: &str) -> Result<String, WireError> {
    if text.len() > URL_BYTES_MAX {
        return Err(WireError::argument(format!("CallBack must be a URL of at most {URL_BYTES_MAX} bytes")));
    }
    let invalid = || WireError::argument("CallBack must be an http or https URL with a host, or the word no");
    // The parser would drop tabs and line feeds and so read another address than the one that stands here.
    if text.chars().any(|character| character.is_control() || character.is_whitespace()) {
        return Err(invalid());
    }
    let url = Url::parse(text).map_err(|_| invalid())?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err(invalid());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(WireError::argument("CallBack must not have a user name or password in its URL"));
    }
    if url.fragment().is_some() {
        return Err(WireError::argument("CallBack must not have a fragment (#...) in its URL"));
    }
    Ok(text.to_owned())
}

/// CallBackMqConfig, complete; only the mode has a default.
fn mq_target(root: &Element) -> Result<MqTarget, WireError> {
    let missing = |name: &str| WireError::argument(format!("CallBackType TDMQ needs {name}"));
    let config = root.child("CallBackMqConfig")?.ok_or_else(|| missing("CallBackMqConfig"))?;
    let region = config.word_of("MqRegion")?.ok_or_else(|| missing("CallBackMqConfig.MqRegion"))?.to_ascii_lowercase();
    if !matches!(region.as_str(), "sh" | "bj" | "gz" | "cd" | "hk") {
        return Err(WireError::argument("CallBackMqConfig.MqRegion must be sh, bj, gz, cd or hk"));
    }
    let mode = match config.word_of("MqMode")? {
        None => MqMode::default(),
        Some(word) if word.eq_ignore_ascii_case("Queue") => MqMode::Queue,
        Some(word) if word.eq_ignore_ascii_case("Topic") => MqMode::Topic,
        Some(_) => return Err(WireError::argument("CallBackMqConfig.MqMode must be Queue or Topic")),
    };
    let name = config.word_of("MqName")?.ok_or_else(|| missing("CallBackMqConfig.MqName"))?.to_owned();
    Ok(MqTarget { region, mode, name })
}

/// Prints the fields, as the Python SDK orders them.
pub(crate) fn print(request: &CallbackRequest, out: &mut Writer) {
    match &request.address {
        CallbackAddress::Silent => out.leaf("CallBack", "no"),
        CallbackAddress::Url(url) => out.leaf("CallBack", url),
        CallbackAddress::Queue | CallbackAddress::QueueUrl | CallbackAddress::Mq(_) => {}
    }
    match request.format {
        Some(CallbackFormat::Xml) => out.leaf("CallBackFormat", "XML"),
        Some(CallbackFormat::Json) => out.leaf("CallBackFormat", "JSON"),
        None => {}
    }
    match &request.address {
        CallbackAddress::Mq(target) => {
            out.open("CallBackMqConfig");
            out.leaf("MqRegion", &target.region);
            out.leaf("MqMode", if target.mode == MqMode::Queue { "Queue" } else { "Topic" });
            out.leaf("MqName", &target.name);
            out.close("CallBackMqConfig");
            out.leaf("CallBackType", "TDMQ");
        }
        CallbackAddress::Url(_) | CallbackAddress::QueueUrl => out.leaf("CallBackType", "Url"),
        CallbackAddress::Silent | CallbackAddress::Queue => {}
    }
}
