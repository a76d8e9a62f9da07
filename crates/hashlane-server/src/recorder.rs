//! The recorder of metrics: every name with its help text, and the buckets of histograms.
//!
//! It promises that the names of interface.md are there from the first scrape on, at zero, so that scripts and alerts need
//! not tell "none yet" from "not known". Values are recorded where things happen, through the `metrics` facade; what only the
//! store knows is set when somebody scrapes.

use std::sync::OnceLock;
use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Upper bounds in seconds: from a durable submit on a fast disk to the time limits of requests.
const SECONDS: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Upper bounds of how many operations one commit joins; the store takes at most a thousand or so.
const OPERATIONS: [f64; 10] = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0];
/// Every histogram. One that is not named here would be shown as a summary, which cannot be added up over servers.
const HISTOGRAMS: [(&str, &[f64]); 3] = [
    ("hashlane_http_request_seconds", &SECONDS),
    ("hashlane_store_commit_seconds", &SECONDS),
    ("hashlane_store_commit_ops", &OPERATIONS),
];
/// How often recorded samples are put into buckets when nobody scrapes; until then each takes a few bytes.
const UPKEEP_PAUSE: Duration = Duration::from_secs(5);

/// Installs the process-wide recorder, with the histogram buckets and the names of every metric. The second and every further
/// call give the handle of the first.
pub fn install_metrics() -> PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(install).clone()
}

fn install() -> PrometheusHandle {
    let recorder = HISTOGRAMS
        .into_iter()
        .try_fold(PrometheusBuilder::new(), |builder, (name, bounds)| {
            builder.set_buckets_for_metric(Matcher::Full(name.into()), bounds)
        })
        .expect("no list of bounds is empty")
        .build_recorder();
    let handle = recorder.handle();
    if metrics::set_global_recorder(recorder).is_err() {
        tracing::error!("another recorder is installed already; /metrics stays empty");
        return handle;
    }
    describe();
    start_at_zero();
    let upkeep = handle.clone();
    let thread = std::thread::Builder::new().name("metrics-upkeep".into()).spawn(move || {
        loop {
            std::thread::sleep(UPKEEP_PAUSE);
            upkeep.run_upkeep();
        }
    });
    if let Err(error) = thread {
        tracing::warn!(%error, "no thread for the upkeep of metrics; samples stay in memory until they are scraped");
    }
    handle
}

fn describe() {
    describe_counter!("hashlane_http_requests_total", "Requests of the api listener, by route and status.");
    describe_histogram!(
        "hashlane_http_request_seconds",
        Unit::Seconds,
        "From a request's head to its answer, by route."
    );
    describe_histogram!(
        "hashlane_store_commit_seconds",
        Unit::Seconds,
        "Duration of a joined commit of the job store."
    );
    describe_histogram!("hashlane_store_commit_ops", "Operations that one commit of the job store joined.");
    describe_counter!("hashlane_jobs_finished_total", "Jobs that ended in this process, by final state.");
    describe_gauge!("hashlane_jobs", "Jobs in the store, by state in the words of the wire.");
    describe_gauge!("hashlane_queue_depth", "Jobs that wait for a worker, in active and paused queues.");
    describe_gauge!("hashlane_callbacks_due", "Callbacks to be delivered, now or later.");
    describe_counter!("hashlane_callbacks_total", "Attempts at callbacks, by kind of target and outcome.");
    describe_counter!("hashlane_hashed_bytes_total", Unit::Bytes, "Object bytes hashed, by algorithm.");
    describe_counter!("hashlane_rate_refusals_total", "Requests refused because their access key made too many.");
    describe_gauge!("hashlane_lanes_busy", "Messages being hashed right now.");
}

fn start_at_zero() {
    for state in ["Success", "Failed", "Cancel"] {
        counter!("hashlane_jobs_finished_total", "state" => state).absolute(0);
    }
    for kind in ["url", "tdmq"] {
        for outcome in ["delivered", "retried", "failed"] {
            counter!("hashlane_callbacks_total", "kind" => kind, "outcome" => outcome).absolute(0);
        }
    }
    for algorithm in hashlane_lanes::Algorithm::ALL {
        counter!("hashlane_hashed_bytes_total", "algorithm" => algorithm.name()).absolute(0);
    }
    gauge!("hashlane_lanes_busy").set(0.0);
    counter!("hashlane_rate_refusals_total").absolute(0);
    counter!("hashlane_http_requests_total", "route" => "submit_job", "status" => "200").absolute(0);
    // A histogram is shown from the moment on when it is named.
    let _ = histogram!("hashlane_http_request_seconds", "route" => "submit_job");
    let _ = histogram!("hashlane_store_commit_seconds");
}
