//! `/metrics`: everything that was recorded, and the counts of the store as they are now.

use ::metrics::gauge;
use bytes::Bytes;
use hashlane_store::JobStore;
use http::{Response, StatusCode};
use http_body_util::Full;
use metrics_exporter_prometheus::PrometheusHandle;

/// The text format of Prometheus, version 0.0.4.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// When the store does not answer, its gauges keep their last values and the rest is shown all the same.
pub(super) async fn answer(store: &JobStore, recorded: &PrometheusHandle) -> Response<Full<Bytes>> {
    match store.counts().await {
        Ok(counts) => {
            for (state, jobs) in [
                ("Submitted", counts.waiting),
                ("Pause", counts.paused),
                ("Running", counts.running),
                ("Success", counts.succeeded),
                ("Failed", counts.failed),
                ("Cancel", counts.cancelled),
            ] {
                gauge!("hashlane_jobs", "state" => state).set(jobs as f64);
            }
            gauge!("hashlane_queue_depth").set((counts.waiting + counts.paused) as f64);
            gauge!("hashlane_callbacks_due").set(counts.deliveries_due as f64);
            gauge!("hashlane_callbacks_undelivered").set(counts.deliveries_failed as f64);
        }
        Err(error) => tracing::warn!(%error, "cannot count the jobs for a scrape"),
    }
    super::typed(StatusCode::OK, TEXT_FORMAT, recorded.render())
}
