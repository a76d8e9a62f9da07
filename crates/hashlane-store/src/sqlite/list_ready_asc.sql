-- list: ready jobs of a queue in one level.
select id from live indexed by live_ready
where due_ms is null
  and queue = ?1 and level = ?5 and id >= ?2 and id < ?3
order by id asc
limit ?4
