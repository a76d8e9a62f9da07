//! What the loops need of the store: claiming, renewing and settling leases.
//!
//! A seam, so that the loops can be tested with a store that stalls or fails on command. It adds nothing of its own.

use std::future::Future;
use std::time::Duration;

use hashlane_job::{LeaseToken, Outcome, Stage};
use hashlane_store::{Claimed, HoldBack, JobStore, Renewal, Renewed, Settled, StoreError};

/// The verbs of [`JobStore`] that deal with leases; the promises are described there.
pub(crate) trait Leases: Clone + Send + Sync + 'static {
    fn claim(
        &self,
        stage: Stage,
        slots: usize,
        lease: Duration,
    ) -> impl Future<Output = Result<Claimed, StoreError>> + Send;

    fn renew(
        &self,
        renewals: Vec<Renewal>,
        lease: Duration,
    ) -> impl Future<Output = Result<Vec<Renewed>, StoreError>> + Send;

    fn settle(&self, token: LeaseToken, outcome: Outcome) -> impl Future<Output = Result<Settled, StoreError>> + Send;

    /// What becomes of callbacks of a receiver when they become due.
    fn hold_back(&self, receiver: &str, hold: Option<HoldBack>);

    /// To be made before claiming, so that what becomes due in between is not missed.
    fn woken(&self, stage: Stage) -> impl Future<Output = ()> + Send + 'static;
}

impl Leases for JobStore {
    async fn claim(&self, stage: Stage, slots: usize, lease: Duration) -> Result<Claimed, StoreError> {
        JobStore::claim(self, stage, slots, lease).await
    }

    async fn renew(&self, renewals: Vec<Renewal>, lease: Duration) -> Result<Vec<Renewed>, StoreError> {
        JobStore::renew(self, renewals, lease).await
    }

    async fn settle(&self, token: LeaseToken, outcome: Outcome) -> Result<Settled, StoreError> {
        JobStore::settle(self, token, outcome).await
    }

    fn hold_back(&self, receiver: &str, hold: Option<HoldBack>) {
        JobStore::hold_back(self, receiver, hold);
    }

    fn woken(&self, stage: Stage) -> impl Future<Output = ()> + Send + 'static {
        JobStore::woken(self, stage)
    }
}
