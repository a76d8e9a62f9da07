//! `hashlane demo`: the whole main job in one go, through the same doors that clients use.
//!
//! Promises: needs nothing but this binary; leaves nothing behind; the expected digests are published test vectors, not
//! our own results; what is printed is what went over the wire, merely indented.

mod indent;
mod receiver;
mod samples;

use std::process::ExitCode;
use std::time::Duration;

use hashlane_client::{Client, ClientConfig, Exchange};
use hashlane_job::{CallbackAddress, CallbackRequest};
use hashlane_wire::SubmitRequest;
use hashlane_wire::job_detail::JobDetail;

use crate::cli::{DemoArgs, SettingArgs};
use crate::config::{Config, LOCAL_BUCKET};
use crate::failure::Failure;
use crate::service::Service;
use crate::{log, paste, runtime};
use indent::indented;
use receiver::{Received, Receiver};
use samples::{SAMPLES, Sample};

use super::print;
use super::serve::{Signals, stop};

/// A job of a few bytes takes milliseconds; after this long something is broken.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two questions for a job's state.
const PAUSE: Duration = Duration::from_millis(10);

/// Shows the main job, and leaves the server running when asked to.
pub(crate) fn run(args: &DemoArgs) -> Result<ExitCode, Failure> {
    log::start(crate::cli::LogFormat::Human, "warn")?;
    let folder = tempfile::Builder::new()
        .prefix("hashlane-demo-")
        .tempdir()
        .map_err(|error| Failure::cannot(format!("cannot make a temporary data directory: {error}")))?;
    let settings = SettingArgs {
        data: Some(folder.path().display().to_string()),
        listen: Some("127.0.0.1:0".into()),
        admin: Some("127.0.0.1:0".into()),
        ..SettingArgs::default()
    };
    let config = super::config::load(&settings)?;
    let runtime = runtime::of_service()?;
    let outcome = runtime.block_on(async {
        let mut signals = Signals::new()?;
        let service = Service::start(&config).await?;
        let shown = tokio::select! {
            shown = show(&config, &service) => shown,
            () = signals.first() => Err(Failure::cannot("interrupted")),
        };
        if shown.is_ok() && args.keep {
            let credentials = service.credentials();
            let lines = paste::lines(credentials, &config.data_dir, service.has_own_pair(), SAMPLES[0].key);
            let files = config.own_folder.as_ref().map(|folder| folder.display().to_string()).unwrap_or_default();
            print(&format!(
                "\nThe server goes on at {}; its objects are the files under {files}. End it with Ctrl-C.\n\n{lines}",
                credentials.endpoint
            ))?;
            signals.first().await;
        }
        stop(service, &mut signals).await?;
        shown
    });
    runtime::shut_down(runtime);
    outcome
}

async fn show(config: &Config, service: &Service) -> Result<ExitCode, Failure> {
    let folder = config.own_folder.as_ref().ok_or_else(|| Failure::cannot("the demo has no folder for its objects"))?;
    samples::store(folder)?;
    let mut receiver = Receiver::start().await?;
    let credentials = service.credentials();
    let client = Client::new(ClientConfig {
        endpoint: credentials.endpoint.clone(),
        secret_id: credentials.secret_id.clone(),
        secret_key: credentials.secret_key.reveal().to_owned(),
        token: None,
        bucket: credentials.bucket.clone(),
        region: credentials.region.clone(),
        extra_roots: vec![],
    });
    let client = client.map_err(|error| Failure::no(format!("the client refuses the demo's own server: {error}")))?;

    print(&format!(
        "A server runs at {}, its bucket {LOCAL_BUCKET} holds {} objects, callbacks go to {}.\n",
        credentials.endpoint,
        SAMPLES.len(),
        receiver.url()
    ))?;
    for sample in &SAMPLES {
        let shown = tokio::time::timeout(PATIENCE, show_one(&client, &mut receiver, sample)).await;
        shown.map_err(|_| Failure::no(format!("{} took longer than {} s", sample.key, PATIENCE.as_secs())))??;
    }
    print("\nAll three digests are the published ones, and all three callbacks came.\n")?;
    Ok(ExitCode::SUCCESS)
}

/// Submits one job, waits for its result and its callback, and checks both.
async fn show_one(client: &Client, receiver: &mut Receiver, sample: &Sample) -> Result<(), Failure> {
    let name = sample.algorithm.name().to_ascii_uppercase();
    print(&format!("\n======== {name} of {} ({}) ========\n", sample.key, sample.content))?;
    let request = SubmitRequest {
        object: sample.key.into(),
        algorithm: sample.algorithm,
        algorithm_as_given: name.clone(),
        add_to_header: false,
        user_data: Some("hashlane demo".into()),
        level: 0,
        queue: None,
        callback: CallbackRequest { address: CallbackAddress::Url(receiver.url()), format: None },
    };
    let submitted = client.submit(&request).await;
    let (job, exchange) = submitted.map_err(|error| Failure::no(format!("the submit failed: {error}")))?;
    print_exchange("request", "response", &exchange)?;

    let (job, exchange) = result_of(client, job).await?;
    print_exchange("query", "result", &exchange)?;
    let digests = job.result.map(|result| result.digests).unwrap_or_default();
    if job.state != "Success" {
        return Err(Failure::no(format!("the job ended as {}: {} ({})", job.state, job.code, job.message)));
    }
    match &digests[..] {
        [(_, digest)] if digest == sample.digest => {}
        other => {
            return Err(Failure::no(format!("the result is {other:?}, and {} says {}", sample.source, sample.digest)));
        }
    }

    let Received { content_type, body } = receiver.next().await?;
    print(&format!("\n-- callback: POST {} as {content_type}\n{}", receiver.url(), indented(&body)))?;
    let body = String::from_utf8_lossy(&body);
    if !body.contains(&job.job_id) || !body.contains(sample.digest) {
        return Err(Failure::no(format!("the callback is not that of job {}", job.job_id)));
    }
    print(&format!("\n{} is what {} says.\n", sample.digest, sample.source))
}

/// Asks for a job until it has ended.
async fn result_of(client: &Client, job: JobDetail) -> Result<(JobDetail, Exchange), Failure> {
    let ids = [job.job_id];
    loop {
        let described = client.describe(&ids).await;
        let (jobs, _, exchange) = described.map_err(|error| Failure::no(format!("the query failed: {error}")))?;
        let Some(job) = jobs.into_iter().next() else {
            return Err(Failure::no(format!("the server does not know job {} any more", ids[0])));
        };
        match job.state.as_str() {
            "Submitted" | "Running" | "Pause" => tokio::time::sleep(PAUSE).await,
            _ => return Ok((job, exchange)),
        }
    }
}

fn print_exchange(asked: &str, answered: &str, exchange: &Exchange) -> Result<(), Failure> {
    print(&format!("\n-- {asked}: {}\n{}", exchange.call(), indented(&exchange.request_body)))?;
    print(&format!("\n-- {answered}: {}\n{}", exchange.status, indented(&exchange.response_body)))
}
