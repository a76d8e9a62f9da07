-- list: hash rows that are leased or delayed, of all queues. Read from the index alone; their number is bounded by what
-- runs and what failed in the last minute, not by what waits.
select id, queue, secret is not null and due_ms > ?1 from live indexed by live_due
where due_ms is not null and stage = 'hash'
