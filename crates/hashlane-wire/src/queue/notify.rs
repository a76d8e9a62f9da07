//! NotifyConfig: where the callbacks of a queue's jobs go, as it stands in requests and answers alike (spec section 4).
//!
//! What is given must be allowed also while it is switched off: it is kept, and one switch would turn it on.

use hashlane_job::{CallbackFormat, Notify, NotifyAddress};

use super::first_text;
use crate::callback_request::{MqFields, checked_url};
use crate::xml::{Element, Writer};
use crate::{WireError, callback_request};

/// A NotifyConfig. Texts are as they stand on the wire; those that were absent are empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NotifyDetail {
    /// `Url`.
    pub url: String,
    /// `Event`: a comma list of TaskFinish and WorkflowFinish.
    pub event: String,
    /// `Type`: Url or TDMQ.
    pub kind: String,
    /// `State`: On or Off.
    pub state: String,
    /// `ResultFormat`: XML or JSON.
    pub format: String,
    /// `MqMode`: Queue or Topic.
    pub mq_mode: String,
    /// `MqRegion`.
    pub mq_region: String,
    /// `MqName`.
    pub mq_name: String,
}

impl NotifyDetail {
    /// The wire's words for what a queue has.
    pub fn of(notify: &Notify) -> NotifyDetail {
        let events = [(notify.on_task_finish, "TaskFinish"), (notify.on_workflow_finish, "WorkflowFinish")];
        let events: Vec<&str> = events.into_iter().filter(|(wanted, _)| *wanted).map(|(_, name)| name).collect();
        let said = NotifyDetail {
            event: events.join(","),
            state: if notify.on { "On" } else { "Off" }.to_owned(),
            format: callback_request::format_word(notify.format).to_owned(),
            ..NotifyDetail::default()
        };
        match &notify.address {
            None => said,
            Some(NotifyAddress::Url(url)) => NotifyDetail { kind: "Url".to_owned(), url: url.clone(), ..said },
            Some(NotifyAddress::Mq(target)) => NotifyDetail {
                kind: "TDMQ".to_owned(),
                mq_mode: callback_request::mode_word(target.mode).to_owned(),
                mq_region: target.region.clone(),
                mq_name: target.name.clone(),
                ..said
            },
        }
    }

    /// What it asks for.
    ///
    /// # Errors
    /// `InvalidArgument` when a value is not allowed, or one that is needed while it is on is missing.
    pub fn check(&self) -> Result<Notify, WireError> {
        let on = match self.state.to_ascii_lowercase().as_str() {
            "on" => true,
            "off" | "" => false,
            _ => return Err(WireError::argument("NotifyConfig.State must be On or Off")),
        };
        let (mut on_task_finish, mut on_workflow_finish) = (false, false);
        for event in self.event.split(',').map(str::trim).filter(|_| !self.event.is_empty()) {
            match event {
                "TaskFinish" => on_task_finish = true,
                "WorkflowFinish" => on_workflow_finish = true,
                _ => {
                    return Err(WireError::argument(
                        "NotifyConfig.Event must be TaskFinish, WorkflowFinish, or both joined by a comma",
                    ));
                }
            }
        }
        if on && !on_task_finish && !on_workflow_finish {
            return Err(missing("Event"));
        }
        let format = match self.format.as_str() {
            "" => CallbackFormat::default(),
            word => callback_request::format(word)
                .ok_or_else(|| WireError::argument("NotifyConfig.ResultFormat must be XML or JSON"))?,
        };
        let address = self.address()?;
        if on && self.kind.is_empty() {
            return Err(missing("Type"));
        }
        if on && address.is_none() {
            return Err(missing("the address that its Type names"));
        }
        Ok(Notify { on, on_task_finish, on_workflow_finish, format, address })
    }

    /// The address, complete; `None` when no part of it is given. While it is switched off, a URL without a Type is one.
    fn address(&self) -> Result<Option<NotifyAddress>, WireError> {
        match self.kind.to_ascii_lowercase().as_str() {
            "" | "url" if self.url.is_empty() => Ok(None),
            "" | "url" => Ok(Some(NotifyAddress::Url(checked_url("NotifyConfig.Url", &self.url)?))),
            "tdmq" => {
                let fields = MqFields {
                    of: "NotifyConfig",
                    region: Some(self.mq_region.as_str()).filter(|text| !text.is_empty()),
                    mode: Some(self.mq_mode.as_str()).filter(|text| !text.is_empty()),
                    name: Some(self.mq_name.as_str()).filter(|text| !text.is_empty()),
                };
                if fields.is_empty() { Ok(None) } else { Ok(Some(NotifyAddress::Mq(fields.check()?))) }
            }
            _ => Err(WireError::argument("NotifyConfig.Type must be Url or TDMQ")),
        }
    }

    /// Reads the element out of a request, in which nothing may be given twice.
    pub(super) fn read(config: &Element) -> Result<NotifyDetail, WireError> {
        let word = |name| Ok::<_, WireError>(config.word_of(name)?.unwrap_or_default().to_owned());
        Ok(NotifyDetail {
            url: word("Url")?,
            event: word("Event")?,
            kind: word("Type")?,
            state: word("State")?,
            format: word("ResultFormat")?,
            mq_mode: word("MqMode")?,
            mq_region: word("MqRegion")?,
            mq_name: word("MqName")?,
        })
    }

    /// Reads the element out of an answer: whatever is there.
    pub(super) fn read_answer(config: &Element) -> NotifyDetail {
        let text = |name| first_text(config, name);
        NotifyDetail {
            url: text("Url"),
            event: text("Event"),
            kind: text("Type"),
            state: text("State"),
            format: text("ResultFormat"),
            mq_mode: text("MqMode"),
            mq_region: text("MqRegion"),
            mq_name: text("MqName"),
        }
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.open("NotifyConfig");
        out.leaf("Url", &self.url);
        out.leaf("Event", &self.event);
        out.leaf("Type", &self.kind);
        out.leaf("State", &self.state);
        out.leaf("ResultFormat", &self.format);
        for (name, text) in [("MqMode", &self.mq_mode), ("MqRegion", &self.mq_region), ("MqName", &self.mq_name)] {
            if !text.is_empty() {
                out.leaf(name, text);
            }
        }
        out.close("NotifyConfig");
    }
}

fn missing(what: &str) -> WireError {
    WireError::argument(format!("NotifyConfig with State On needs {what}"))
}
