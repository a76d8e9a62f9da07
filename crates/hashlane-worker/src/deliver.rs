//! The deliver step: one attempt at the callback of a finished job, and the decision what comes after it.

use std::sync::Arc;
use std::time::Duration;

use hashlane_callback::{Message, Sent, Transports};
use hashlane_engine::{Engine, ReadProgress};
use hashlane_job::{CallbackTarget, Clock, Lease, NotifyAddress, Outcome, Reply, SystemClock, event_id, failpoint};
use hashlane_wire::callback_body::{self, BodyStyle};
use hashlane_wire::request_id;
use tokio::time::Instant;

use crate::delivery_schedule::DeliverySchedule;
use crate::finished;
use crate::stage::Stepper;
use crate::step_slot::StepSlot;

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
    async fn step(&self, lease: &Lease, _progress: &Arc<ReadProgress>, _slot: &StepSlot) -> Outcome {
        let Some(target) = &lease.job.target else {
            let said = "the job has no callback target".to_owned();
            return Outcome::DeliveryFailed(Reply { said, status: None, took: Duration::ZERO });
        };
        let message = self.message(lease, target);
        let started = Instant::now();
        failpoint::reach("callback");
        let sent = self.transports.send(target, &message).await;
        failpoint::reach("called-back");
        self.outcome(lease, sent, started.elapsed())
    }

    fn panicked(&self, lease: &Lease) -> Outcome {
        tracing::error!(job = %lease.token.job, attempt = lease.attempt, "delivering panicked");
        let said = "the server failed while sending the callback".into();
        self.outcome(lease, Sent::Again { said, after: None }, Duration::ZERO)
    }

    fn settled(&self, lease: &Lease, outcome: &Outcome) {
        let (word, reply) = match outcome {
            Outcome::Delivered(reply) => ("delivered", reply),
            Outcome::DeliverAgain { reply, .. } => ("retried", reply),
            Outcome::DeliveryFailed(reply) => ("failed", reply),
            // Postponed or given back, which is decided without a step, or an outcome of the other stage.
            Outcome::Postponed { .. }
            | Outcome::GivenBack
            | Outcome::Hashed { .. }
            | Outcome::Failed(_)
            | Outcome::Again { .. } => return,
        };
        let said = &reply.said;
        let target = lease.job.target.as_ref();
        let kind = finished::kind(target);
        finished::count_callback(kind, word);
        let (job, attempt) = (lease.token.job, lease.attempt);
        if word == "delivered" {
            tracing::debug!(%job, kind, attempt, outcome = word, said, "callback");
        } else {
            let receiver = target.map(CallbackTarget::receiver).unwrap_or_default();
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
            bucket: bucket.clone(),
            event_id: event_id(job.request.id),
            request_id: request_id(SystemClock.now()),
            content_type,
            body: body.into(),
        }
    }

    fn outcome(&self, lease: &Lease, sent: Sent, took: Duration) -> Outcome {
        let reply = |said: String| {
            let is_http = matches!(lease.job.target, Some(CallbackTarget { address: NotifyAddress::Url(_), .. }));
            Reply { status: if is_http { status_of(&said) } else { None }, said, took }
        };
        match sent {
            Sent::Delivered { said } => Outcome::Delivered(reply(said)),
            Sent::Never { said } => Outcome::DeliveryFailed(reply(said)),
            Sent::Again { said, after } => self.schedule.again(lease, reply(said), after),
        }
    }
}

/// The status of an answer over HTTP, with which the words of the transport begin when there was one: `503 Service
/// Unavailable`.
fn status_of(said: &str) -> Option<u16> {
    let word = said.split(' ').next()?;
    let status = word.parse().ok().filter(|status| (100..=599).contains(status))?;
    (word.len() == 3).then_some(status)
}

#[cfg(test)]
mod tests {
    use super::status_of;

    #[test]
    fn a_status_is_read_only_where_there_was_an_answer() {
        for (said, status) in [
            ("200 OK", Some(200)),
            ("599", Some(599)),
            ("301 Moved Permanently (redirects are not followed)", Some(301)),
            ("no answer within 10000 ms", None),
            ("0200 OK", None),
            ("600 bytes", None),
            ("", None),
        ] {
            assert_eq!(status_of(said), status, "{said}");
        }
    }
}
