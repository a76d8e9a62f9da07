//! The writer: the one connection that changes the store, with what must be known to do it.
//!
//! Everything in memory is either a copy of what is committed or is taken back by a rollback. After a disk error nothing
//! cached is trusted: the file is opened anew, checked, and its write-ahead log emptied before the next answer, because a
//! second fsync of the same pages would succeed without writing them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hashlane_job::{DELIVERY_DELAYS, Event, JobId, JobState, LeaseToken, Stage, Timestamp, advance};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OptionalExtension};

use super::connection::{self, StoreLock};
use super::directory::Directory;
use super::published::Published;
use super::recent::Recent;
use super::tally::{QueueKey, Tally};
use super::trials::{DEATHS_MAX, Trials};
use super::turns::Turns;
use super::{schema, settle, space};
use crate::batch::{Fault, FaultClass, Transactor};
use crate::{StoreError, StoreErrorKind, StoreOptions};

/// The longest pause between two attempts at hashing (hashlane-job's retry schedule).
const HASH_PAUSE_MAX: Duration = Duration::from_secs(60);
/// By how much jitter may lengthen a pause between deliveries (spec section 9).
const DELIVERY_PAUSE_STRETCH: f64 = 1.2;
/// The write-ahead log is copied into the database at this many pages, 16 MiB: large enough that hot pages are copied once
/// for many commits, small enough that the copy is short and a restart quick.
const LOG_PAGES: i64 = 4_096;
/// How many groups pass between two looks at the length of the log; each group is bounded, so the log is too.
const GROUPS_PER_LOOK: u32 = 16;
/// The pause between two attempts at opening a store that failed.
const REOPEN_PAUSE: Duration = Duration::from_millis(500);
/// A store that keeps failing says so in the log no more often than this.
const WARN_PAUSE: Duration = Duration::from_secs(60);
/// Claims of one epoch fit in the lower half of a lease secret.
const EPOCH_SHIFT: u32 = 40;

#[derive(Debug)]
pub(super) struct Writer {
    path: PathBuf,
    pub(super) connection: Connection,
    pub(super) options: StoreOptions,
    pub(super) directory: Arc<Directory>,
    pub(super) tally: Tally,
    pub(super) turns: Turns,
    pub(super) recent: Recent,
    pub(super) trials: Trials,
    pub(super) published: Arc<Published>,
    /// The directory as of the last commit.
    committed: Arc<Directory>,
    wake: [bool; 2],
    /// Lease secrets are numbered: the epoch, raised at each open, above the number of the claim.
    next_secret: i64,
    groups_since_look: u32,
    /// How many rows this connection had changed after the group before.
    rows_changed: u64,
    broken: Option<Breakdown>,
    warned: Option<Instant>,
    /// Last, so that it is given up after the connection is closed.
    _lock: StoreLock,
}

/// Why and until when nothing is tried.
#[derive(Debug)]
struct Breakdown {
    error: StoreError,
    retry_at: Instant,
}

impl Writer {
    /// Opens or creates the store, brings its schema up to date and releases the leases of the dead.
    pub(super) fn open(path: &Path, options: StoreOptions, published: Arc<Published>) -> Result<Writer, StoreError> {
        let lock = StoreLock::take(path)?;
        let mut connection = connection::open_writer(path)?;
        let at = |error: StoreError| StoreError { message: format!("{}: {}", path.display(), error.message), ..error };
        let (from, to) = schema::migrate(&mut connection).map_err(at)?;
        if from != to {
            tracing::info!(store = %path.display(), from, to, "schema migrated");
        }
        let now = options.steady.now();
        let Opening { epoch, suspects, deadly } = start_epoch(&mut connection, now).map_err(at)?;
        let directory = Arc::new(Directory::load(&connection).map_err(at)?);
        let tally = Tally::load(&connection, &directory).map_err(at)?;
        let recent = load_recent(&connection, &directory, &options).map_err(at)?;
        let trials = Trials::load(&connection, now).map_err(at)?;
        if suspects > 0 {
            tracing::warn!(suspects, "the process before this one died, what it worked on is run again one at a time");
        }
        let mut writer = Writer {
            recent,
            trials,
            path: path.to_owned(),
            connection,
            options,
            committed: directory.clone(),
            directory,
            tally,
            turns: Turns::default(),
            published,
            wake: [false; 2],
            next_secret: epoch << EPOCH_SHIFT,
            groups_since_look: 0,
            rows_changed: 0,
            broken: None,
            warned: None,
            _lock: lock,
        };
        writer.publish();
        if !deadly.is_empty() {
            writer.end_deadly(&deadly).map_err(at)?;
        }
        Ok(writer)
    }

