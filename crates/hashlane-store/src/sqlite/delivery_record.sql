-- delivery_record: what is known of the callback of one job; columns 0 to 6 as they are after its end, from 7 on as they are
-- while it is due.
select
  job.delivery, job.delivery_attempts, job.delivery_said, job.delivery_ms,
  job.delivery_status, job.delivery_took_ms, job.delivery_log,
  live.stage, live.attempts, live.last_said, live.last_ms,
  live.last_status, live.last_took_ms, live.log,
  live.due_ms, live.secret is not null
from job
left join live on live.id = job.id
where job.bucket = ?1 and job.id = ?2
