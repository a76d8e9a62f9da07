//! `hashlane queue update`: a queue is changed, by the API what the API can, by the admin listener the bounds.
//!
//! Promises: what was not given stays. The API replaces name, state and NotifyConfig together, so that the present ones are
//! read first; whatever is wrong with the new ones is told before anything is changed.

use std::process::ExitCode;

use hashlane_wire::queue::{NotifyDetail, QueueDetail, QueueUpdate};

use super::record::QueueRecord;
use crate::cli::queues::{QueueStateArg, UpdateArgs};
use crate::cli::{CallbackFormatArg, MqModeArg};
use crate::commands::connection;
use crate::commands::job::call_failure;
use crate::failure::Failure;
use crate::runtime;

/// Changes the queue and prints it as it is then.
pub(crate) fn run(args: &UpdateArgs) -> Result<ExitCode, Failure> {
    let notify_given = args.callback.is_some() || args.callback_format.is_some() || args.mq_region.is_some();
    let update_given = args.name.is_some() || args.state.is_some() || notify_given;
    let bounds_given = args.bounds.max_size.is_some() || args.bounds.max_concurrent.is_some();
    if !update_given && !bounds_given {
        return Err(Failure::cannot("nothing to change: give --name, --state, --callback, --max-size or another"));
    }
    let connection = connection::open(&args.connection)?;
    let admin = match (&connection.admin, bounds_given) {
        (Some(admin), true) => Some(admin),
        (None, true) => return Err(super::no_admin(&connection, "how many jobs may wait or run in a queue")),
        (_, false) => None,
    };
    runtime::of_client()?.block_on(async {
        let queue = super::describe(&connection, &args.id).await?;
        let update = if update_given { Some(merged(args, &queue, notify_given)?) } else { None };
        if let Some(admin) = admin {
            admin.bound_queue(&args.id, args.bounds).await?;
        }
        if let Some(update) = update {
            let updated = connection.client.update_queue(&args.id, &update).await;
            updated.map_err(|error| call_failure(&format!("update queue {}", queue.queue_id), &error))?;
        }
        let record = QueueRecord::new(super::describe(&connection, &args.id).await?);
        crate::commands::print(&if args.json { record.json() } else { record.line() })?;
        Ok(ExitCode::SUCCESS)
    })
}

/// The present name, state and NotifyConfig with what was given in their place.
fn merged(args: &UpdateArgs, queue: &QueueDetail, notify_given: bool) -> Result<QueueUpdate, Failure> {
    let name = args.name.clone().unwrap_or_else(|| queue.name.clone());
    QueueUpdate::check_name(&name).map_err(|error| Failure::cannot(format!("--name: {}", error.message)))?;
    let paused = match args.state {
        Some(state) => state == QueueStateArg::Paused,
        None => queue.state == "Paused",
    };
    let notify = merged_notify(args, &queue.notify).check().map_err(|error| {
        let whose = if notify_given { "the callback that you ask for" } else { "the queue's present callback" };
        Failure::cannot(format!("{whose} cannot be sent: {}", error.message))
    })?;
    Ok(QueueUpdate { name, paused, notify })
}

fn merged_notify(args: &UpdateArgs, present: &NotifyDetail) -> NotifyDetail {
    let format = match args.callback_format {
        Some(CallbackFormatArg::Xml) => "XML".to_owned(),
        Some(CallbackFormatArg::Json) => "JSON".to_owned(),
        None => present.format.clone(),
    };
    let event = if present.event.is_empty() { "TaskFinish".to_owned() } else { present.event.clone() };
    let switched_on = NotifyDetail { state: "On".to_owned(), event, format: format.clone(), ..NotifyDetail::default() };
    match (args.callback.as_deref(), &args.mq_region, &args.mq_name) {
        (Some("no"), ..) => NotifyDetail { state: "Off".to_owned(), format, ..present.clone() },
        (Some(url), ..) => NotifyDetail { kind: "Url".to_owned(), url: url.to_owned(), ..switched_on },
        (None, Some(region), Some(name)) => NotifyDetail {
            kind: "TDMQ".to_owned(),
            mq_mode: match args.mq_mode {
                Some(MqModeArg::Topic) => "Topic".to_owned(),
                Some(MqModeArg::Queue) | None => "Queue".to_owned(),
            },
            mq_region: region.clone(),
            mq_name: name.clone(),
            ..switched_on
        },
        _ => NotifyDetail { format, ..present.clone() },
    }
}
