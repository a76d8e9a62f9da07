-- claim: the lease. A job keeps the time of its first claim.
update live set
  secret = ?2,
  due_ms = ?3, -- when the lease lapses
  started_ms = coalesce(started_ms, ?4),
  progress = 0
where id = ?1
