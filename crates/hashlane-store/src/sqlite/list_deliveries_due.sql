-- list_deliveries: callbacks to be sent, the next one first. The sort is of those due in one millisecond only.
select id, bucket, due_ms, secret is not null and due_ms > ?7 from live indexed by live_due
where due_ms is not null
  and stage = 'deliver'
  and due_ms >= ?5
  and (due_ms > ?5 or id > ?6) -- after the cursor
  and id >= ?1 and id < ?2
  and (?3 is null or bucket = ?3)
order by due_ms, id
limit ?4
