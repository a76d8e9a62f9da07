//! SIGTERM: the service ends in order within its grace, and starts again.

use std::time::Duration;

use rustix::process::Signal;

use crate::chance::Chance;
use crate::failure::Failure;
use crate::fault::Victim;

/// The grace of the configuration and time to close the store.
const END_WITHIN: Duration = Duration::from_secs(20);

pub(super) async fn suffer(victim: &mut Victim, _: &mut Chance) -> Result<(), Failure> {
    victim.server.signal(Signal::TERM)?;
    match victim.server.ended(END_WITHIN).await? {
        Some(status) if status.success() => {}
        Some(status) => victim.violations.push(format!("SIGTERM ended the service with {status}")),
        None => victim.violations.push(format!("SIGTERM did not end the service within {END_WITHIN:?}")),
    }
    victim.totals.terms += 1;
    victim.server.start().await
}
