-- open: what a process held that did not end cleanly is suspect.
update live indexed by live_due set trials = coalesce(trials, 0)
where due_ms is not null and secret is not null and stage = 'hash'
