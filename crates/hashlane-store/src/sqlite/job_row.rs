//! A whole job from its rows: the wide one, its queue, and the live one if there is one. Reads the columns of `get.sql`.

use hashlane_job::{
    BucketName, CallbackRequest, CallbackTarget, Checkpoint, Delivery, DeliveryState, FailureCode, FileFacts, Job,
    JobError, JobId, JobState, NewJob, ObjectRef, QueueId, Stage, Timestamp,
};
use hashlane_lanes::{Algorithm, Digest};
use rusqlite::types::FromSql;
use rusqlite::{Connection, OptionalExtension, Row};

use super::{address, checksum::result_checksum};
use crate::StoreError;

/// The job of this id in this bucket, as it is at `now` on the steady clock; `None` when there is none.
///
/// # Errors
/// [`StoreErrorKind::DamagedJob`](crate::StoreErrorKind::DamagedJob) when what is stored is no job, or not the result that was
/// stored.
pub(super) fn read_job(
    connection: &Connection,
    bucket: &BucketName,
    bucket_number: i64,
    id: JobId,
    now: Timestamp,
) -> Result<Option<Job>, StoreError> {
    Ok(read_live_job(connection, bucket, bucket_number, id, now)?.map(|live| live.job))
}

/// A job with what only its live row knows.
pub(super) struct Live {
    pub(super) job: Job,
    /// How many attempts at its stage have ended; 0 when nothing is left to do for the job.
    pub(super) attempts: u32,
    /// Where an earlier attempt at a large object was.
    pub(super) checkpoint: Option<Checkpoint>,
    /// A process died that held it, and it has shown no progress since.
    pub(super) is_suspect: bool,
    /// When the first attempt at hashing failed, on the steady clock.
    pub(super) failing: Option<Timestamp>,
}

/// As [`read_job`], with what only the live row knows.
///
/// # Errors
/// As [`read_job`].
pub(super) fn read_live_job(
    connection: &Connection,
    bucket: &BucketName,
    bucket_number: i64,
    id: JobId,
    now: Timestamp,
) -> Result<Option<Live>, StoreError> {
    let mut statement = connection.prepare_cached(include_str!("get.sql"))?;
    let job = statement
        .query_row((bucket_number, id.to_bytes()), |row| {
            Ok(JobRow { columns: Columns { row, next: 0 }, id }.job(bucket, now))
        })
        .optional()?;
    job.transpose()
}

/// Reads columns one after the other, so that the order in `get.sql` is the order below.
struct Columns<'a> {
    row: &'a Row<'a>,
    next: usize,
}

impl Columns<'_> {
    fn take<T: FromSql>(&mut self) -> Result<T, StoreError> {
        let column = self.next;
        self.next += 1;
        Ok(self.row.get(column)?)
    }

    fn take_time(&mut self) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.take::<Option<i64>>()?.map(Timestamp::from_unix_millis))
    }
}

struct JobRow<'a> {
    columns: Columns<'a>,
    id: JobId,
}

/// The live row of a job.
struct LiveRow {
    stage: Stage,
    leased: bool,
    attempts: u32,
    started: Option<Timestamp>,
    progress: u8,
    code: Option<String>,
    said: Option<String>,
    said_time: Option<Timestamp>,
    checkpoint: Option<Checkpoint>,
    is_suspect: bool,
    failing: Option<Timestamp>,
}

