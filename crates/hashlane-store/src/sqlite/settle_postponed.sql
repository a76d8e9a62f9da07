-- settle: a callback that was not sent; the attempt is not counted.
update live set due_ms = ?2, secret = null, log = ?3 where id = ?1
