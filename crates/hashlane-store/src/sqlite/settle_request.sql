-- settle: what the end of a job depends on.
select key, algorithm, callback, callback_format from job where bucket = ?1 and id = ?2
