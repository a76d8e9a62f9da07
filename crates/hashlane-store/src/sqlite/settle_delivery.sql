-- settle: the end of a callback.
update job set
  delivery = ?3,
  delivery_attempts = ?4,
  delivery_said = ?5,
  delivery_ms = max(?6, ended_ms),
  delivery_status = ?7,
  delivery_took_ms = ?8,
  delivery_log = ?9
where bucket = ?1 and id = ?2 and delivery = 'due'
