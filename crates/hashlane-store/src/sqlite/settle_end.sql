-- settle: the end of a job, with result or error and with the frozen target of its callback.
update job set
  state = ?3,
  progress = ?4,
  started_ms = ?5,
  ended_ms = ?6,
  size_bytes = ?7,
  etag = ?8,
  modified_ms = ?9,
  digest = ?10,
  checksum = ?11,
  error_code = ?12,
  error_message = ?13,
  target = ?14,
  target_format = ?15,
  delivery = iif(?14 is null, null, 'due'),
  version = ?16 -- what later jobs find the result by, if they may
where bucket = ?1 and id = ?2 and state = 'open'
