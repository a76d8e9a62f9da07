-- claim: the ready rows of a queue, the highest level first, within a level the oldest.
select id from live indexed by live_ready
where due_ms is null
  and queue = ?1
order by level desc, id
limit ?2
