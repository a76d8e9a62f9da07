-- claim: a suspect that is ready.
select bucket, queue from live where id = ?1 and trials is not null and due_ms is null and secret is null
