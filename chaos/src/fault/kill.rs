//! kill -9 at a random moment.

use crate::chance::Chance;
use crate::failure::Failure;
use crate::fault::Victim;

pub(super) async fn suffer(victim: &mut Victim, _: &mut Chance) -> Result<(), Failure> {
    victim.server.kill().await?;
    victim.totals.kills += 1;
    victim.server.start().await
}
