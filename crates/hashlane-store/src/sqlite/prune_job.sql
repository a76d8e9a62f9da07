-- prune: one job less.
delete from job where bucket = ?1 and id = ?2 returning delivery is 'failed'
