-- claim: a row whose job cannot be read is put off, so that it stops nobody.
update live set due_ms = ?2, secret = null where id = ?1
