//! The watch loop: says when leases lapse and nobody takes them up (failure rule A8).
//!
//! Nothing is done about them here: a claim takes up what has lapsed, and when that does not happen, somebody must look.

use std::time::Duration;

use hashlane_store::JobStore;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::complaint::Complaint;

/// Between two looks. What is stuck is stuck for longer.
const PAUSE: Duration = Duration::from_secs(60);
const OVERDUE: &str = "hashlane_leases_overdue";

/// Looks until `stop`. A lease counts when it has lapsed for as long again as it lasted: claims come every second.
pub(crate) async fn run(store: JobStore, lease: Duration, stop: CancellationToken) {
    let complaint = Complaint::about("could not look for leases that nobody takes up");
    metrics::gauge!(OVERDUE).set(0.0);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(PAUSE) => {}
        }
        match store.overdue(lease).await {
            Ok(leases) => {
                metrics::gauge!(OVERDUE).set(leases as f64);
                if leases > 0 {
                    tracing::error!(leases, "leases have lapsed and nobody takes them up");
                }
            }
            Err(error) => complaint.raise(&error),
        }
    }
}
