-- close_service: jobs that wait in a queue: the ready ones, and those that wait for another attempt.
select id from live indexed by live_ready where due_ms is null and queue = ?1
union all
select id from live indexed by live_due where due_ms is not null and stage = 'hash' and queue = ?1 and secret is null
limit ?2
