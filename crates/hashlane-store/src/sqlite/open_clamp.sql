-- open: nothing waits longer than its longest pause from now, whatever the clocks did since it was written.
update live indexed by live_due set due_ms = ?2
where due_ms is not null and stage = ?1 and due_ms > ?2
