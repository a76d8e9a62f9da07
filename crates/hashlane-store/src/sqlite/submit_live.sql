-- submit: its live row, ready at once.
insert into live (id, bucket, queue, level, stage) values (?1, ?2, ?3, ?4, 'hash')