    /// Names the jobs that processes died of, and ends those of which too many did.
    fn end_deadly(&mut self, deadly: &[Deadly]) -> Result<(), StoreError> {
        let mut failed = 0;
        let mut apply = |writer: &mut Writer| -> Result<(), Fault> {
            writer.begin()?;
            for Deadly { token, bucket, deaths } in deadly {
                let (job, deaths) = (token.job, *deaths);
                let name = writer.directory.bucket_name(*bucket).map(ToString::to_string).unwrap_or_default();
                let mut statement = writer.connection.prepare_cached(include_str!("settle_request.sql"))?;
                let key: Option<String> = statement.query_row((bucket, job.to_bytes()), |row| row.get(0)).optional()?;
                drop(statement);
                let key = key.unwrap_or_default();
                if deaths < DEATHS_MAX {
                    tracing::error!(%job, bucket = name, key, deaths, "the process died while it worked on this job alone");
                    continue;
                }
                settle::fail_deadly(writer, *token, deaths)?;
                failed += 1;
                tracing::error!(%job, bucket = name, key, deaths, "the job is stopped, every process that worked on it died");
            }
            writer.commit()
        };
        match apply(self) {
            Ok(()) => {
                metrics::counter!("hashlane_jobs_finished_total", "state" => "Failed").increment(failed);
                Ok(())
            }
            Err(Fault::Alone(error) | Fault::Group { error, .. }) => Err(error),
        }
    }

    /// The job has shown progress: no process dies of it so far.
    pub(super) fn clear_suspicion(&mut self, job: JobId) -> Result<(), Fault> {
        self.connection.prepare_cached(include_str!("cleared.sql"))?.execute([job.to_bytes()])?;
        self.end_trial(job);
        Ok(())
    }

    /// The trial of this job, if it is on trial, is over; others may be given work.
    pub(super) fn end_trial(&mut self, job: JobId) {
        if self.trials.over(job) {
            self.wake(Stage::Hash);
            self.wake(Stage::Deliver);
        }
    }

    /// Now on the clock of leases and retries.
    pub(super) fn steady_now(&self) -> Timestamp {
        self.options.steady.now()
    }

    /// Now as shown to clients, but never before `earlier`: the wall clock may have gone back.
    pub(super) fn wall_now(&self, earlier: Timestamp) -> Timestamp {
        self.options.wall.now().max(earlier)
    }

    /// A lease that no other claim ever had or will have.
    pub(super) fn new_token(&mut self, job: JobId) -> LeaseToken {
        self.next_secret += 1;
        LeaseToken { job, secret: self.next_secret.unsigned_abs() }
    }

    /// After the commit, tells the workers of a stage that rows may have become due.
    pub(super) fn wake(&mut self, stage: Stage) {
        self.wake[stage as usize] = true;
    }

    /// Wakes the hash stage when a lease of this queue is about to end whose slot others of the queue wait for.
    pub(super) fn wake_if_held_back(&mut self, key: QueueKey) {
        let load = self.tally.queue(key);
        let bound = self.directory.queue(key.queue).map_or(u64::MAX, |entry| entry.queue.jobs_running_max);
        if load.ready > 0 && load.leased >= bound {
            self.wake(Stage::Hash);
        }
    }

    fn publish(&self) {
        self.published.set_directory(&self.committed);
        self.published.set_counts(self.tally.counts(&self.committed));
        self.published.set_full(self.tally.full(&self.committed));
    }

    fn warn(&mut self, error: &StoreError) {
        if self.warned.is_none_or(|at| at.elapsed() >= WARN_PAUSE) {
            self.warned = Some(Instant::now());
            tracing::error!(store = %self.path.display(), error = %error, "the store cannot write, callers are told to try later");
        }
    }

    /// Opens the file anew and proves that it can be read and written; takes over only when all of that worked.
    fn reopen(&mut self) -> Result<(), StoreError> {
        let connection = connection::open_writer(&self.path)?;
        let verdict: String = connection.pragma_query_value(None, "quick_check", |row| row.get(0))?;
        if verdict != "ok" {
            return Err(StoreError::corrupt(format!("{}: quick_check says: {verdict}", self.path.display())));
        }
        // The log may hold pages that the failed fsync only pretended to write. Emptied, it starts over.
        if !empty_log(&connection)? {
            return Err(StoreError::unavailable("the write-ahead log is still in use"));
        }
        let directory = Arc::new(Directory::load(&connection)?);
        self.tally = Tally::load(&connection, &directory)?;
        self.recent = load_recent(&connection, &directory, &self.options)?;
        self.committed = directory.clone();
        self.directory = directory;
        self.connection = connection;
        self.publish();
        Ok(())
    }

