-- prune: ended jobs of a queue in one state whose callback is settled, the oldest first. No job ends before it is
-- created, so that the range of ids bounds the search.
select id from job indexed by job_ended
where ended_ms is not null
  and queue = ?1 and state = ?2
  and id < ?3       -- created before
  and ended_ms < ?4 -- ended before
  and delivery is not 'due'
order by id
limit ?5
