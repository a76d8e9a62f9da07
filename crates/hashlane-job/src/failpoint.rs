//! Fail points: named places where the chaos harness holds the process, to bring a fault upon it exactly there.
//!
//! Without the Cargo feature `failpoints`, which no released binary has, reaching one is nothing. With it, the variable
//! HASHLANE_FAILPOINT names one place and HASHLANE_FAILPOINT_GATE a path: from the moment at which `<path>.arm` exists, the
//! first to reach the place makes `<path>.reached` and waits for `<path>.go`. Leaves out what happens meanwhile: no fault is
//! made here.

/// Says that the place of this name is reached.
#[inline(always)]
#[cfg(not(feature = "failpoints"))]
pub fn reach(_place: &str) {}

/// Says that the place of this name is reached; waits there when it is the one that is held.
#[cfg(feature = "failpoints")]
pub fn reach(place: &str) {
    gate::pass(place);
}

#[cfg(feature = "failpoints")]
mod gate {
    use std::path::PathBuf;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    /// Nobody is held for longer, whatever became of who opens the gate.
    const POLLS_MAX: u32 = 12_000;
    const POLL: Duration = Duration::from_millis(5);

    pub(super) fn pass(place: &str) {
        static GATE: OnceLock<Option<(String, String)>> = OnceLock::new();
        static PASSED: AtomicBool = AtomicBool::new(false);
        let gate = GATE.get_or_init(|| {
            let variable = |name| std::env::var(name).ok();
            variable("HASHLANE_FAILPOINT").zip(variable("HASHLANE_FAILPOINT_GATE"))
        });
        let Some((held, path)) = gate else { return };
        let file = |suffix: &str| PathBuf::from(format!("{path}.{suffix}"));
        if held != place || !file("arm").exists() || PASSED.swap(true, Ordering::SeqCst) {
            return;
        }
        // A place that cannot be held is passed: the harness then misses the file and says so.
        if std::fs::write(file("reached"), []).is_ok() {
            (0..POLLS_MAX).take_while(|_| !file("go").exists()).for_each(|_| std::thread::sleep(POLL));
        }
    }
}
