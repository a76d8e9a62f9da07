-- list: ended jobs of a queue in one state.
select id from job indexed by job_ended
where ended_ms is not null
  and queue = ?1 and state = ?5 and id >= ?2 and id < ?3
order by id desc
limit ?4
