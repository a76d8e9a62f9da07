-- claim: rows of a stage whose delay is over or whose lease has lapsed, the last due first.
select id, bucket, queue, secret is not null from live indexed by live_due
where due_ms is not null
  and stage = ?1
  and due_ms <= ?2 -- now, steady
order by due_ms desc
limit ?3
