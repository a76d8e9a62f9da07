//! The callback fields of a submit body: CallBack, CallBackFormat, CallBackType, CallBackMqConfig (spec sections 5, 9).
//!
//! Checked here: what can be seen in the text. Whether an address may be called is decided when it is called.

use hashlane_job::{CallbackAddress, CallbackFormat, CallbackRequest, MqMode, MqTarget};
use url::Url;

use crate::WireError;
use crate::xml::{Element, Writer};

/// The field of a submit that holds an address.
const CALL_BACK: &str = "CallBack";
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
        Some(word) => {
            Some(self::format(word).ok_or_else(|| WireError::argument("CallBackFormat must be XML or JSON"))?)
        }
    };
    let given = match root.word_of("CallBack")? {
        None => None,
        Some("no") => Some(CallbackAddress::Silent),
        Some(url) => Some(CallbackAddress::Url(checked_url(CALL_BACK, url)?)),
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

/// The words of a format and of a mode, in any letter case.
pub(crate) fn format(word: &str) -> Option<CallbackFormat> {
    [CallbackFormat::Xml, CallbackFormat::Json].into_iter().find(|one| format_word(*one).eq_ignore_ascii_case(word))
}

pub(crate) const fn format_word(format: CallbackFormat) -> &'static str {
    match format {
        CallbackFormat::Xml => "XML",
        CallbackFormat::Json => "JSON",
    }
}

pub(crate) const fn mode_word(mode: MqMode) -> &'static str {
    match mode {
        MqMode::Queue => "Queue",
        MqMode::Topic => "Topic",
    }
}

/// A callback address as given, when it is an http or https URL with a host and nothing that must not be in it.
pub(crate) fn checked_url(field: &str, text: &str) -> Result<String, WireError> {
    if text.len() > URL_BYTES_MAX {
        return Err(WireError::argument(format!("{field} must be a URL of at most {URL_BYTES_MAX} bytes")));
    }
    let or_no = if field == CALL_BACK { ", or the word no" } else { "" };
    let invalid = || WireError::argument(format!("{field} must be an http or https URL with a host{or_no}"));
    // The parser would drop tabs and line feeds and so read another address than the one that stands here.
    if text.chars().any(|character| character.is_control() || character.is_whitespace()) {
        return Err(invalid());
    }
    let url = Url::parse(text).map_err(|_| invalid())?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err(invalid());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(WireError::argument(format!("{field} must not have a user name or password in its URL")));
    }
    if url.fragment().is_some() {
        return Err(WireError::argument(format!("{field} must not have a fragment (#...) in its URL")));
    }
    Ok(text.to_owned())
}

/// CallBackMqConfig, complete; only the mode has a default.
fn mq_target(root: &Element) -> Result<MqTarget, WireError> {
    let config = root.child("CallBackMqConfig")?;
    let config = config.ok_or_else(|| WireError::argument("CallBackType TDMQ needs CallBackMqConfig"))?;
    let (region, mode, name) = (config.word_of("MqRegion")?, config.word_of("MqMode")?, config.word_of("MqName")?);
    MqFields { of: "CallBackMqConfig", region, mode, name }.check()
}

/// The fields of a message queue target, which a submit has in CallBackMqConfig and a queue in NotifyConfig.
pub(crate) struct MqFields<'a> {
    /// The element that they stand in.
    pub(crate) of: &'static str,
    pub(crate) region: Option<&'a str>,
    pub(crate) mode: Option<&'a str>,
    pub(crate) name: Option<&'a str>,
}

impl MqFields<'_> {
    /// Whether none is given.
    pub(crate) fn is_empty(&self) -> bool {
        self.region.is_none() && self.mode.is_none() && self.name.is_none()
    }

    /// The target, when it is complete.
    ///
    /// # Errors
    /// `InvalidArgument` when a field is missing or not allowed.
    pub(crate) fn check(&self) -> Result<MqTarget, WireError> {
        let of = self.of;
        let missing = |name: &str| WireError::argument(format!("TDMQ needs {of}.{name}"));
        let region = self.region.ok_or_else(|| missing("MqRegion"))?.to_ascii_lowercase();
        if !matches!(region.as_str(), "sh" | "bj" | "gz" | "cd" | "hk") {
            return Err(WireError::argument(format!("{of}.MqRegion must be sh, bj, gz, cd or hk")));
        }
        let mode = match self.mode {
            None => MqMode::default(),
            Some(word) => [MqMode::Queue, MqMode::Topic]
                .into_iter()
                .find(|mode| mode_word(*mode).eq_ignore_ascii_case(word))
                .ok_or_else(|| WireError::argument(format!("{of}.MqMode must be Queue or Topic")))?,
        };
        let name = self.name.ok_or_else(|| missing("MqName"))?.to_owned();
        Ok(MqTarget { region, mode, name })
    }
}

/// Prints the fields, as the Python SDK orders them.
pub(crate) fn print(request: &CallbackRequest, out: &mut Writer) {
    match &request.address {
        CallbackAddress::Silent => out.leaf("CallBack", "no"),
        CallbackAddress::Url(url) => out.leaf("CallBack", url),
        CallbackAddress::Queue | CallbackAddress::QueueUrl | CallbackAddress::Mq(_) => {}
    }
    if let Some(format) = request.format {
        out.leaf("CallBackFormat", format_word(format));
    }
    match &request.address {
        CallbackAddress::Mq(target) => {
            out.open("CallBackMqConfig");
            out.leaf("MqRegion", &target.region);
            out.leaf("MqMode", mode_word(target.mode));
            out.leaf("MqName", &target.name);
            out.close("CallBackMqConfig");
            out.leaf("CallBackType", "TDMQ");
        }
        CallbackAddress::Url(_) | CallbackAddress::QueueUrl => out.leaf("CallBackType", "Url"),
        CallbackAddress::Silent | CallbackAddress::Queue => {}
    }
}
