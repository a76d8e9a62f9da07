-- replay: its live row, due at once, with no attempts yet.
insert into live (id, bucket, queue, level, stage, due_ms, log) values (?1, ?2, ?3, ?4, 'deliver', ?5, ?6)
