//! No space: the file system of the data directory is filled, or the size that files may have is limited; then the space
//! comes back.
//!
//! Meanwhile submits are answered 503 and reads go on; soon afterwards submits are accepted again (failure rule A14).

use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, prlimit};

use crate::chance::Chance;
use crate::failure::Failure;
use crate::fault::Victim;

/// How long the log of the store may take to be emptied while nothing happens, so that the next write needs space.
const EMPTY_WITHIN: Duration = Duration::from_secs(4);
/// How long a full disk may go unnoticed: until the log, when it is not empty, has used up the space that it has already.
const NOTICED_WITHIN: Duration = Duration::from_secs(60);
/// Less than one commit of some jobs.
const FILE_BYTES: u64 = 24 << 10;

pub(super) async fn suffer(victim: &mut Victim, chance: &mut Chance) -> Result<(), Failure> {
    let by_limit = !victim.disk.can_be_filled() || chance.below(3) == 0;
    let length = chance.between(Duration::from_millis(300), Duration::from_secs(2));
    {
        let load = victim.load.clone();
        let _held_up = load.hold_up().await;
        let began = Instant::now();
        while tokio::fs::metadata(victim.server.log()).await.is_ok_and(|it| it.len() > 0) {
            if began.elapsed() > EMPTY_WITHIN {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        if by_limit {
            limit(victim, Some(FILE_BYTES))?;
        } else {
            victim.disk.fill()?;
        }
    }
    let began = Instant::now();
    let refused = |victim: &Victim| victim.load.refused.load(std::sync::atomic::Ordering::Relaxed);
    let before = refused(victim);
    while refused(victim) == before && began.elapsed() < NOTICED_WITHIN {
        victim.load.submit().await?;
    }
    if refused(victim) == before {
        victim.violations.push(format!("no submit was refused within {NOTICED_WITHIN:?} without space"));
    }
    let rest = tokio::time::Instant::now() + length;
    if !victim.load.can_ask().await {
        victim.violations.push("a job could not be asked for while there was no space".to_owned());
    }
    tokio::time::sleep_until(rest).await;
    if by_limit {
        limit(victim, None)?;
        victim.totals.full_limits += 1;
    } else {
        victim.disk.free()?;
        victim.totals.full_disks += 1;
    }
    victim.recovers_from("space came back").await
}

fn limit(victim: &Victim, bytes: Option<u64>) -> Result<(), Failure> {
    prlimit(Some(victim.server.pid()?), Resource::Fsize, Rlimit { current: bytes, maximum: None })?;
    Ok(())
}
