-- open: every lease belongs to a process that is dead, for this one holds the store alone. Its attempt is not counted. What
-- more processes died with than may is not released: it ends.
update live indexed by live_due set
  due_ms = iif(stage = 'hash', null, ?1), -- now
  secret = null,
  progress = 0
where due_ms is not null and secret is not null and (stage <> 'hash' or deaths < ?2)