    fn recover(&mut self) -> Result<(), Fault> {
        let Some(breakdown) = &self.broken else { return Ok(()) };
        let fault = |error| Fault::Group { error, class: FaultClass::Passing };
        if Instant::now() < breakdown.retry_at {
            return Err(fault(breakdown.error.clone()));
        }
        match self.reopen() {
            Ok(()) => {
                self.broken = None;
                self.warned = None;
                tracing::info!(store = %self.path.display(), "the store writes again");
                Ok(())
            }
            Err(error) => {
                self.warn(&error);
                self.broken = Some(Breakdown { error: error.clone(), retry_at: Instant::now() + REOPEN_PAUSE });
                Err(fault(error))
            }
        }
    }

    /// The number of pages in the write-ahead log.
    fn log_pages(&self) -> Result<i64, rusqlite::Error> {
        let mut statement = self.connection.prepare_cached("pragma wal_checkpoint(noop)")?;
        statement.query_row([], |row| row.get(1))
    }
}

impl Transactor for Writer {
    fn begin(&mut self) -> Result<(), Fault> {
        self.recover()?;
        self.connection.prepare_cached("begin immediate")?.execute([])?;
        Ok(())
    }

    fn commit(&mut self) -> Result<(), Fault> {
        for (state, jobs) in self.tally.ended_since_commit() {
            if jobs != 0 {
                self.connection.prepare_cached(include_str!("total.sql"))?.execute((state, jobs))?;
            }
        }
        self.connection.prepare_cached("commit")?.execute([])?;
        self.warned = None;
        // Counted here, where each is seen once: a cancel may be repeated, and closing a service cancels many.
        match self.tally.cancelled_since_commit() {
            0 => {}
            jobs => metrics::counter!("hashlane_jobs_finished_total", "state" => "Cancel").increment(jobs),
        }
        self.tally.commit();
        self.recent.commit();
        self.trials.commit();
        self.committed = self.directory.clone();
        self.publish();
        for stage in [Stage::Hash, Stage::Deliver] {
            if std::mem::take(&mut self.wake[stage as usize]) {
                self.published.wake(stage);
            }
        }
        Ok(())
    }

    fn rollback(&mut self, class: FaultClass) {
        self.tally.rollback();
        self.recent.rollback();
        self.trials.rollback();
        self.directory = self.committed.clone();
        self.wake = [false; 2];
        let undone = self.connection.is_autocommit() || self.connection.execute_batch("rollback").is_ok();
        if (class == FaultClass::Broken || !undone) && self.broken.is_none() {
            let error = StoreError::unavailable("the store is being opened anew after a disk error");
            // What this connection believes of the log must not reach the database when it is closed.
            self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).ok();
            // The pause also bounds how often a disk that fails every write costs a check of the whole file.
            self.broken = Some(Breakdown { error, retry_at: Instant::now() + REOPEN_PAUSE });
        }
    }

    fn failed(&mut self, error: &StoreError) {
        if error.kind != StoreErrorKind::Busy {
            self.warn(error);
        }
    }

    fn after_group(&mut self) -> bool {
        let before = std::mem::replace(&mut self.rows_changed, self.connection.total_changes());
        let has_changed = self.rows_changed != before;
        self.groups_since_look += 1;
        if self.broken.is_some() || self.groups_since_look < GROUPS_PER_LOOK {
            return has_changed;
        }
        self.groups_since_look = 0;
        // Copying is a chore: when it fails the log only grows on, and the next commit meets the error itself.
        if self.log_pages().is_ok_and(|pages| pages >= LOG_PAGES) {
            self.connection.execute_batch("pragma wal_checkpoint(passive)").ok();
        }
        has_changed
    }

    fn close(&mut self) {
        if self.broken.is_none() {
            // When it fails, the next start takes what is still leased for work that this process died of, and is careful.
            self.connection.execute_batch(include_str!("close.sql")).ok();
        }
    }

    fn idle(&mut self) -> bool {
        if self.broken.is_some() {
            return false;
        }
        // Chores both: when one fails, the next commit meets the error itself.
        let more = space::give_back(&self.connection, space::SPARE_IDLE).unwrap_or(false);
        if !more || self.log_pages().is_ok_and(|pages| pages >= LOG_PAGES) {
            empty_log(&self.connection).ok();
        }
        more
    }
}

