//! Message queue targets (`CallBackType=TDMQ`): accepted and recorded, not yet delivered.
//!
//! The job that names one is hashed and answered like any other; its callback ends as a recorded failed delivery, so that
//! nobody waits for a message that cannot come.

use hashlane_job::MqTarget;

use crate::message::Sent;

/// The failed delivery of a message to this target.
pub(crate) fn send(target: &MqTarget) -> Sent {
    Sent::Never {
        said: format!(
            "message queue delivery is not available in this version (region {}, queue {}); use a URL callback",
            target.region, target.name
        ),
    }
}
