//! The worker: the running loops, started and stopped together.

use std::sync::Arc;

use hashlane_callback::Transports;
use hashlane_engine::Engine;
use hashlane_store::JobStore;
use hashlane_wire::callback_body::BodyStyle;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::deliver::DeliverStep;
use crate::delivery_schedule::DeliverySchedule;
use crate::due_deliveries::DueDeliveries;
use crate::due_jobs::DueJobs;
use crate::finished;
use crate::hash::HashStep;
use crate::keeper::Keeper;
use crate::options::WorkerOptions;
use crate::prune;
use crate::receivers::places_max;
use crate::results::Results;
use crate::stage::StageLoop;
use crate::watch;

/// The running loops. Dropping it without [`Worker::stop`] stops them too, but nobody waits for them.
#[derive(Debug)]
pub struct Worker {
    stop: DropGuard,
    /// Ends when no lease is held any more.
    loops: Vec<JoinHandle<()>>,
    /// Told to end after the loops: it renews what they still hold.
    keeper_stop: DropGuard,
    keeper: JoinHandle<()>,
}

impl Worker {
    /// Starts the hash, deliver and prune loops and the keeper of their leases.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start(store: JobStore, engine: Engine, transports: Transports, options: WorkerOptions) -> Worker {
        finished::announce();
        let stop = CancellationToken::new();
        let keeper_stop = CancellationToken::new();
        let keeper = Keeper::new(store.clone(), options.lease);

        let hash = StageLoop {
            leases: store.clone(),
            acquirer: DueJobs::new(store.clone(), keeper.clone(), stop.clone()),
            stepper: HashStep {
                results: Results::of(&store, options.cache_results),
                engine: engine.clone(),
                permission: options.permission,
                retry: options.retry,
            },
            slots: engine.slots().max(1),
            grace: options.grace,
            stop: stop.clone(),
        };
        let schedule =
            Arc::new(DeliverySchedule { attempts_max: options.delivery_attempts_max, delays: options.delivery_delays });
        let style = BodyStyle { time_offset: options.time_offset, json_array: options.callback_json_array };
        let deliver = StageLoop {
            leases: store.clone(),
            acquirer: DueDeliveries::new(
                store.clone(),
                keeper.clone(),
                schedule.clone(),
                options.deliveries_max,
                stop.clone(),
            ),
            stepper: DeliverStep { transports, engine, schedule, style },
            slots: places_max(options.deliveries_max.max(1)),
            grace: options.grace,
            stop: stop.clone(),
        };
        let loops = vec![
            tokio::spawn(hash.run()),
            tokio::spawn(deliver.run()),
            tokio::spawn(prune::run(store.clone(), options.retention, stop.clone())),
            tokio::spawn(watch::run(store, options.lease, stop.clone())),
        ];
        let keeper = tokio::spawn({
            let keeper_stop = keeper_stop.clone();
            async move { keeper.run(keeper_stop).await }
        });
        Worker { stop: stop.drop_guard(), loops, keeper_stop: keeper_stop.drop_guard(), keeper }
    }

    /// Stops claiming, lets what runs end within the grace, gives back the rest without charging the attempt, and returns
    /// when nothing is left.
    pub async fn stop(self) {
        drop(self.stop);
        for running in self.loops {
            if let Err(error) = running.await {
                tracing::error!(%error, "a loop of the worker ended badly");
            }
        }
        drop(self.keeper_stop);
        self.keeper.await.ok();
    }
}