fn load_recent(connection: &Connection, directory: &Directory, options: &StoreOptions) -> Result<Recent, StoreError> {
    Recent::load(connection, directory, options.submit_twice_window, options.wall.now(), options.steady.now())
}

/// Copies the whole log into the database and cuts its file to nothing. False when a reader was in the way.
fn empty_log(connection: &Connection) -> Result<bool, rusqlite::Error> {
    hashlane_job::failpoint::reach("checkpoint");
    let busy: i64 = connection.query_row("pragma wal_checkpoint(truncate)", [], |row| row.get(0))?;
    Ok(busy == 0)
}

/// What an opening found.
struct Opening {
    /// Its number.
    epoch: i64,
    /// How many jobs a process died with.
    suspects: usize,
    /// What a process died with alone, as far as it is to be told or ended.
    deadly: Vec<Deadly>,
}

/// A job that a process died with alone.
struct Deadly {
    /// The lease of that process.
    token: LeaseToken,
    bucket: i64,
    deaths: u32,
}

/// Releases what dead processes held, finds out who may have killed them, and clamps due times.
fn start_epoch(connection: &mut Connection, now: Timestamp) -> Result<Opening, StoreError> {
    let transaction = connection.transaction()?;
    let (suspects, deadly) = judge_deaths(&transaction)?;
    transaction.execute(include_str!("open_release.sql"), (now.unix_millis(), DEATHS_MAX))?;
    let deliver_pause = DELIVERY_DELAYS.iter().max().copied().unwrap_or_default().mul_f64(DELIVERY_PAUSE_STRETCH);
    for (stage, pause) in [(Stage::Hash, HASH_PAUSE_MAX), (Stage::Deliver, deliver_pause)] {
        transaction.execute(include_str!("open_clamp.sql"), (stage.word(), now.plus(pause).unix_millis()))?;
    }
    let epoch = transaction.query_row(include_str!("open_epoch.sql"), [], |row| row.get(0))?;
    transaction.commit()?;
    Ok(Opening { epoch, suspects, deadly })
}

