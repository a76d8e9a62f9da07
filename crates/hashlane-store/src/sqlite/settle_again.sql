-- settle: an attempt at hashing that failed for now.
update live set
  due_ms = ?2,
  secret = null,
  attempts = attempts + 1,
  progress = 0,
  last_code = ?3,
  last_said = ?4,
  failing_ms = coalesce(failing_ms, ?5) -- now
where id = ?1
