-- settle: the live row of an ended job whose callback is due at once, or held back.
update live set
  stage = 'deliver',
  due_ms = ?2,
  secret = null,
  attempts = 0,
  started_ms = null,
  progress = 0,
  checkpoint = null,
  failing_ms = null,
  last_code = null,
  last_said = null,
  log = ?3
where id = ?1
