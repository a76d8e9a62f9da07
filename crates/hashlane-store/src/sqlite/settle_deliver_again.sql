-- settle: a callback that was not taken and is sent again.
update live set
  due_ms = ?2,
  secret = null,
  attempts = attempts + 1,
  last_said = ?3,
  last_status = ?5,
  last_took_ms = ?6,
  log = ?7,
  last_ms = max(?4, (select ended_ms from job where job.bucket = live.bucket and job.id = live.id))
where id = ?1
