-- cancel: the end of a job by its client. The result of whoever works on it will find no lease.
update job set
  state = 'cancelled',
  progress = ?3,
  started_ms = ?4,
  ended_ms = ?5
where bucket = ?1 and id = ?2 and state = 'open'
