-- cancel: how far a job of a bucket is.
select job.state, job.queue, live.stage, live.due_ms, live.secret is not null, live.started_ms, live.progress
from job left join live on live.id = job.id
where job.bucket = ?1 and job.id = ?2
