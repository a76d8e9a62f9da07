-- open: the newest jobs of a bucket since a moment, for repeats of their submits.
select id from job where bucket = ?1 and id >= ?2 order by id desc limit ?3
