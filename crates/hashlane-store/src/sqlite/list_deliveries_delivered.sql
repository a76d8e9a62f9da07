-- list_deliveries: a stretch of a bucket's jobs, the newest first, and which of them have a callback that was taken. No index
-- finds those: where callbacks are used, most jobs have one.
select id, delivery is 'delivered' from job
where bucket = ?1 and id >= ?2 and id < ?3
order by id desc
limit ?4
