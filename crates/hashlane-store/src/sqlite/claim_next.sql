-- claim: when the next row of a stage becomes due.
select due_ms from live indexed by live_due
where due_ms is not null and stage = ?1
order by due_ms
limit 1
