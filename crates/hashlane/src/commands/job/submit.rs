//! `hashlane job submit`: a job for each key.
//!
//! Promises: ids come out in the order of the keys; after a refusal nothing further is submitted, and the ids of what was
//! accepted before have been printed.

use std::process::ExitCode;

use hashlane_job::{CallbackAddress, CallbackFormat, CallbackRequest, MqMode, MqTarget};
use hashlane_lanes::Algorithm;
use hashlane_wire::{SubmitRequest, WIRE_ALGORITHMS, wire_algorithm};
use tokio::task::JoinHandle;

use super::record::JobRecord;
use super::wait;
use crate::cli::{CallbackFormatArg, CallbackTypeArg, MqModeArg, SubmitArgs};
use crate::commands::connection;
use crate::failure::Failure;
use crate::runtime;

/// Submits in flight: the server joins them into one commit, so a long list takes a fraction of the time.
const IN_FLIGHT_MAX: usize = 32;

/// Submits the jobs, and waits for them when asked to.
pub(crate) fn run(args: &SubmitArgs) -> Result<ExitCode, Failure> {
    let algorithm = wire_algorithm(&args.algo).ok_or_else(|| {
        let names: Vec<&str> = WIRE_ALGORITHMS.into_iter().map(Algorithm::name).collect();
        Failure::cannot(format!("--algo: {:?} is none of the algorithms of jobs: {}", args.algo, names.join(", ")))
    })?;
    let callback = CallbackRequest { address: callback_address(args)?, format: args.callback_format.map(format_of) };
    let connection = connection::open(&args.connection)?;
    let request = |key: &String| SubmitRequest {
        object: key.clone(),
        algorithm,
        algorithm_as_given: algorithm.name().to_ascii_uppercase(),
        add_to_header: args.add_to_header,
        user_data: args.user_data.clone(),
        level: args.level,
        queue: args.queue.clone(),
        callback: callback.clone(),
    };
    runtime::of_client()?.block_on(async {
        let mut ids = Vec::new();
        for keys in args.keys.chunks(IN_FLIGHT_MAX) {
            let submit = |key: &String| -> JoinHandle<_> {
                let (client, request, fresh) = (connection.client.clone(), request(key), args.fresh);
                tokio::spawn(async move {
                    if fresh { client.submit_fresh(&request).await } else { client.submit(&request).await }
                })
            };
            let in_flight: Vec<_> = keys.iter().map(submit).collect();
            let mut refused = None;
            for (key, submitted) in keys.iter().zip(in_flight) {
                let answered =
                    submitted.await.map_err(|error| Failure::cannot(format!("a submit broke off: {error}")))?;
                match answered {
                    Ok((job, _)) => {
                        ids.push(job.job_id.clone());
                        match (args.wait, args.json) {
                            (true, _) => {}
                            (false, true) => crate::commands::print(&JobRecord::new(job, None).json())?,
                            (false, false) => crate::commands::print(&format!("{}\n", job.job_id))?,
                        }
                    }
                    Err(error) => {
                        let doing = format!("submit {}", super::record::one_line(key));
                        refused = refused.or(Some(super::call_failure(&doing, &error)));
                    }
                }
            }
            if let Some(failure) = refused {
                if args.wait {
                    crate::commands::print(&ids.iter().map(|id| format!("{id}\n")).collect::<String>())?;
                }
                return Err(failure);
            }
        }
        if args.wait { wait::until_ended(&connection, &ids, args.json).await } else { Ok(ExitCode::SUCCESS) }
    })
}

/// The callback that the flags describe; what contradicts itself is refused here, before the server would guess.
fn callback_address(args: &SubmitArgs) -> Result<CallbackAddress, Failure> {
    let mq_flags = [("--mq-region", args.mq_region.is_some()), ("--mq-mode", args.mq_mode.is_some())];
    let mq_flags = mq_flags.into_iter().chain([("--mq-name", args.mq_name.is_some())]);
    let mq_given: Vec<&str> = mq_flags.filter(|(_, given)| *given).map(|(flag, _)| flag).collect();
    let tdmq = args.callback_type == Some(CallbackTypeArg::Tdmq);
    if let (false, Some(flag)) = (tdmq, mq_given.first()) {
        return Err(Failure::cannot(format!("{flag} belongs to --callback-type tdmq: add that, or leave {flag} out")));
    }
    match (args.callback.as_deref(), tdmq) {
        (Some("no"), _) => Ok(CallbackAddress::Silent),
        (Some(_), true) => Err(Failure::cannot("--callback is a URL and --callback-type is tdmq: keep one of them")),
        (Some(url), false) => Ok(CallbackAddress::Url(url.to_owned())),
        (None, false) if args.callback_type == Some(CallbackTypeArg::Url) => Ok(CallbackAddress::QueueUrl),
        (None, false) => Ok(CallbackAddress::Queue),
        (None, true) => match (&args.mq_region, &args.mq_name) {
            (Some(region), Some(name)) => Ok(CallbackAddress::Mq(MqTarget {
                region: region.clone(),
                mode: match args.mq_mode {
                    Some(MqModeArg::Topic) => MqMode::Topic,
                    Some(MqModeArg::Queue) | None => MqMode::Queue,
                },
                name: name.clone(),
            })),
            _ => Err(Failure::cannot("--callback-type tdmq needs --mq-region and --mq-name")),
        },
    }
}

fn format_of(format: CallbackFormatArg) -> CallbackFormat {
    match format {
        CallbackFormatArg::Xml => CallbackFormat::Xml,
        CallbackFormatArg::Json => CallbackFormat::Json,
    }
}
