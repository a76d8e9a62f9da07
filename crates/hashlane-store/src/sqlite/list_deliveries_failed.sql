-- list_deliveries: callbacks that were given up, the newest job first. Read from the index alone.
select id, bucket from job indexed by job_undelivered
where delivery = 'failed'
  and id >= ?1 and id < ?2
  and (?3 is null or bucket = ?3)
order by id desc
limit ?4