/// What the process before this one held when it died, unless it ended in order.
fn judge_deaths(connection: &Connection) -> Result<(usize, Vec<Deadly>), StoreError> {
    let is_closed: bool = connection.query_row("select closed from store", [], |row| row.get(0))?;
    if is_closed {
        return Ok((0, Vec::new()));
    }
    let mut held = Vec::new();
    let mut leases = 0;
    let mut statement = connection.prepare(include_str!("open_held.sql"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        leases += 1;
        if row.get_ref(2)?.as_str() == Ok(Stage::Hash.word()) {
            let secret = row.get::<_, i64>(3)?.cast_unsigned();
            let token = LeaseToken { job: JobId::from_bytes(row.get(0)?), secret };
            held.push(Deadly { token, bucket: row.get(1)?, deaths: row.get(4)? });
        }
    }
    // Alone means that nothing else was leased, callbacks included.
    let is_alone = leases == 1;
    let suspects = held.len();
    let mut deadly = Vec::new();
    for mut job in held {
        let mut is_counted = false;
        if is_alone {
            let mut statement = connection.prepare(include_str!("open_death.sql"))?;
            let deaths = statement.query_row((job.token.job.to_bytes(), DEATHS_MAX), |row| row.get(0)).optional()?;
            is_counted = deaths.is_some();
            job.deaths = deaths.unwrap_or(job.deaths);
        }
        // One that is at its limit is left from an opening that was cut before it ended the job.
        if is_counted || job.deaths >= DEATHS_MAX {
            deadly.push(job);
        }
    }
    connection.execute(include_str!("open_suspects.sql"), [])?;
    Ok((suspects, deadly))
}

/// Asks the state machine for a move. A refusal is a bug of this crate: the rows say what may happen.
pub(super) fn moved(from: JobState, event: Event) -> Result<JobState, StoreError> {
    advance(from, event).map_err(|refusal| StoreError::corrupt(refusal.to_string()))
}

#[cfg(test)]
mod tests {
    use hashlane_job::{BucketName, ManualClock};
    use rusqlite::StatementStatus;

    use super::*;
    use crate::QueueDefaults;
    use crate::batch::Verb;
    use crate::sqlite::ping::Ping;
    use crate::sqlite::queues::OpenService;

    fn writer(folder: &tempfile::TempDir) -> Writer {
        let clock = Arc::new(ManualClock::new(Timestamp::from_unix_seconds(1_700_000_000)));
        let queue_defaults = QueueDefaults { jobs_waiting_max: 10, jobs_running_max: 10 };
        let options =
            StoreOptions { wall: clock.clone(), steady: clock, queue_defaults, submit_twice_window: Duration::ZERO };
        Writer::open(&folder.path().join("jobs.db"), options, Arc::default()).expect("the store opens")
    }

    fn in_transaction<V: Verb<Writer>>(writer: &mut Writer, verb: &V) -> Result<V::Answer, Fault> {
        writer.begin()?;
        let answer = verb.apply(writer)?;
        writer.commit()?;
        Ok(answer)
    }

    fn open_service(name: &str) -> OpenService {
        OpenService(BucketName::parse(name).expect("the name has the shape of a bucket's"))
    }

    /// Failure rule A14.
    #[test]
    fn a_full_disk_fails_the_group_takes_back_what_it_did_and_passes() {
        let folder = tempfile::tempdir().expect("a temporary folder is made");
        let mut writer = writer(&folder);
        let pages: i64 = writer.connection.pragma_query_value(None, "page_count", |row| row.get(0)).expect("pages");
        let limit = |writer: &Writer, pages: i64| {
            writer.connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).expect("a limit");
        };
        limit(&writer, pages);
        let mut names = (0..1_000).map(|number| format!("bucket-{number}"));
        let (opened, fault) = names
            .by_ref()
            .enumerate()
            .find_map(|(opened, name)| in_transaction(&mut writer, &open_service(&name)).err().map(|it| (opened, it)))
            .expect("the disk is full at last");
        let Fault::Group { error, class } = fault else { panic!("the whole group fails: {fault:?}") };
        assert_eq!((error.kind, class), (StoreErrorKind::Unavailable, FaultClass::Passing));
        writer.rollback(class);
        assert_eq!(writer.directory.services().len(), opened);

        limit(&writer, pages * 10);
        in_transaction(&mut writer, &open_service("last-1")).expect("there is space again");
        assert_eq!(writer.published.directory().services().len(), opened + 1);
    }

    /// Failure rule A3.
    /// Crash point K18.
    #[test]
    fn after_a_disk_error_the_store_is_opened_anew_before_anything_is_answered() {
        let folder = tempfile::tempdir().expect("a temporary folder is made");
        let mut writer = writer(&folder);
        in_transaction(&mut writer, &open_service("kept-1")).expect("the service opens");
        writer.begin().expect("a transaction opens");
        open_service("lost-1").apply(&mut writer).expect("the service opens");
        writer.rollback(FaultClass::Broken);
        assert!(writer.begin().is_err(), "nothing is tried for a moment");
        writer.reopen().expect("the file is sound");
        writer.broken = None;
        assert_eq!(writer.log_pages().expect("the log is measured"), 0, "the log starts over");
        in_transaction(&mut writer, &Ping).expect("the store writes");
        let names: Vec<_> = writer.directory.services().into_iter().map(|service| service.bucket).collect();
        assert_eq!(names, [BucketName::parse("kept-1").expect("a name")]);
    }

    #[test]
    fn a_statement_is_compiled_once_whatever_is_bound_to_it() {
        let folder = tempfile::tempdir().expect("a temporary folder is made");
        let writer = writer(&folder);
        let statements = [
            (include_str!("claim.sql"), [(1, 10), (2, 20), (3, 30)]),
            (include_str!("get.sql"), [(1, 10), (2, 20), (3, 30)]),
            (include_str!("settle_held.sql"), [(1, 10), (2, 20), (3, 30)]),
        ];
        for (sql, bindings) in statements {
            for (first, second) in bindings {
                let mut statement = writer.connection.prepare_cached(sql).expect("the statement is sound");
                let mut rows = statement.query((first, second)).expect("it runs");
                while rows.next().expect("it runs").is_some() {}
            }
            let statement = writer.connection.prepare_cached(sql).expect("the statement is sound");
            assert_eq!(statement.get_status(StatementStatus::RePrepare), 0, "{sql}");
        }
    }

    /// Failure rule A15.
    #[test]
    fn the_log_is_emptied_when_it_is_long_and_when_nothing_happens() {
        let folder = tempfile::tempdir().expect("a temporary folder is made");
        let mut writer = writer(&folder);
        in_transaction(&mut writer, &Ping).expect("the store writes");
        assert!(writer.log_pages().expect("the log is measured") > 0);
        writer.idle();
        assert_eq!(writer.log_pages().expect("the log is measured"), 0);
        assert_eq!(std::fs::metadata(folder.path().join("jobs.db-wal")).expect("the log is there").len(), 0);
    }
}
