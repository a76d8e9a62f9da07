-- claim: a delayed or lapsed hash row is ready again; a lease that was on it is lost.
update live set due_ms = null, secret = null, progress = 0 where id = ?1
