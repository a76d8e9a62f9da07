-- settle: an attempt that does not count.
update live set
  due_ms = iif(stage = 'hash', null, ?2), -- now
  secret = null,
  progress = 0
where id = ?1
