//! CPU time of a process, user and system: on shared cores it is worth more than the time on the wall.

use std::time::Duration;

use crate::failure::Failure;

/// What a process has used until now, all its threads together, also those that have ended. In steps of 10 ms.
pub fn used(pid: u32) -> Result<Duration, Failure> {
    /// The unit of `/proc/PID/stat` on every Linux that we know (USER_HZ).
    const TICK: Duration = Duration::from_millis(10);
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name of the program stands in parentheses and may hold anything; the fields behind it are numbers.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<u32>().ok());
    match (ticks(11), ticks(12)) {
        (Some(user), Some(system)) => Ok(TICK * (user + system)),
        _ => Err(Failure::new(format!("/proc/{pid}/stat cannot be read: {stat}"))),
    }
}

/// Microseconds for each of `count` things.
pub fn microseconds_each(before: Duration, after: Duration, count: usize) -> f64 {
    (after - before).as_secs_f64() * 1e6 / count.max(1) as f64
}