impl JobRow<'_> {
    fn job(mut self, bucket: &BucketName, now: Timestamp) -> Result<Live, StoreError> {
        // Fields of a struct are evaluated in the order in which they are written: the order of the columns.
        let _id: [u8; 16] = self.columns.take()?;
        let key = self.columns.take()?;
        let algorithm: String = self.columns.take()?;
        let algorithm = Algorithm::from_name(&algorithm).ok_or_else(|| self.corrupt("algorithm"))?;
        let queue: String = self.columns.take()?;
        let queue = QueueId::parse(&queue).ok_or_else(|| self.corrupt("queue"))?;
        let queue_paused = self.columns.take()?;
        let request = NewJob {
            id: self.id,
            object: ObjectRef { bucket: bucket.clone(), key },
            queue,
            algorithm,
            algorithm_as_given: self.columns.take()?,
            add_to_header: self.columns.take()?,
            level: self.columns.take()?,
            user_data: self.columns.take()?,
            fresh: self.columns.take()?,
            submitter: self.columns.take()?,
            callback: self.callback()?,
        };
        let state: String = self.columns.take()?;
        let progress: u8 = self.columns.take()?;
        let started = self.columns.take_time()?;
        let ended = self.columns.take_time()?;
        let facts = self.facts(&request)?;
        let error = self.error()?;
        let target = self.target()?;
        let delivery = self.delivery()?;
        let live = self.live(now)?;

        let state = match (state.as_str(), &live) {
            ("open", Some(live)) if live.leased => JobState::Running,
            ("open", Some(_)) => JobState::Waiting,
            ("open", None) => return Err(self.corrupt("live row")),
            (word, _) => JobState::from_word(word).ok_or_else(|| self.corrupt("state"))?,
        };
        let job = Job { request, state, queue_paused, progress, started, ended, facts, error, target, delivery };
        let Some(live) = live else {
            return Ok(Live { job, attempts: 0, checkpoint: None, is_suspect: false, failing: None });
        };
        let (attempts, checkpoint, is_suspect, failing) =
            (live.attempts, live.checkpoint, live.is_suspect, live.failing);
        let job = match live.stage {
            Stage::Hash => Job {
                progress: if state == JobState::Running { live.progress } else { 0 },
                started: live.started,
                error: last_error(live.code, live.said),
                ..job
            },
            Stage::Deliver => Job {
                delivery: Delivery { attempts, last: live.said, last_time: live.said_time, ..job.delivery },
                ..job
            },
        };
        Ok(Live { job, attempts, checkpoint, is_suspect, failing })
    }

    fn callback(&mut self) -> Result<CallbackRequest, StoreError> {
        let address: Option<String> = self.columns.take()?;
        let format: Option<String> = self.columns.take()?;
        read_callback(address.as_deref(), format.as_deref()).ok_or_else(|| self.corrupt("callback"))
    }

    fn facts(&mut self, request: &NewJob) -> Result<Option<FileFacts>, StoreError> {
        let size_bytes: Option<i64> = self.columns.take()?;
        let etag: Option<String> = self.columns.take()?;
        let modified = self.columns.take_time()?;
        let digest: Option<Vec<u8>> = self.columns.take()?;
        let checksum: Option<i64> = self.columns.take()?;
        let (Some(size_bytes), Some(etag), Some(modified), Some(digest)) = (size_bytes, etag, modified, digest) else {
            return Ok(None);
        };
        let digest = Digest::from_bytes(request.algorithm, &digest).ok_or_else(|| self.corrupt("digest"))?;
        let facts = FileFacts { digests: vec![digest], size_bytes: size_bytes.unsigned_abs(), etag, modified };
        if checksum != Some(result_checksum(self.id, &request.object.key, request.algorithm, &facts)) {
            return Err(self.corrupt("checksum"));
        }
        Ok(Some(facts))
    }

    fn error(&mut self) -> Result<Option<JobError>, StoreError> {
        let code: Option<String> = self.columns.take()?;
        let message: Option<String> = self.columns.take()?;
        let Some(code) = code else { return Ok(None) };
        let code = FailureCode::from_word(&code).ok_or_else(|| self.corrupt("error_code"))?;
        Ok(Some(JobError::permanent(code, message.unwrap_or_default())))
    }

    fn target(&mut self) -> Result<Option<CallbackTarget>, StoreError> {
        let address: Option<String> = self.columns.take()?;
        let format: Option<String> = self.columns.take()?;
        let (Some(address), Some(format)) = (address, format) else { return Ok(None) };
        match (address::parse(&address), address::parse_format(&format)) {
            (Some(address), Some(format)) => Ok(Some(CallbackTarget { address, format })),
            _ => Err(self.corrupt("target")),
        }
    }

    fn delivery(&mut self) -> Result<Delivery, StoreError> {
        let word: Option<String> = self.columns.take()?;
        let state = match word.as_deref() {
            None => DeliveryState::None,
            Some(word) => DeliveryState::from_word(word).ok_or_else(|| self.corrupt("delivery"))?,
        };
        Ok(Delivery {
            state,
            attempts: self.columns.take()?,
            last: self.columns.take()?,
            last_time: self.columns.take_time()?,
        })
    }

    fn live(&mut self, now: Timestamp) -> Result<Option<LiveRow>, StoreError> {
        let stage: Option<String> = self.columns.take()?;
        let due = self.columns.take_time()?;
        let secret: Option<i64> = self.columns.take()?;
        let Some(stage) = stage else { return Ok(None) };
        let stage = stage_from_word(&stage).ok_or_else(|| self.corrupt("stage"))?;
        Ok(Some(LiveRow {
            stage,
            leased: secret.is_some() && due.is_some_and(|due| due > now),
            attempts: self.columns.take()?,
            started: self.columns.take_time()?,
            progress: self.columns.take()?,
            code: self.columns.take()?,
            said: self.columns.take()?,
            said_time: self.columns.take_time()?,
            checkpoint: self.columns.take::<Option<Vec<u8>>>()?.map(Checkpoint::from_bytes),
            is_suspect: self.columns.take()?,
            failing: self.columns.take_time()?,
        }))
    }

    fn corrupt(&self, what: &str) -> StoreError {
        StoreError::damaged(self.id, what)
    }
}

/// What a job says of its callback, from its two columns.
pub(super) fn read_callback(address: Option<&str>, format: Option<&str>) -> Option<CallbackRequest> {
    let format = match format {
        None => None,
        Some(text) => Some(address::parse_format(text)?),
    };
    Some(CallbackRequest { address: address::parse_request(address)?, format })
}

pub(super) fn stage_from_word(word: &str) -> Option<Stage> {
    [Stage::Hash, Stage::Deliver].into_iter().find(|stage| stage.word() == word)
}

/// Why the last attempt ended: what is tried again may succeed later.
fn last_error(code: Option<String>, message: Option<String>) -> Option<JobError> {
    let code = FailureCode::from_word(&code?)?;
    Some(JobError::temporary(code, message.unwrap_or_default()))
}
