//! Fail points: named places where the chaos harness holds the process, to bring a fault upon it exactly there.
//!
//! Without the Cargo feature `failpoints`, which no released binary has, reaching one is nothing. With it, the variable
//! HASHLANE_FAILPOINT names one place and HASHLANE_FAILPOINT_GATE a path: from the moment at which `<path>.arm` exists, the
//! first to reach the place makes `<path>.reached` and waits for `<path>.go`. What happens meanwhile is brought from outside.
//!
//! And objects that are fatal to who reads them: with the feature, and the variable HASHLANE_DEADLY_OBJECTS set, the end of a
//! key says how. `.abort` ends the process, `.memory` asks for memory until there is none, `.panic` panics.

/// Says that the place of this name is reached.
#[inline(always)]
#[cfg(not(feature = "failpoints"))]
pub fn reach(_place: &str) {}

/// Says that the place of this name is reached; waits there when it is the one that is held.
#[cfg(feature = "failpoints")]
pub fn reach(place: &str) {
    gate::pass(place);
}

/// Says that the object of this key is opened to be hashed.
#[inline(always)]
#[cfg(not(feature = "failpoints"))]
pub fn open(_key: &str) {}

/// Says that the object of this key is opened to be hashed; does what its name says when objects are deadly.
#[cfg(feature = "failpoints")]
pub fn open(key: &str) {
    deadly::open(key);
}

#[cfg(feature = "failpoints")]
mod deadly {
    use std::sync::OnceLock;

    /// Large enough that a bound of some gigabytes is reached at once.
    const PORTION_BYTES: usize = 64 << 20;

    pub(super) fn open(key: &str) {
        static ON: OnceLock<bool> = OnceLock::new();
        if !*ON.get_or_init(|| std::env::var_os("HASHLANE_DEADLY_OBJECTS").is_some()) {
            return;
        }
        match key.rsplit_once('.').map(|(_, deed)| deed) {
            Some("abort") => std::process::abort(),
            Some("panic") => panic!("the object {key} is read"),
            Some("memory") => {
                let mut hoard: Vec<Vec<u8>> = Vec::new();
                loop {
                    hoard.push(Vec::with_capacity(PORTION_BYTES));
                }
            }
            _ => {}
        }
    }
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
