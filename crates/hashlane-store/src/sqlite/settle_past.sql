-- settle: what is recorded of a callback that was tried or postponed before.
select attempts, last_said, last_ms, last_status, last_took_ms, log from live where id = ?1
