-- get, list, claim: a whole job. The columns are read in this order by job_row.rs.
select
  job.id, job.key, job.algorithm,
  queue.id, queue.paused,
  job.algorithm_as_given, job.add_to_header, job.level, job.user_data, job.fresh, job.submitter,
  job.callback, job.callback_format,
  job.state, job.progress, job.started_ms, job.ended_ms,
  job.size_bytes, job.etag, job.modified_ms, job.digest, job.checksum,
  job.error_code, job.error_message,
  job.target, job.target_format,
  job.delivery, job.delivery_attempts, job.delivery_said, job.delivery_ms,
  live.stage, live.due_ms, live.secret, live.attempts, live.started_ms, live.progress,
  live.last_code, live.last_said, live.last_ms, live.checkpoint, live.trials is not null, live.failing_ms
from job
cross join queue on queue.number = job.queue
left join live on live.id = job.id
where job.bucket = ?1 and job.id = ?2
