//! The deliver step: one attempt at the callback of a finished job, and the decision what comes after it.

use std::sync::Arc;

use hashlane_callback::{Message, Sent, Transports};
use hashlane_engine::{Engine, ReadProgress};
use hashlane_job::{CallbackTarget, Clock, Lease, Outcome, SystemClock};
use hashlane_wire::callback_body::{self, BodyStyle};
use hashlane_wire::request_id;

use crate::delivery_schedule::DeliverySchedule;
use crate::finished;
use crate::receivers::receiver_name;
use crate::stage::Stepper;

/// The stepper of the deliver stage.
#[derive(Clone)]
pub(crate) struct DeliverStep {
    pub(crate) transports: Transports,
    /// Knows the regions of the buckets.
    pub(crate) engine: Engine,
    pub(crate) schedule: Arc<DeliverySchedule>,
    pub(crate) style: BodyStyle,
}

impl Stepper for DeliverStep {
    async fn step(&self, lease: &Lease, _progress: &Arc<ReadProgress>) -> Outcome {
        let Some(target) = &lease.job.target else {
            return Outcome::DeliveryFailed { said: "the job has no callback target".into() };
        };
        let sent = self.transports.send(target, &self.message(lease, target)).await;
        self.outcome(lease, sent)
    }

    fn panicked(&self, lease: &Lease) -> Outcome {
        tracing::error!(job = %lease.token.job, attempt = lease.attempt, "delivering panicked");
        self.outcome(lease, Sent::Again { said: "the server failed while sending the callback".into(), after: None })
    }

    fn settled(&self, lease: &Lease, outcome: &Outcome) {
        let (word, said) = match outcome {
            Outcome::Delivered { said } => ("delivered", said),
            Outcome::DeliverAgain { said, .. } => ("retried", said),
            Outcome::DeliveryFailed { said } => ("failed", said),
            // Given back, or an outcome of the other stage.
            Outcome::GivenBack | Outcome::Hashed(_) | Outcome::Failed(_) | Outcome::Again { .. } => return,
        };
        let target = lease.job.target.as_ref();
        let kind = finished::kind(target);
        finished::count_callback(kind, word);
        let receiver = target.map(receiver_name).unwrap_or_default();
        let (job, attempt) = (lease.token.job, lease.attempt);
        if word == "delivered" {
            tracing::info!(%job, kind, receiver, attempt, outcome = word, said, "callback");
        } else {
            tracing::warn!(%job, kind, receiver, attempt, outcome = word, said, "callback");
        }
    }
}

impl DeliverStep {
    fn message(&self, lease: &Lease, target: &CallbackTarget) -> Message {
        let job = &lease.job;
        let bucket = job.request.bucket();
        let region = self.engine.buckets().iter().find(|own| own.name == *bucket).map(|own| own.region.as_str());
        let (content_type, body) = callback_body::print(job, region.unwrap_or_default(), target.format, self.style);
        Message {
            job: job.request.id,
            // A job raises one event in its life, so the job's id is what makes it the same over retries and replays.
            event_id: format!("evt-{}", job.request.id),
            request_id: request_id(SystemClock.now()),
            content_type,
            body: body.into(),
        }
    }

    fn outcome(&self, lease: &Lease, sent: Sent) -> Outcome {
        match sent {
            Sent::Delivered { said } => Outcome::Delivered { said },
            Sent::Never { said } => Outcome::DeliveryFailed { said },
            Sent::Again { said, after } => self.schedule.again(lease, said, after),
        }
    }
}
