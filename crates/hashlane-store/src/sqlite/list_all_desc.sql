-- list: every job of a bucket.
select id from job
where bucket = ?1 and id >= ?2 and id < ?3
order by id desc
limit ?4
