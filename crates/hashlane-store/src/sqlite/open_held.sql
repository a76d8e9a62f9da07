-- open: what the process before this one held.
select id, bucket, stage, secret, deaths from live indexed by live_due
where due_ms is not null and secret is not null
